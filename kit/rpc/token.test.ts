import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { ManualClock } from '#kit/base/clock.ts';
import { accountClaims, createTokenVerifier } from './token.ts';
import { AUDIENCE, createIssuer, ISSUER, TRAVELLER } from './testing/serving.ts';

const issuer = await createIssuer();

test('a verified token is known until it expires, and only then checked again', async (t) => {
  const clock = new ManualClock(Date.now());
  const verifier = createTokenVerifier({ jwks: issuer.jwks, issuer: ISSUER, audience: AUDIENCE, clock });
  const token = await issuer.issue(TRAVELLER, { expires_s: 100 });
  t.is(verifier.cached(token), undefined);
  t.deepEqual(await verifier.verify(token), { ok: true, value: TRAVELLER });
  clock.advance(98_000);
  t.deepEqual(verifier.cached(token), TRAVELLER);
  clock.advance(3000);
  t.is(verifier.cached(token), undefined);
});

test('the least recently used tokens are forgotten first', async (t) => {
  const verifier = createTokenVerifier({ jwks: issuer.jwks, issuer: ISSUER, audience: AUDIENCE, cache_limit: 2 });
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((account_id) => issuer.issue({ ...TRAVELLER, account_id })));
  await verifier.verify(a!);
  await verifier.verify(b!);
  t.is(verifier.cached(a!)?.account_id, 'a');
  await verifier.verify(c!);
  t.deepEqual([a, b, c].map((token) => verifier.cached(token!)?.account_id), ['a', undefined, 'c']);
});

test('a token that lacks what we need, or is far too long, is invalid', async (t) => {
  const verifier = createTokenVerifier({ jwks: issuer.jwks, issuer: ISSUER, audience: AUDIENCE });
  for (const token of [await issuer.issue({ ...TRAVELLER, account_id: '' }), await issuer.issue({ ...TRAVELLER, member_level: 99 }), await issuer.issue({ ...TRAVELLER, city: 'x'.repeat(5000) })]) {
    const verified = await verifier.verify(token);
    t.is(!verified.ok && verified.error.reason, 'TOKEN_INVALID');
  }
});

test('services of one process that trust the same keys check a token once, and others check it for themselves', async (t) => {
  let fetched = 0;
  const server = createServer((_request, response) => {
    fetched += 1;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(issuer.jwks));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => void server.close());
  const options = { jwks: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`), issuer: ISSUER, audience: AUDIENCE };
  const [order, payment, stranger] = [createTokenVerifier(options), createTokenVerifier({ ...options, jwks: new URL(options.jwks) }), createTokenVerifier({ ...options, audience: 'somebody else' })];
  const token = await issuer.issue(TRAVELLER);
  t.deepEqual(await order.verify(token), { ok: true, value: TRAVELLER });
  t.deepEqual(payment.cached(token), TRAVELLER);
  t.is(stranger.cached(token), undefined);
  const refused = await stranger.verify(token);
  t.is(!refused.ok && refused.error.reason, 'TOKEN_INVALID');
  t.is(fetched, 2);
});

test('what identity puts into a token is what services read from it', (t) => {
  t.deepEqual(accountClaims(TRAVELLER), { sub: '42', sid: 's-1', tenant: 'rail', channel: 'web', device_id: 'd-1', roles: ['traveller'], member_level: 2, city: '上海' });
});
