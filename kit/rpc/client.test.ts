import test from 'ava';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { asResult, RpcError, toFailure, unwrap } from './error.ts';
import { fail } from '#kit/base/result.ts';
import { freePort } from '../../scripts/stack/ports.ts';
import { createClient } from './client.ts';
import { Echo } from './testing/echo.ts';
import { KEY, startEcho, TRAVELLER } from './testing/serving.ts';
import { startTracing, withSpan, activeTraceId } from '#kit/telemetry/trace.ts';

test('retries: a read is repeated until it is answered, as often as allowed', async (t) => {
  let calls = 0;
  const server = await startEcho(t, { say: (request) => { calls += 1; if (calls < 3) unwrap(fail('SHARD_CLOSED', { retry_after_ms: 5 })); return request; } });
  t.is((await server.client().say({ value: 'x' }, { retry: { attempts: 3 } })).value, 'x');
  t.is(calls, 3);
  calls = 0;
  const error = await t.throwsAsync(server.client().say({ value: 'x' }, { retry: { attempts: 2 } }), { instanceOf: RpcError });
  t.is(error.reason, 'SHARD_CLOSED');
  t.is(calls, 2);
});

test('retries: nothing is repeated unasked, nor what was refused for good, nor beyond the deadline', async (t) => {
  let calls = 0;
  let reason: 'SHARD_CLOSED' | 'SOLD_OUT' = 'SHARD_CLOSED';
  let retry_after_ms = 1;
  const server = await startEcho(t, { say: () => { calls += 1; return unwrap<{ value: string }>(fail(reason, { retry_after_ms })); } });
  const client = server.client();
  await t.throwsAsync(client.say({ value: '' }), { instanceOf: RpcError });
  t.is(calls, 1);
  reason = 'SOLD_OUT';
  await t.throwsAsync(client.say({ value: '' }, { retry: { attempts: 5 } }), { instanceOf: RpcError });
  t.is(calls, 2);
  reason = 'SHARD_CLOSED';
  retry_after_ms = 3_600_000;
  const error = await t.throwsAsync(client.say({ value: '' }, { retry: { attempts: 5 } }), { instanceOf: RpcError });
  t.is(error.reason, 'SHARD_CLOSED');
  t.is(calls, 3);
});

test('retries: asking for them on a method that changes something is a mistake', async (t) => {
  const server = await startEcho(t);
  await t.throwsAsync(server.client().write({ value: '' }, { retry: { attempts: 2 } }), { instanceOf: TypeError, message: /not a read/ });
});

test('a server that is not there is UNAVAILABLE, within the deadline', async (t) => {
  const client = createClient(Echo, { address: '127.0.0.1:1', service: 'order' });
  t.teardown(() => client.close());
  const error = await t.throwsAsync(client.say({ value: '' }), { instanceOf: RpcError });
  t.is(error.code, 'UNAVAILABLE');
  t.is(error.reason, undefined);
});

test('a client does not answer with what another one tried in vain, before the server was there', async (t) => {
  const port = await freePort();
  const early = createClient(Echo, { address: `127.0.0.1:${port}`, service: 'order' });
  t.teardown(() => early.close());
  await t.throwsAsync(early.say({ value: '' }), { instanceOf: RpcError });
  const server = await startEcho(t, {}, { port });
  t.is((await server.client().say({ value: 'x' })).value, 'x');
});

test('several connections are used in turn', async (t) => {
  const sockets = new Set<unknown>();
  const server = await startEcho(t);
  const counting = createServer((socket) => { sockets.add(socket); socket.pipe(connect(server.port, '127.0.0.1')).pipe(socket); socket.on('error', () => undefined); });
  await new Promise<void>((resolve) => counting.listen(0, '127.0.0.1', resolve));
  t.teardown(() => counting.close());
  const address = `127.0.0.1:${(counting.address() as AddressInfo).port}`;
  await Promise.all(Array.from({ length: 9 }, ((client) => () => client.say({ value: 'x' }))(server.client({ address, channels: 3 }))));
  t.is(sockets.size, 3);
});

test('route key and headers arrive, and the trace goes on', async (t) => {
  startTracing();
  const server = await startEcho(t, {
    say: (_, { metadata }) => ({ value: `${String(metadata.get('x-route-key')[0])} ${String(metadata.get('x-canary')[0])} ${activeTraceId()}` }),
  });
  await withSpan('test', {}, async () => {
    const { value } = await server.client().say({ value: '' }, { route_key: '17', metadata: { 'x-canary': 'yes' } });
    t.is(value, `17 yes ${activeTraceId()}`);
    t.truthy(activeTraceId());
  });
});

