/** Requests that no decent client would send. */
import { connect as connectH2, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';

export type RawAnswer = { status: number; headers: IncomingHttpHeaders; trailers: IncomingHttpHeaders; body: Buffer };

const TIMEOUT_MS = 30_000;

/** One HTTP/2 request with just these headers; the path goes out as it is written. Rejects when the stream is cut. */
export async function h2(url: string, headers: Record<string, string | string[]>, body: Uint8Array = new Uint8Array()): Promise<RawAnswer> {
  const session = connectH2(url);
  try {
    return await new Promise<RawAnswer>((resolve, reject) => {
      session.once('error', reject);
      const stream = session.request({ ':method': 'POST', ...headers });
      stream.setTimeout(TIMEOUT_MS, () => reject(new Error('no answer')));
      const chunks: Buffer[] = [];
      let answer: IncomingHttpHeaders & { ':status'?: number } = {};
      let trailers: IncomingHttpHeaders = {};
      stream.once('response', (given) => (answer = given));
      stream.once('trailers', (given) => (trailers = given));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('error', reject);
      stream.once('close', () => resolve({ status: Number(answer[':status'] ?? 0), headers: answer, trailers, body: Buffer.concat(chunks) }));
      stream.end(body);
    });
  } finally {
    session.destroy();
  }
}

/** A gRPC message: its length before it. */
export function frame(message: Uint8Array, flag = 0): Buffer<ArrayBuffer> {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Writes text to a connection and resolves with all that comes back until the other side closes, and after how long. */
export function speak(url: string, text: string): Promise<{ answer: string; after_ms: number }> {
  const { hostname, port } = new URL(url);
  const begin_ms = performance.now();
  return new Promise((resolve) => {
    let answer = '';
    const socket = connectTcp(Number(port), hostname, () => socket.write(text));
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    socket.on('error', () => {});
    socket.on('close', () => resolve({ answer, after_ms: performance.now() - begin_ms }));
  });
}
