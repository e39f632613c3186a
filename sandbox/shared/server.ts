// The base of every outside system of the sandbox: an HTTP server that checks our signature, signs its answers and
// misbehaves when told to.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { KeyPair } from '#kit/external/keys.ts';
import { NonceMemory } from '#kit/external/nonces.ts';
import { answerPart, signPart, SIGNATURE_HEADER, verifyPart } from '#kit/external/signature.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { faultRoutes } from './fault_routes.ts';
import type { Faults } from './faults.ts';
import { findRoute, Refusal } from './route.ts';
import type { Route, SandboxAnswer } from './route.ts';

export type SandboxServerOptions = {
  name: string;
  host: string;
  port: number;
  /** Its private key and our public one: loadSandboxKeys. */
  keys: KeyPair;
  routes: readonly Route[];
  faults: Faults;
  log: Log;
  clock?: Clock;
  /** Where tls.crt and tls.key are; plain HTTP without it. */
  tls_dir?: string;
};

export type SandboxServer = { port: number; address: string; stop(): Promise<void> };

export async function startSandboxServer(options: SandboxServerOptions): Promise<SandboxServer> {
  const serve = createHandler({ ...options, routes: [...faultRoutes(options.name, options.faults), ...options.routes] });
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => {
      options.log.error({ error, system: options.name }, 'a sandbox request failed');
      response.destroy();
    });
  };
  const server = options.tls_dir === undefined ? createServer(answer) : createTlsServer(await certificateIn(options.tls_dir), answer);
  server.requestTimeout = 30_000;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, options.host, resolve));
  const { port } = server.address() as AddressInfo;
  return { port, address: `${options.host}:${port}`, stop: () => close(server) };
}

async function certificateIn(dir: string): Promise<{ cert: Buffer; key: Buffer }> {
  const [cert, key] = await Promise.all([readFile(join(dir, 'tls.crt')), readFile(join(dir, 'tls.key'))]);
  return { cert, key };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function createHandler(options: SandboxServerOptions): Handler {
  const { faults, clock = systemClock } = options;
  const nonces = new NonceMemory();

  function refusalOf(request: IncomingMessage, raw: Uint8Array, keys: KeyPair): Refusal | undefined {
    const verified = verifyPart({ method: request.method ?? '', path: request.url ?? '', body: raw }, request.headers, { key: keys.peer_key, now_ms: clock.now_ms() });
    if (!verified.ok) return new Refusal(401, `SIGNATURE_INVALID: ${verified.error.detail}`);
    return nonces.take(verified.value.nonce, clock.now_ms()) ? undefined : new Refusal(401, 'NONCE_REUSED');
  }

  return async (request, response) => {
    const raw = await readBody(request);
    const url = new URL(request.url ?? '/', 'http://sandbox');
    const found = findRoute(options.routes, request.method ?? '', url.pathname);
    const { signed = false, keys = options.keys } = found?.route ?? {};
    if (await misbehaveBefore(faults, url.pathname, signed, response)) return;

    const refusal = found === undefined ? new Refusal(404, 'NO_SUCH_PATH') : signed ? refusalOf(request, raw, keys) : undefined;
    const answer =
      refusal === undefined
        ? await runHandler(found!.route, { method: request.method ?? '', path: url.pathname, params: found!.params, query: url.searchParams, headers: request.headers, raw, json: parseJson(raw) })
        : toAnswer(refusal);
    if (signed && (await misbehaveAfter(faults, url.pathname, response))) return;

    const { status, headers, body } = render(answer);
    if (signed) {
      const nonce = String(request.headers['x-chunyun-nonce'] ?? 'without-nonce');
      const signature = signPart(answerPart(request.method ?? '', request.url ?? '', status, body), { key: keys.sign_key, now_ms: clock.now_ms(), nonce });
      if (faults.take(url.pathname, 'bad_signature') !== undefined) signature[SIGNATURE_HEADER] = Buffer.from('forged').toString('base64');
      Object.assign(headers, signature);
    }
    response.writeHead(status, headers).end(body);
  };
}

/** True when the request is dealt with: it fails or is dropped before anything happened. */
async function misbehaveBefore(faults: Faults, path: string, signed: boolean, response: ServerResponse): Promise<boolean> {
  if (!signed) return false;
  const delay = faults.take(path, 'delay');
  if (delay !== undefined) await sleep(delay.delay_ms ?? 1000);
  if (faults.take(path, 'drop') !== undefined) {
    response.destroy();
    return true;
  }
  const failing = faults.take(path, 'fail');
  if (failing === undefined) return false;
  response.writeHead(failing.status ?? 500, { 'content-type': 'text/plain' }).end('out of order');
  return true;
}

/** True when the effect stands but its answer never leaves the house. */
async function misbehaveAfter(faults: Faults, path: string, response: ServerResponse): Promise<boolean> {
  const silent = faults.take(path, 'timeout_after_success');
  if (silent === undefined) return false;
  await sleep(silent.delay_ms ?? 30_000, undefined, { ref: false });
  response.destroy();
  return true;
}

async function runHandler(route: Route, request: Parameters<Route['handle']>[0]): Promise<SandboxAnswer> {
  try {
    return await route.handle(request);
  } catch (error) {
    if (error instanceof Refusal) return toAnswer(error);
    throw error;
  }
}

function toAnswer({ status, reason }: Refusal): SandboxAnswer {
  return { status, json: { error: reason } };
}

function render(answer: SandboxAnswer): { status: number; headers: Record<string, string>; body: Buffer } {
  const headers: Record<string, string> = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  if ('redirect' in answer) return { status: 303, headers: { ...headers, location: answer.redirect }, body: Buffer.alloc(0) };
  if ('html' in answer) return { status: answer.status ?? 200, headers: { ...headers, 'content-type': 'text/html; charset=utf-8' }, body: Buffer.from(answer.html) };
  return { status: answer.status ?? 200, headers: { ...headers, 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(answer.json)) };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw new Error('the request is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A form of a page is no JSON; its handler reads the raw bytes. */
function parseJson(raw: Uint8Array): unknown {
  try {
    return raw.length === 0 ? undefined : JSON.parse(Buffer.from(raw).toString());
  } catch {
    return undefined;
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

const BODY_LIMIT = 1024 * 1024;
