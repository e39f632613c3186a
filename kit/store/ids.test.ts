import test from 'ava';
import { systemClock } from '#kit/base/clock.ts';
import { FailureError } from '#kit/base/result.ts';
import { splitSnowflake } from '#kit/base/snowflake.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { leaseIds } from './ids.ts';
import { testDatabase } from './testing.ts';

test('a lost worker number is never used again; another one takes over by itself', async (t) => {
  const { db, stop } = await testDatabase();
  t.teardown(stop);
  const lifecycle = new Lifecycle();
  const ids = await leaseIds({ db, clock: systemClock, log: silentLog(), lifecycle, ttl_ms: 400, retry_ms: 20 });
  const seen = new Set<bigint>([ids.next(7)]);
  const { worker, gene } = splitSnowflake([...seen][0]!);
  t.is(gene, 7);
  // Somebody else took the number over: the next renewal finds out.
  await db.query("UPDATE worker_lease SET owner = 'somebody else', term = term + 1, expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE worker_id = ?", [worker]);
  let refused = 0;
  for (let now = worker; now === worker; ) {
    try {
      const id = ids.next(7);
      t.false(seen.has(id));
      seen.add(id);
      now = splitSnowflake(id).worker;
    } catch (error) {
      t.true(error instanceof FailureError && (error.failure.reason === 'LEASE_LOST' || error.failure.reason === 'OVERLOADED'));
      refused += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  t.true(refused > 0, 'between the two numbers nothing is made');
  await lifecycle.stop();
  const free = await db.query('SELECT 1 FROM worker_lease WHERE expires_at > UTC_TIMESTAMP(3)');
  t.is(free.length, 1, 'only the stolen one is held');
});
