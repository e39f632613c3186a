import test from 'ava';
import { openRedis } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { freshRedis } from '../../../test/support/stack.ts';
import { createSharedSignals } from './redis_signals.ts';

test('what changes in one moment is told to other processes together, each key once, and to nobody twice', async (t) => {
  const server = await freshRedis();
  const redis = await openRedis({ url: server.url, log: silentLog(), service: 'test' });
  const [one, two] = [await createSharedSignals(redis.client, 'one', silentLog()), await createSharedSignals(redis.client, 'two', silentLog())];
  t.teardown(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await redis.close();
    await server.stop();
  });
  const heard: Record<string, string[]> = { one: [], two: [] };
  one.onAny((key) => heard['one']!.push(key));
  const last = new Promise<void>((resolve) => two.onAny((key) => {
    heard['two']!.push(key);
    if (key === 'last') resolve();
  }));
  for (const key of ['entry:1', 'run:G1.20270101', 'entry:1', 'last']) one.emit(key);
  await last;
  t.deepEqual(heard, { one: ['entry:1', 'run:G1.20270101', 'entry:1', 'last'], two: ['entry:1', 'run:G1.20270101', 'last'] });
});
