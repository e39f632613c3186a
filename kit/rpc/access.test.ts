import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Health } from '#gen/grpc/health/v1/health_pb.ts';
import { Access, ruleOf } from './access.ts';
import { signCaller, SKEW_LIMIT_MS } from './caller.ts';
import type { AccountCaller, Caller } from './caller.ts';
import { RpcError } from './error.ts';
import { AUDIENCE, createIssuer, ISSUER, KEY, startEcho, TRAVELLER } from './testing/serving.ts';
import type { EchoServer } from './testing/serving.ts';
import { rawCall } from './testing/raw.ts';

const METHODS = ['say', 'mine', 'operate', 'inspect', 'internal'] as const;
const OPERATOR: AccountCaller = { ...TRAVELLER, account_id: '43', roles: ['operator'] };
const INSPECTOR: AccountCaller = { ...TRAVELLER, account_id: '44', roles: ['inspector'] };
const issuer = await createIssuer();

function start(t: ExecutionContext, handlers = {}): Promise<EchoServer> {
  return startEcho(t, handlers, { auth: { caller_keys: [KEY], token: { jwks: issuer.jwks, issuer: ISSUER, audience: AUDIENCE } } });
}

/** What each method says to a caller: `ok` or the reason. */
async function outcomes(call: (method: (typeof METHODS)[number]) => Promise<unknown>): Promise<string> {
  const answers = await Promise.all(METHODS.map((method) => call(method).then(() => 'ok', (error: unknown) => (error instanceof RpcError ? error.reason : String(error)))));
  return answers.join(' ');
}

test('each kind of caller may call exactly what the rules say', async (t) => {
  const server = await start(t);
  const client = server.client();
  const asAccount = async (account: AccountCaller): Promise<string> => {
    const authorization = `Bearer ${await issuer.issue(account)}`;
    return outcomes((method) => client[method]({ value: '' }, { metadata: { authorization } }));
  };
  t.is(await outcomes((method) => client[method]({ value: '' })), 'ok TOKEN_MISSING TOKEN_MISSING TOKEN_MISSING TOKEN_MISSING');
  t.is(await asAccount(TRAVELLER), 'ok ok NOT_ALLOWED NOT_ALLOWED NOT_ALLOWED');
  t.is(await asAccount(OPERATOR), 'ok ok ok NOT_ALLOWED NOT_ALLOWED');
  t.is(await asAccount(INSPECTOR), 'ok ok NOT_ALLOWED ok NOT_ALLOWED');
  const order = server.client({ service: 'order', caller_key: KEY });
  t.is(await outcomes((method) => order[method]({ value: '' })), 'ok NOT_ALLOWED NOT_ALLOWED NOT_ALLOWED ok');
  const other = server.client({ service: 'payment', caller_key: KEY });
  t.is(await outcomes((method) => other[method]({ value: '' }, { caller: OPERATOR })), 'ok NOT_ALLOWED NOT_ALLOWED NOT_ALLOWED NOT_ALLOWED');
});

test('a rule must say who: nobody, unspecified, or services without names are refused', (t) => {
  const method = Health.method.check;
  t.throws(() => ruleOf(method), { message: /states no rule/ });
  t.throws(() => ruleOf(method, {}), { message: /names nobody/ });
  t.throws(() => ruleOf(method, { access: [Access.UNSPECIFIED, Access.PUBLIC] }), { message: /names nobody/ });
  t.throws(() => ruleOf(method, { access: [Access.SERVICE] }), { message: /callers go together/ });
  t.throws(() => ruleOf(method, { access: [Access.ACCOUNT], callers: ['order'] }), { message: /callers go together/ });
  t.is(ruleOf(method, { access: [Access.PUBLIC] }).timeout_ms, 3000);
});

test('the handler sees the verified account, also when a service acts for it', async (t) => {
  const seen: Caller[] = [];
  const note = (request: { value: string }, call: { caller: Caller }): { value: string } => { seen.push(call.caller); return request; };
  const server = await start(t, { mine: note, internal: note });
  await server.client().mine({ value: '' }, { metadata: { authorization: `Bearer ${await issuer.issue(TRAVELLER)}` } });
  await server.client({ caller_key: KEY }).internal({ value: '' }, { caller: TRAVELLER });
  t.deepEqual(seen, [TRAVELLER, { kind: 'service', service: 'order', on_behalf_of: TRAVELLER }]);
});

test('account and address of a call go along with the calls it causes', async (t) => {
  const below = await start(t, { internal: (_: unknown, call: { account?: AccountCaller; peer_ip: string; user_agent: string; locale: string }) => ({ value: `${call.account?.account_id} ${call.peer_ip} ${call.locale}` }) });
  const client = below.client({ service: 'order', caller_key: KEY });
  const above = await start(t, { mine: (request: { value: string }, parent: never) => client.internal({ value: request.value }, { parent }) });
  const metadata = { authorization: `Bearer ${await issuer.issue(TRAVELLER)}`, 'x-forwarded-for': '6.6.6.6, 203.0.113.9', 'accept-language': 'en' };
  t.is((await above.client().mine({ value: '' }, { metadata })).value, '42 203.0.113.9 en');
});

