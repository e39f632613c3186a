import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { findRun, type Catalog } from '../domain/catalog.ts';
import type { RemainingTable, RunRemaining } from '../domain/remaining.ts';

/** What inventory streams: states, then the end of a bucket's snapshot, then changes. */
export type RemainingMessage = { runs: readonly RunRemaining[]; complete_buckets: readonly number[]; /** The whole snapshot is through. */ live: boolean };

export type RemainingSource = { watch(signal: AbortSignal): AsyncIterable<RemainingMessage> };

/** Reads the stream until it ends or breaks; the caller opens it again. `onLive` is told that everything is known. */
export async function followRemaining(source: RemainingSource, table: RemainingTable, onLive: () => void, signal: AbortSignal): Promise<void> {
  table.connected();
  try {
    for await (const { runs, complete_buckets, live } of source.watch(signal)) {
      for (const run of runs) table.put(run);
      for (const bucket of complete_buckets) table.snapshotComplete(bucket);
      if (!live) continue;
      table.warmed();
      onLive();
    }
  } finally {
    table.disconnected();
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
