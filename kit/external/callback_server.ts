// Where an outside system calls us back: its signature is checked on the bytes as received, before anything in them is read.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeyObject } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { errorSpec } from '#kit/base/errors.ts';
import { fail, type Result } from '#kit/base/result.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { verifyPart } from './signature.ts';

export type CallbackServerOptions = {
  host: string;
  port: number;
  /** For metrics. */
  service: string;
  /** Paths that are called back; others are answered 404. What its groups found is handed to `take`. */
  path: RegExp;
  /** Public key of the outside system. */
  peer_key: KeyObject;
  clock: Clock;
  log: Log;
  /**
   * Takes one, signed by them within the last five minutes. It may come twice and in any order, so it must compare and set.
   * The word of its outcome is for metrics, so of a small set. A throw makes them call again.
   */
  take: (json: unknown, found: RegExpExecArray) => Promise<Result<string>>;
};

export type CallbackServer = { port: number; address: string; stop(): Promise<void> };

const MAX_BODY_BYTES = 65_536;
const REQUEST_TIMEOUT_MS = 5000;

/** They get 200 only after the effect is committed; anything else makes them call again. */
export async function startCallbackServer(options: CallbackServerOptions): Promise<CallbackServer> {
  const outcomes = metricsFor(options.service).counter('external_callbacks_total', 'Callbacks of outside systems by outcome', ['outcome']);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const answer = (status: number, outcome: string): void => {
      outcomes.inc({ outcome });
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ result: outcome }));
    };
    response.on('error', () => undefined);
    receive(options, request).then(
      (taken) => (taken.ok ? answer(200, taken.value) : answer(errorSpec(taken.error.reason).http_status, taken.error.reason)),
      (error: unknown) => {
        options.log.warn({ error }, 'a callback could not be taken');
        answer(503, 'TRY_AGAIN');
      },
    );
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), REQUEST_TIMEOUT_MS).unref();
    await closed;
  };
  return { port, address: `${options.host}:${port}`, stop };
}

async function receive({ path: wanted, peer_key, clock, take }: CallbackServerOptions, request: IncomingMessage): Promise<Result<string>> {
  const path = request.url ?? '/';
  const found = request.method === 'POST' ? wanted.exec(path) : null;
  if (found === null) return fail('NOT_IMPLEMENTED');
  const raw = await bodyOf(request);
  if (raw === undefined) return fail('MESSAGE_TOO_LARGE');
  const verified = verifyPart({ method: 'POST', path, body: raw }, request.headers, { key: peer_key, now_ms: clock.now_ms() });
  return verified.ok ? take(parseJson(raw), found) : verified;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseJson(raw: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(raw).toString('utf8'));
  } catch {
    return undefined;
  }
}
