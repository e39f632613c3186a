import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AccountCaller } from '#kit/rpc/caller.ts';
import { createIssuer } from '#kit/rpc/testing/serving.ts';

export const TEST_ISSUER = 'chunyun';
export const TEST_AUDIENCE = 'chunyun';

export type TokenServer = {
  jwks_url: string;
  /** Headers that make a call one of this account's. */
  headersFor(account: Partial<AccountCaller>): Promise<Record<string, string>>;
  stop(): Promise<void>;
};

/** Stands where identity stands for tests of other services: keys over HTTP, and tokens signed by them. */
export async function startTokens(): Promise<TokenServer> {
  const issuer = await createIssuer();
  const server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify(issuer.jwks)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    jwks_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`,
    async headersFor(account) {
      const caller: AccountCaller = { kind: 'account', account_id: '1', tenant: 'rail', channel: 'web', device_id: 'd', session_id: 's', roles: ['traveller'], member_level: 0, ...account };
      return { authorization: `Bearer ${await issuer.issue(caller, { issuer: TEST_ISSUER, audience: TEST_AUDIENCE })}` };
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
