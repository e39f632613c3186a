import test from 'ava';
import { Health } from '#gen/grpc/health/v1/health_pb.ts';
import { createClient } from './client.ts';
import { RpcError } from './error.ts';
import { startEcho } from './testing/serving.ts';

test('stopping lets calls under way finish, says so first, and takes no new ones', async (t) => {
  const inside = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const server = await startEcho(t, { say: async (request) => { inside.resolve(); await release.promise; return request; } });
  const health = createClient(Health, { address: server.address, service: 'probe' });
  t.teardown(() => health.close());
  const seen: number[] = [];
  const watching = (async () => {
    for await (const { status } of health.watch({ service: 'rail.testing.EchoService' }, { timeout_ms: Infinity })) seen.push(status);
  })().catch((error: unknown) => error);
  const call = server.client().say({ value: 'kept' });
  await inside.promise;
  let stopped = false;
  const stopping = server.stop().finally(() => { stopped = true; });
  t.true((await watching) instanceof RpcError);
  t.deepEqual(seen.at(-1), 2);
  t.is((await t.throwsAsync(server.client().say({ value: 'late' }, { timeout_ms: 2000 }), { instanceOf: RpcError })).code, 'UNAVAILABLE');
  t.false(stopped);
  release.resolve();
  t.is((await call).value, 'kept');
  await stopping;
});

test('endless streams are ended with a word to come back', async (t) => {
  const server = await startEcho(t);
  const stream = server.client().watch({ value: 'x' }, { timeout_ms: Infinity })[Symbol.asyncIterator]();
  t.is((await stream.next()).value?.value, 'x');
  const next = stream.next();
  const stopping = server.stop();
  const error = await t.throwsAsync(next, { instanceOf: RpcError });
  t.is(error.reason, 'SHUTTING_DOWN');
  t.true((error.retry_after_ms ?? 0) > 0);
  await stopping;
});

test('a call that does not end is cut off after the drain time', async (t) => {
  const inside = Promise.withResolvers<void>();
  const server = await startEcho(t, { say: async () => { inside.resolve(); return new Promise<never>(() => undefined); } }, { limits: { drain_ms: 30 } });
  const call = server.client().say({ value: '' });
  const ended = t.throwsAsync(call, { instanceOf: RpcError });
  await inside.promise;
  await server.stop();
  t.truthy(await ended);
});

test('health speaks of the server, of each service and of none it does not know', async (t) => {
  const server = await startEcho(t);
  const health = createClient(Health, { address: server.address, service: 'probe' });
  t.teardown(() => health.close());
  t.is((await health.check({})).status, 1);
  t.is((await health.check({ service: 'rail.testing.EchoService' })).status, 1);
  t.is((await t.throwsAsync(health.check({ service: 'nobody' }), { instanceOf: RpcError })).code, 'NOT_FOUND');
  const changes = health.watch({ service: 'rail.testing.EchoService' }, { timeout_ms: Infinity })[Symbol.asyncIterator]();
  t.is((await changes.next()).value?.status, 1);
  server.health.set(false, 'rail.testing.EchoService');
  t.is((await changes.next()).value?.status, 2);
  t.is((await health.check({})).status, 1);
  server.health.set(true);
  t.is((await changes.next()).value?.status, 1);
  await changes.return?.();
  const unknown = health.watch({ service: 'nobody' }, { timeout_ms: Infinity })[Symbol.asyncIterator]();
  t.is((await unknown.next()).value?.status, 3);
  await unknown.return?.();
});

test('an overloaded server still answers health checks', async (t) => {
  const server = await startEcho(t, {}, { limits: { max_in_flight: 0 } });
  const health = createClient(Health, { address: server.address, service: 'probe' });
  t.teardown(() => health.close());
  t.is((await t.throwsAsync(server.client().say({ value: '' }), { instanceOf: RpcError })).reason, 'OVERLOADED');
  t.is((await health.check({})).status, 1);
});
