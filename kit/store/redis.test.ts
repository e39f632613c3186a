import type { Socket } from 'node:net';
import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { freshRedis } from '../../test/support/stack.ts';
import { isOutage, StoreUnavailable } from './errors.ts';
import { openRedis } from './redis.ts';
import { registerLibrary } from './redis_functions.ts';
import { portOf, startProxy, through } from './testing.ts';

const server = await freshRedis();
test.after.always(server.stop);
const log = silentLog();

const COUNT = (step: number) => `#!lua name=count_v1\nredis.register_function('count_v1', function(keys, args) return redis.call('INCRBY', keys[1], ${step} * args[1]) end)`;

test.serial('functions are loaded, called, and loaded again where they are lost', async (t) => {
  const redis = await openRedis({ url: server.url, log, service: 'test' });
  t.teardown(() => redis.close());
  const library = await registerLibrary(redis.client, { name: 'count_v1', source: COUNT(1) });
  t.is(await library.call({ fn: 'count_v1', keys: ['a'], args: [5] }), 5);
  await redis.client.call('FUNCTION', 'FLUSH');
  t.is(await library.call({ fn: 'count_v1', keys: ['a'], args: [1] }), 6);
  await redis.client.call('FUNCTION', 'FLUSH');
  const outcomes = await library.callMany([1, 2, 3].map((by) => ({ fn: 'count_v1', keys: ['a'], args: [by] })));
  t.deepEqual(outcomes.map((outcome) => outcome.ok && outcome.reply), [7, 9, 12]);
  const mixed = await library.callMany([{ fn: 'count_v1', keys: ['a'], args: ['x'] }, { fn: 'count_v1', keys: ['a'], args: [1] }]);
  t.deepEqual(mixed.map((outcome) => outcome.ok), [false, true]);
  t.deepEqual(await library.callBuffer({ fn: 'count_v1', keys: ['a'], args: [0] }), 13);
});

test.serial('the same library may be registered again, other code under its name may not', async (t) => {
  const redis = await openRedis({ url: server.url, log, service: 'test' });
  t.teardown(() => redis.close());
  await registerLibrary(redis.client, { name: 'count_v1', source: COUNT(1) });
  await t.throwsAsync(registerLibrary(redis.client, { name: 'count_v1', source: COUNT(2) }), { message: /other code under the name count_v1/ });
  await t.throwsAsync(registerLibrary(redis.client, { name: 'count', source: '' }), { message: /ends in its version/ });
});

test.serial('commands of one moment leave in one write, and each has its own answer', async (t) => {
  const redis = await openRedis({ url: server.url, log, service: 'test' });
  t.teardown(() => redis.close());
  const { stream } = redis.client as unknown as { stream: Socket };
  const writes: number[] = [];
  const send = stream._writev!.bind(stream);
  stream._writev = (chunks, done) => {
    writes.push(chunks.length);
    send(chunks, done);
  };
  const answers = await Promise.all([redis.client.set('a', '1'), redis.client.incr('a'), redis.client.call('NOTHING').catch(() => 'refused'), redis.client.getBuffer('a')]);
  t.deepEqual(answers, ['OK', 2, 'refused', Buffer.from('2')]);
  t.deepEqual(writes, [4]);
});

test.serial('while Redis is away commands fail at once as an outage, and work again afterwards', async (t) => {
  const proxy = await startProxy(portOf(server.url));
  const redis = await openRedis({ url: through(server.url, proxy), log, service: 'test', command_timeout_ms: 200 });
  t.teardown(async () => {
    await proxy.restore();
    await redis.close();
    await proxy.stop();
  });
  await redis.client.set('k', 'v');
  proxy.swallowAnswers();
  const late = await t.throwsAsync(redis.client.get('k'));
  t.true(isOutage(late), String(late));
  const lost = new Promise((resolve) => redis.client.once('close', resolve));
  await proxy.cut();
  await lost;
  const error = await t.throwsAsync(redis.client.get('k'));
  t.true(isOutage(error), String(error));
  t.false(await redis.ping(100));
  const ready = new Promise((resolve) => redis.client.once('ready', resolve));
  await proxy.restore();
  await ready;
  t.is(await redis.client.get('k'), 'v');
});

test.serial('no Redis at the start is told as a typed error', async (t) => {
  const proxy = await startProxy(portOf(server.url));
  await proxy.cut();
  await t.throwsAsync(openRedis({ url: through(server.url, proxy), log, service: 'test', connect_timeout_ms: 100 }), { instanceOf: StoreUnavailable });
});