test('a bad token is refused, on public methods too', async (t) => {
  const server = await start(t);
  const stranger = await createIssuer();
  const good = await issuer.issue(TRAVELLER);
  const [head, , signature] = good.split('.');
  const forged_claims = Buffer.from(JSON.stringify({ sub: '1', roles: ['operator'], iss: ISSUER, aud: AUDIENCE, exp: 4e9 })).toString('base64url');
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged_claims}.`;
  const bad = {
    'TOKEN_INVALID 1': `${head}.${forged_claims}.${signature}`,
    'TOKEN_INVALID 2': none,
    'TOKEN_INVALID 3': await stranger.issue(TRAVELLER),
    'TOKEN_INVALID 4': await issuer.issue(TRAVELLER, { audience: 'somebody-else' }),
    'TOKEN_INVALID 5': await issuer.issue(TRAVELLER, { issuer: 'https://evil.test' }),
    'TOKEN_INVALID 6': 'nonsense',
    TOKEN_EXPIRED: await issuer.issue(TRAVELLER, { expires_s: -60 }),
  };
  const client = server.client();
  for (const [expected, token] of Object.entries(bad)) {
    const error = await t.throwsAsync(client.say({ value: '' }, { metadata: { authorization: `Bearer ${token}` } }), { instanceOf: RpcError }, expected);
    t.is(error.reason, expected.split(' ')[0], expected);
    t.is(error.code, 'UNAUTHENTICATED');
  }
  await t.throwsAsync(client.say({ value: '' }, { metadata: { authorization: 'Basic YTpi' } }), { instanceOf: RpcError });
});

test('a token that was verified once costs no second check, until it expires', async (t) => {
  let now_ms = Date.now();
  const clock = { now_ms: () => now_ms, monotonic_ms: () => performance.now() };
  let fetched = 0;
  const keys = createServer((_, response) => { fetched += 1; response.end(JSON.stringify(issuer.jwks)); });
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  const jwks = new URL(`http://127.0.0.1:${(keys.address() as AddressInfo).port}/`);
  const server = await startEcho(t, {}, { auth: { token: { jwks, issuer: ISSUER, audience: AUDIENCE, clock } } });
  const authorization = `Bearer ${await issuer.issue(TRAVELLER, { expires_s: 100 })}`;
  const client = server.client();
  await client.mine({ value: '' }, { metadata: { authorization } });
  await new Promise((resolve) => { keys.close(resolve); keys.closeAllConnections(); });
  await client.mine({ value: '' }, { metadata: { authorization } });
  t.is(fetched, 1);
  now_ms += 110_000;
  const error = await t.throwsAsync(client.mine({ value: '' }, { metadata: { authorization } }), { instanceOf: RpcError });
  t.is(error.reason, 'TOKEN_EXPIRED');
});

test('keys that cannot be fetched make no token invalid', async (t) => {
  const jwks = new URL('http://127.0.0.1:1/');
  const server = await startEcho(t, {}, { auth: { token: { jwks, issuer: ISSUER, audience: AUDIENCE } } });
  const error = await t.throwsAsync(server.client().mine({ value: '' }, { metadata: { authorization: `Bearer ${await issuer.issue(TRAVELLER)}` } }), { instanceOf: RpcError });
  t.is(error.reason, 'DEPENDENCY_UNAVAILABLE');
});

test('a caller context counts only when it is signed by us, for this method, now, and alone', async (t) => {
  const server = await start(t);
  const method = '/rail.testing.EchoService/Internal';
  const now_ms = Date.now();
  const send = async (signed: { context: Buffer; signature: Buffer }, more: Record<string, string> = {}): Promise<string> => {
    const headers = { 'x-caller-bin': signed.context, 'x-caller-signature-bin': signed.signature, ...more };
    return (await rawCall(t, server.address, 'Internal', Buffer.alloc(0), headers)).details.split(':')[0]!;
  };
  const good = signCaller({ service: 'order', method, issue_time_ms: now_ms }, KEY);
  t.is(await send(good), 'OK');
  t.is(await send(signCaller({ service: 'order', method, issue_time_ms: now_ms - SKEW_LIMIT_MS + 5000 }, KEY)), 'OK');
  t.is(await send(signCaller({ service: 'order', method, issue_time_ms: now_ms }, new Uint8Array(32).fill(8))), 'TOKEN_INVALID');
  t.is(await send(signCaller({ service: 'order', method: '/rail.testing.EchoService/Say', issue_time_ms: now_ms }, KEY)), 'TOKEN_INVALID');
  t.is(await send(signCaller({ service: 'order', method, issue_time_ms: now_ms - SKEW_LIMIT_MS - 5000 }, KEY)), 'TOKEN_INVALID');
  t.is(await send(signCaller({ service: 'order', method, issue_time_ms: now_ms + SKEW_LIMIT_MS + 5000 }, KEY)), 'TOKEN_INVALID');
  const other = signCaller({ service: 'order', method, issue_time_ms: now_ms, on_behalf_of: TRAVELLER }, KEY);
  t.is(await send({ context: other.context, signature: good.signature }), 'TOKEN_INVALID');
  t.is(await send({ context: good.context, signature: good.signature.subarray(0, 16) }), 'TOKEN_INVALID');
  t.is(await send(good, { authorization: `Bearer ${await issuer.issue(TRAVELLER)}` }), 'TOKEN_INVALID');
});

test('an old key is accepted while keys are rotated', async (t) => {
  const server = await startEcho(t, {}, { auth: { caller_keys: [new Uint8Array(32).fill(9), KEY] } });
  t.is((await server.client({ caller_key: KEY }).internal({ value: 'x' })).value, 'x');
});

test('without keys no service is believed', async (t) => {
  const server = await startEcho(t, {}, { auth: {} });
  const error = await t.throwsAsync(server.client({ caller_key: KEY }).say({ value: '' }), { instanceOf: RpcError });
  t.is(error.reason, 'TOKEN_INVALID');
});