test('a caller can act for nobody although the call that caused it has an account', async (t) => {
  const server = await startEcho(t, { internal: (_, { account }) => ({ value: account?.account_id ?? 'nobody' }) });
  const client = server.client({ caller_key: KEY });
  t.is((await client.internal({ value: '' }, { caller: TRAVELLER })).value, '42');
  t.is((await client.internal({ value: '' }, { caller: null })).value, 'nobody');
});

test('an expected refusal can be taken as a result; what has no reason still throws', async (t) => {
  const server = await startEcho(t, { say: () => unwrap<{ value: string }>(fail('HOLD_EXPIRED', { metadata: { hold_id: 'h' } })) });
  const result = await asResult(server.client().say({ value: '' }));
  t.false(result.ok);
  t.is(!result.ok && result.error.reason, 'HOLD_EXPIRED');
  t.deepEqual(!result.ok && result.error.metadata, { hold_id: 'h' });
  await t.throwsAsync(asResult(Promise.reject(new RpcError('', { code: 'UNAVAILABLE' }))), { instanceOf: RpcError });
});

test('what a called service refuses passes on, but our own faults do not', (t) => {
  const remote = (code: RpcError['code'], reason?: string, retry_after_ms?: number): string => toFailure(new RpcError('', { code, reason, retry_after_ms, remote: true })).reason;
  t.is(remote('FAILED_PRECONDITION', 'SOLD_OUT'), 'SOLD_OUT');
  t.is(remote('RESOURCE_EXHAUSTED', 'THROTTLED'), 'THROTTLED');
  t.is(remote('UNAUTHENTICATED', 'TOKEN_INVALID'), 'INTERNAL');
  t.is(remote('INTERNAL', 'INTERNAL'), 'INTERNAL');
  t.is(remote('UNIMPLEMENTED'), 'INTERNAL');
  t.is(remote('UNAVAILABLE'), 'DEPENDENCY_UNAVAILABLE');
  t.is(remote('DEADLINE_EXCEEDED'), 'DEADLINE');
  t.is(remote('RESOURCE_EXHAUSTED'), 'INTERNAL');
  t.is(remote('FAILED_PRECONDITION', 'A_NEWER_REASON'), 'INTERNAL');
  t.is(toFailure(RpcError.of({ reason: 'TOKEN_INVALID' })).reason, 'TOKEN_INVALID');
  t.is(toFailure(new TypeError('x is not a function')).reason, 'INTERNAL');
});

test('streams have deadlines too, unless they say otherwise', async (t) => {
  const server = await startEcho(t);
  const read = async (): Promise<void> => {
    for await (const message of server.client({ default_timeout_ms: 60 }).watch({ value: 'x' })) t.is(message.value, 'x');
  };
  t.is((await t.throwsAsync(read(), { instanceOf: RpcError })).code, 'DEADLINE_EXCEEDED');
});

test('bounds that operators set hold for the next call: time by class, tries of reads that ask for them', async (t) => {
  let calls = 0;
  let answer = true;
  const silence = (): Promise<never> => new Promise(() => undefined);
  const server = await startEcho(t, {
    say: () => { calls += 1; return answer ? unwrap<{ value: string }>(fail('SHARD_CLOSED', { retry_after_ms: 1 })) : silence(); },
    write: silence,
  });
  const set = { reads: { timeout_ms: 60_000, attempts: 3 }, writes: { timeout_ms: 60_000 } };
  const client = server.client({ bounds: () => set });
  await t.throwsAsync(client.say({ value: '' }, { retry: { attempts: 2 }, timeout_ms: 60_000 }), { instanceOf: RpcError });
  t.is(calls, 3);
  await t.throwsAsync(client.say({ value: '' }, { timeout_ms: 60_000 }), { instanceOf: RpcError });
  t.is(calls, 4, 'a read that does not ask is not repeated');
  answer = false;
  set.reads.timeout_ms = 30;
  set.writes.timeout_ms = 30;
  for (const call of [() => client.say({ value: '' }, { timeout_ms: 3_600_000 }), () => client.write({ value: '' }, { timeout_ms: 3_600_000 })]) {
    t.is((await t.throwsAsync(call, { instanceOf: RpcError })).code, 'DEADLINE_EXCEEDED');
  }
});
