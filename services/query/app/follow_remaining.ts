import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { findRun, type Catalog } from '../domain/catalog.ts';
import type { RemainingTable, RunRemaining } from '../domain/remaining.ts';
import type { BucketResyncs } from './resync_buckets.ts';

/** What inventory streams: states, then the end of a bucket's snapshot, then changes, and each second the digests of all buckets. */
export type RemainingMessage = { runs: readonly RunRemaining[]; complete_buckets: readonly number[]; digests: readonly { bucket: number; digest: bigint }[] };

export type RemainingSource = {
  /** All buckets where none is named. */
  watch(signal: AbortSignal, buckets?: readonly number[]): AsyncIterable<RemainingMessage>;
};

/** A snapshot may wait for a bucket that is being rebuilt; once it is through, digests come each second. */
const MAX_SILENCE_MS = { before_live: 60_000, live: 4_000 };

export type Following = { source: RemainingSource; table: RemainingTable; resyncs: BucketResyncs; /** Everything is known. */ onLive: () => void };

/**
 * Reads the stream until it ends, breaks or falls silent; the caller opens it again. What differs from inventory's digest
 * is stale until its bucket was told anew.
 */
export async function followRemaining({ source, table, resyncs, onLive }: Following, signal: AbortSignal): Promise<void> {
  const silence = new Silence();
  table.connected();
  try {
    for await (const { runs, complete_buckets, digests } of source.watch(AbortSignal.any([signal, silence.signal]))) {
      for (const run of runs) table.put(run);
      for (const bucket of complete_buckets) table.snapshotComplete(bucket);
      if (digests.length > 0) {
        table.warmed();
        onLive();
      }
      for (const { bucket, digest } of digests) if (table.differs(bucket, digest)) resyncs.request(bucket);
      silence.heard(digests.length > 0);
    }
  } finally {
    silence.stop();
    table.disconnected();
  }
}

/** Aborts `signal` when nothing was heard for too long: a connection that hangs must not pass for one without changes. */
class Silence {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #live = false;

  constructor() {
    this.heard(false);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(live: boolean): void {
    this.#live ||= live;
    clearTimeout(this.#timer);
    const limit_ms = this.#live ? MAX_SILENCE_MS.live : MAX_SILENCE_MS.before_live;
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`inventory told nothing for ${limit_ms} ms`)), limit_ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Runs whose last arrival is past, by their service date; trains longer than two days do not exist. */
const LONGEST_RUN_DAYS = 3;

export function forgetEndedRuns(catalog: Catalog, table: RemainingTable, now_ms: number): void {
  const oldest = addDays(serviceDateAt(now_ms), -LONGEST_RUN_DAYS);
  const ended = [...table.runIds()].filter((run_id) => {
    const run = findRun(catalog, run_id);
    return run === undefined || run.service_date < oldest;
  });
  table.forget(ended);
}
