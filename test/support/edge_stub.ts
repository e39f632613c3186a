/** What stands behind an edge when a test is about the edge alone: every service, the limiter and the keys, in no time. */
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { frame } from './edge_raw.ts';
import { startTokens, type TokenServer } from './tokens.ts';

export const STUB_HOST = '127.0.0.1';
/** OK of the limiter, SERVING of health. */
const YES = Buffer.from('0801', 'hex');
const ASKED_BY_THE_EDGE = /^\/(envoy|grpc)\./;

export type Stub = {
  /** As `startEdge` wants it. */
  env: Record<string, string>;
  /** Headers of all calls so far, by path; gRPC's and HTTP's. */
  seen: Map<string, IncomingHttpHeaders[]>;
  tokens: TokenServer;
  /** Paths that are answered otherwise than at once with nothing. */
  answers: Map<string, (stream: ServerHttp2Stream, message?: Uint8Array) => void>;
  http_port: number;
  stop(): Promise<void>;
};

/** One server that is every service. */
export async function startStub(): Promise<Stub> {
  const tokens = await startTokens();
  const seen: Stub['seen'] = new Map();
  const answers: Stub['answers'] = new Map();
  const see = (path: string, headers: IncomingHttpHeaders): void => void seen.set(path, [...(seen.get(path) ?? []), headers]);
  const grpc = await listen(createHttp2().on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const path = headers[':path'] ?? '';
    see(path, headers);
    // Whoever asked may have gone.
    stream.on('error', () => {});
    (answers.get(path) ?? answer)(stream, ASKED_BY_THE_EDGE.test(path) ? YES : undefined);
  }));
  const http = await listen(createHttp((request, response) => {
    see(request.url ?? '', request.headers);
    if (request.url !== '/.well-known/jwks.json') return void response.end('{}');
    void fetch(tokens.jwks_url).then(async (keys) => response.end(await keys.text()));
  }));
  const env = Object.fromEntries([
    ...SERVICE_NAMES.map((name) => [`${name.toUpperCase()}_PORT`, String(grpc.port)]),
    ...['IDENTITY', 'PAYMENT', 'NOTIFICATION'].map((name) => [`${name}_HTTP_PORT`, String(http.port)]),
  ]) as Record<string, string>;
  return {
    env, seen, tokens, answers,
    http_port: http.port,
    async stop() {
      grpc.stop();
      http.stop();
      await tokens.stop();
    },
  };
}

/** With one message, an empty one by default. */
export function answer(stream: ServerHttp2Stream, message: Uint8Array = new Uint8Array(), headers: Record<string, string> = {}): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...headers }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(frame(message));
}

/** Listens on a port of its own until it is stopped, with all that is connected. */
export async function listen(server: Server): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket)).listen(0, STUB_HOST);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
