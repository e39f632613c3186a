import fc from 'fast-check';
import test from 'ava';
import { fnv1a64 } from '#kit/base/hash.ts';
import { seededRandom } from '#kit/base/random.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { PackedCounts } from '../domain/packed_counts.ts';
import { RemainingTable, type RunRemaining } from '../domain/remaining.ts';
import { followRemaining, type RemainingMessage, type RemainingSource } from './follow_remaining.ts';
import { bucketResyncs } from './resync_buckets.ts';

const BUCKETS = 3;

/** Inventory as query sees it, which may keep a change to itself. */
class Model implements RemainingSource {
  readonly runs = new Map<string, RunRemaining>();
  readonly watchers = new Set<(message: RemainingMessage) => void>();
  snapshots = 0;
  /** What a snapshot waits for. */
  gate: Promise<void> = Promise.resolve();

  change(run: number, lost: boolean): void {
    const run_id = `r${run}`;
    const version = (this.runs.get(run_id)?.version ?? 0n) + 1n;
    const state = { run_id, bucket: run % BUCKETS, epoch: 1, version, open: true, classes: new PackedCounts([{ seat_class: 'second', counts: [Number(version)] }]) };
    this.runs.set(run_id, state);
    if (!lost) this.tell({ runs: [state], complete_buckets: [], digests: [] });
  }

  tell(message: RemainingMessage): void {
    for (const watcher of this.watchers) watcher(message);
  }

  digests(): RemainingMessage {
    const digests = Array.from({ length: BUCKETS }, (_, bucket) => ({
      bucket, digest: [...this.runs.values()].filter((run) => run.bucket === bucket).reduce((sum, run) => sum ^ fnv1a64(`${run.run_id}:${run.version}`), 0n),
    }));
    return { runs: [], complete_buckets: [], digests };
  }

  async *watch(signal: AbortSignal, buckets = [0, 1, 2]): AsyncGenerator<RemainingMessage> {
    const waiting: RemainingMessage[] = [];
    let wake = (): void => undefined;
    const watcher = (message: RemainingMessage) => {
      waiting.push(message);
      wake();
    };
    signal.addEventListener('abort', () => wake(), { once: true });
    this.snapshots += 1;
    await this.gate;
    for (const bucket of buckets) yield { runs: [...this.runs.values()].filter((run) => run.bucket === bucket), complete_buckets: [bucket], digests: [] };
    this.watchers.add(watcher);
    try {
      while (!signal.aborted) {
        const message = waiting.shift();
        if (message === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield message;
      }
    } finally {
      this.watchers.delete(watcher);
    }
  }
}

function follow(model: Model) {
  const table = new RemainingTable();
  const ending = new AbortController();
  const resyncs = bucketResyncs({ source: model, table, random: { ...seededRandom(1), unit: () => 0 }, log: silentLog() });
  const live = Promise.withResolvers<void>();
  const done = followRemaining({ source: model, table, resyncs, onLive: () => live.resolve() }, ending.signal);
  const stop = async () => {
    ending.abort();
    await Promise.all([done, resyncs.stop()]);
  };
  return { table, live: live.promise, stop };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000; turn += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not become so');
}

const sameAs = (table: RemainingTable, model: Model) => [...model.runs.values()].every((run) => table.get(run.run_id)?.version === run.version && !table.isStale(run));

test('whatever deltas are lost, the next digests bring the table back to what inventory has', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ run: fc.integer({ min: 0, max: 8 }), lost: fc.boolean() }), { maxLength: 40 }), async (changes) => {
      const model = new Model();
      for (let run = 0; run < 6; run += 1) model.change(run, true);
      const { table, live, stop } = follow(model);
      await until(() => model.watchers.size === 1);
      for (const { run, lost } of changes) model.change(run, lost);
      model.tell(model.digests());
      await live;
      await until(() => sameAs(table, model));
      const asked = model.snapshots;
      // What agrees is not asked for again.
      model.tell(model.digests());
      model.change(0, false);
      await until(() => table.get('r0')?.version === model.runs.get('r0')!.version);
      await stop();
      return model.snapshots === asked;
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test('a bucket that differs is stale until it was told again, and only that one', async (t) => {
  const model = new Model();
  for (let run = 0; run < 6; run += 1) model.change(run, true);
  const { table, live, stop } = follow(model);
  await until(() => model.watchers.size === 1);
  model.tell(model.digests());
  await live;
  t.true(sameAs(table, model));
  model.change(1, true);
  t.false(table.isStale(model.runs.get('r1')), 'nobody can know yet');
  const gate = Promise.withResolvers<void>();
  model.gate = gate.promise;
  model.tell(model.digests());
  await until(() => table.isStale(model.runs.get('r1')));
  t.true(table.isStale(model.runs.get('r4')), 'of the same bucket');
  t.false(table.isStale(model.runs.get('r0')));
  gate.resolve();
  await until(() => sameAs(table, model));
  await stop();
  t.true(table.isStale(model.runs.get('r0')), 'without a stream everything is');
  t.is(table.get('r1')!.version, 2n, 'and known all the same');
});

test('a run that the present stream has not told is stale, however well it was known', async (t) => {
  const model = new Model();
  for (let run = 0; run < 6; run += 1) model.change(run, true);
  const first = follow(model);
  await until(() => model.watchers.size === 1);
  model.tell(model.digests());
  await first.live;
  const gone = model.runs.get('r2')!;
  first.table.connected();
  t.true(first.table.isStale(gone));
  for (const run of model.runs.values()) if (run !== gone) first.table.put(run);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) first.table.snapshotComplete(bucket);
  first.table.warmed();
  t.true(first.table.isStale(gone));
  t.false(first.table.isStale(model.runs.get('r5')));
  const freshness = first.table.freshness;
  first.table.put(gone);
  t.false(first.table.isStale(gone), 'told again, even at the version that was known');
  t.not(first.table.freshness, freshness);
  await first.stop();
});
