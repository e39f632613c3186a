import { setTimeout as sleep } from 'node:timers/promises';
import { bulkhead } from 'cockatiel';
import type { Random } from '#kit/base/random.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { RemainingTable } from '../domain/remaining.ts';
import type { RemainingSource } from './follow_remaining.ts';

/** Asks inventory for the whole of a bucket again. */
export type BucketResyncs = {
  /** Once at a time for a bucket, however often it is asked for. The bucket is stale until it has come. */
  request(bucket: number): void;
  /** Ends what is under way. */
  stop(): Promise<void>;
};

export type ResyncOptions = { source: RemainingSource; table: RemainingTable; random: Random; log: Log; onResync?: (bucket: number) => void };

/** All replicas notice a loss in the same second, so each waits a random part of this. */
const JITTER_MS = 500;
/** One that fails or hangs is asked for again by the next digest. */
const RESYNC_WITHIN_MS = 30_000;
/** Inventory reads every run of a bucket for one; holds come first there. */
const AT_ONCE = 4;

export function bucketResyncs({ source, table, random, log, onResync }: ResyncOptions): BucketResyncs {
  const turns = bulkhead(AT_ONCE, Infinity);
  const under_way = new Map<number, Promise<void>>();
  const ending = new AbortController();

  async function resync(bucket: number): Promise<void> {
    try {
      await sleep(random.unit() * JITTER_MS, undefined, { signal: ending.signal });
      const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(RESYNC_WITHIN_MS)]);
      for await (const { runs, complete_buckets } of source.watch(signal, [bucket])) {
        for (const run of runs) table.put(run);
        if (complete_buckets.includes(bucket)) break;
      }
    } catch (error) {
      if (!ending.signal.aborted) log.warn({ error, bucket }, 'a bucket was not told again');
    } finally {
      // Also where it failed: the next digest compares, and asks again for what still differs.
      table.snapshotComplete(bucket);
    }
  }

  return {
    request(bucket) {
      if (under_way.has(bucket) || ending.signal.aborted) return;
      log.warn({ bucket }, 'what is known of a bucket differs from inventory; it is asked for again');
      onResync?.(bucket);
      table.snapshotBegins(bucket);
      under_way.set(bucket, turns.execute(() => resync(bucket)).finally(() => under_way.delete(bucket)));
    },
    async stop() {
      ending.abort();
      await Promise.all(under_way.values());
    },
  };
}
