import test from 'ava';
import { systemClock } from '#kit/base/clock.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { Buckets } from './buckets.ts';
import type { Epochs, Ledger, RunStore, SeatStore } from './ports.ts';

/** Buckets that Redis has lost; each bump waits to be let go, and bucket `broken` can't be bumped. */
function lostBuckets(count: number, broken?: number) {
  const waiting: (() => void)[] = [];
  const [open, rebuilt] = [new Map<number, number>(), [] as number[]];
  const epochs: Partial<Epochs> = {
    read: async (buckets) => new Map(buckets.map((bucket) => [bucket, { epoch: open.get(bucket) ?? 1, closed: false, sequence: 0n }])),
    bump: async (bucket) => {
      if (bucket === broken) throw new Error('no connection');
      await new Promise<void>((resolve) => waiting.push(resolve));
      return 2;
    },
    withLease: async (_, work) => work(),
  };
  const seats: Partial<SeatStore> = {
    bucketStates: async (buckets) => buckets.map((bucket) => (open.has(bucket) ? { epoch: 2, open: true, sequence: 0n } : undefined)),
    begin: async () => 'OK',
    finish: async (bucket) => {
      rebuilt.push(bucket);
      open.set(bucket, 2);
      return 'OK';
    },
  };
  const runs: Partial<RunStore> = { page: async () => [], renew: () => undefined };
  const buckets = new Buckets({ count, epochs: epochs as Epochs, seats: seats as SeatStore, runs: runs as RunStore, ledger: {} as Ledger, clock: systemClock, log: silentLog() });
  return { buckets, waiting, rebuilt };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('when all of Redis is lost a few buckets are rebuilt at a time, whoever found out', async (t) => {
  const { buckets, waiting, rebuilt } = lostBuckets(20);
  await buckets.check();
  let most = 0;
  while (rebuilt.length < 20) {
    for (let turns = 0; turns < 20; turns += 1) await turn();
    most = Math.max(most, waiting.length);
    for (const go of waiting.splice(0)) go();
  }
  t.is(most, 4);
  t.is(new Set(rebuilt).size, 20);
});

test('a bucket that can not be rebuilt keeps none of the others from it, and is told', async (t) => {
  const { buckets, waiting, rebuilt } = lostBuckets(10, 3);
  const all = buckets.repairAll(buckets.all);
  const letGo = setInterval(() => waiting.splice(0).forEach((go) => go()), 1);
  await t.throwsAsync(all, { message: 'no connection' });
  clearInterval(letGo);
  t.deepEqual(rebuilt.toSorted((left, right) => left - right), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
});

test('beside another version it takes no bucket from it: one that it does not find keeps it from starting', async (t) => {
  const { buckets, rebuilt } = lostBuckets(4);
  await t.throwsAsync(buckets.start({ beside: true }), { message: /no open bucket 0, 1, 2, 3 as this version keeps them/ });
  t.deepEqual(rebuilt, []);
});
