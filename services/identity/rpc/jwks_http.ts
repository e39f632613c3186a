import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';

export const JWKS_PATH = '/.well-known/jwks.json';

export type JwksServer = { port: number; address: string; stop(): Promise<void> };

/** Serves the public keys (RFC 7517) to the edge and the services. Verifiers may keep them for ten minutes. */
export async function startJwksServer({ host, port, jwks }: { host: string; port: number; jwks: () => { keys: JWK[] } }): Promise<JwksServer> {
  const server = createServer((request, response) => {
    if (request.url === '/healthz') return void response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
    if (request.method !== 'GET' || request.url !== JWKS_PATH) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=600' }).end(JSON.stringify(jwks()));
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    address: `${host}:${bound}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
