// One HTTP request and its whole answer, over connections that are kept. Without the streams, headers and signals that
// fetch makes for each: calls to the outside are many, and a signature is work enough.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export type Exchange = { method: 'GET' | 'POST'; headers: Readonly<Record<string, string>>; body: Uint8Array | undefined; signal: AbortSignal; answer_limit_bytes: number };
export type Exchanged = { status: number; headers: Record<string, string | string[] | undefined>; bytes: Uint8Array };

/** The other side said more than it may. */
export class AnswerTooLarge extends Error {
  override name = 'AnswerTooLarge';
}

/** Connections per host; whoever calls bounds how many are used at once. */
const AGENT = { keepAlive: true, maxFreeSockets: 64 };
const http_agent = new HttpAgent(AGENT);
const https_agent = new HttpsAgent(AGENT);

/** Rejects with the connection's error, or AnswerTooLarge. A redirect is an answer like any other: following it would carry the signature to somebody else. */
export function exchange(url: URL, { method, headers, body, signal, answer_limit_bytes }: Exchange): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const options = { method, headers: { ...headers, ...length }, signal, agent: secure ? https_agent : http_agent };
    const request = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
      collect(response, answer_limit_bytes).then((bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes }), reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function collect(response: IncomingMessage, limit_bytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit_bytes) response.destroy(new AnswerTooLarge());
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks)));
    response.on('error', reject);
  });
}
