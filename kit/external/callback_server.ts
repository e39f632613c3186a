// Where an outside system calls us back: bytes as received for whoever checks their signature, and a bound on each call.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '#kit/telemetry/log.ts';

export type CallbackRequest = {
  path: string;
  /** What the groups of the path found. */
  found: RegExpExecArray;
  /** Nothing in them may be read before their signature is checked. */
  body: Uint8Array;
  headers: IncomingHttpHeaders;
};

/**
 * `result` is what they read, the outcome where it is left out; `results` where one callback tells of many things, one for
 * each. The outcome is for metrics, so of a small set.
 */
export type CallbackAnswer = { status: number; outcome: string; result?: string; results?: readonly string[] };

export type CallbackServerOptions<A extends CallbackAnswer> = {
  host: string;
  port: number;
  /** Paths that are called back; others are answered 404. */
  path: RegExp;
  log: Log;
  /** Takes one, which may come twice and in any order, so it must compare and set. A throw makes them call again. */
  take: (request: CallbackRequest) => Promise<A>;
  /** Hears of every answer, also of those that `take` was not asked for. */
  count: (answer: A | CallbackAnswer) => void;
};

export type CallbackServer = { port: number; address: string; stop(): Promise<void> };

const MAX_BODY_BYTES = 65_536;
const REQUEST_TIMEOUT_MS = 5000;
const NOT_HERE: CallbackAnswer = { status: 404, outcome: 'NOT_IMPLEMENTED' };
const TOO_LARGE: CallbackAnswer = { status: 413, outcome: 'MESSAGE_TOO_LARGE' };
const TRY_AGAIN: CallbackAnswer = { status: 503, outcome: 'TRY_AGAIN' };

/** They get 200 only after the effect is committed; anything else makes them call again. */
export async function startCallbackServer<A extends CallbackAnswer>(options: CallbackServerOptions<A>): Promise<CallbackServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const answer = (given: A | CallbackAnswer): void => {
      options.count(given);
      response.writeHead(given.status, { 'content-type': 'application/json' }).end(JSON.stringify({ result: given.result ?? given.outcome, results: given.results }));
    };
    response.on('error', () => undefined);
    receive(options, request).then(answer, (error: unknown) => {
      options.log.warn({ error }, 'a callback could not be taken');
      answer(TRY_AGAIN);
    });
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

async function receive<A extends CallbackAnswer>({ path: wanted, take }: CallbackServerOptions<A>, request: IncomingMessage): Promise<A | CallbackAnswer> {
  const path = request.url ?? '/';
  const found = request.method === 'POST' ? wanted.exec(path) : null;
  if (found === null) return NOT_HERE;
  const body = await bodyOf(request);
  return body === undefined ? TOO_LARGE : take({ path, found, body, headers: request.headers });
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
