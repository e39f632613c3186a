import { generateKeyPair, exportJWK, SignJWT } from 'jose';
import type { CryptoKey, JSONWebKeySet } from 'jose';
import { silentLog } from '#kit/telemetry/log.ts';
import type { AccountCaller } from '../caller.ts';
import { createClient } from '../client.ts';
import type { ClientOptions, ServiceClient } from '../client.ts';
import { implement } from '../implement.ts';
import type { Handlers } from '../implement.ts';
import { startServer } from '../server.ts';
import type { RunningServer, StartServerOptions } from '../server.ts';
import { accountClaims } from '../token.ts';
import { Echo } from './echo.ts';

export const ISSUER = 'https://identity.chunyun.test';
export const AUDIENCE = 'chunyun';
export const KEY = new Uint8Array(32).fill(7);

export const TRAVELLER: AccountCaller = {
  kind: 'account', account_id: '42', tenant: 'rail', channel: 'web', device_id: 'd-1', session_id: 's-1', roles: ['traveller'], member_level: 2, city: '上海',
};

export type TokenIssuer = { jwks: JSONWebKeySet; issue(account: AccountCaller, claims?: { issuer?: string; audience?: string; expires_s?: number }): Promise<string> };

/** Makes tokens as identity does. */
export async function createIssuer(key_id = 'k1'): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: key_id, alg: 'ES256' }] };
  return { jwks, issue: (account, claims) => sign(privateKey, key_id, account, claims) };
}

function sign(key: CryptoKey, kid: string, account: AccountCaller, { issuer = ISSUER, audience = AUDIENCE, expires_s = 600 }: { issuer?: string; audience?: string; expires_s?: number } = {}): Promise<string> {
  const now_s = Math.floor(Date.now() / 1000);
  return new SignJWT(accountClaims(account)).setProtectedHeader({ alg: 'ES256', kid }).setIssuer(issuer).setAudience(audience).setIssuedAt(now_s).setExpirationTime(now_s + expires_s).sign(key);
}

/** Handlers that answer with what they were asked; a test replaces those it is about. */
export const ECHOING: Handlers<typeof Echo> = {
  say: (request) => request,
  blob: (request) => request,
  write: (request) => request,
  mine: (request) => request,
  operate: (request) => request,
  inspect: (request) => request,
  internal: (request) => request,
  count: async function* ({ value }) {
    for (let number = 1; number <= Number(value); number += 1) yield { value: String(number) };
  },
  watch: async function* (request, { signal }) {
    yield request;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  },
  join: async (requests) => {
    let value = '';
    for await (const request of requests) value += request.value;
    return { value };
  },
  talk: async function* (requests) {
    yield* requests;
  },
};

export type EchoServer = RunningServer & { client(options?: Partial<ClientOptions>): ServiceClient<typeof Echo> };

/** An echo server on a free port and clients of it; all of it ends with the test. */
export async function startEcho(
  t: { teardown(end: () => unknown): void },
  handlers: Partial<Handlers<typeof Echo>> = {},
  options: Partial<StartServerOptions> = {},
): Promise<EchoServer> {
  const server = await startServer({ service: 'echo', auth: { caller_keys: [KEY] }, log: silentLog(), implementations: [implement(Echo, { ...ECHOING, ...handlers })], ...options });
  t.teardown(() => server.stop());
  const client = (more: Partial<ClientOptions> = {}): ServiceClient<typeof Echo> => {
    const made = createClient(Echo, { address: server.address, service: 'order', default_timeout_ms: 60_000, ...more });
    t.teardown(() => made.close());
    return made;
  };
  return { ...server, client };
}
