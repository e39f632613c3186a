import type { Parts } from './parts.ts';

/** Runs deleted in one go: bounds how long Redis is busy with them. */
const BATCH = 500;

/**
 * Deletes what Redis has of runs whose sale ended so long ago that nobody asks Redis for them and no rebuild writes them
 * (isRetired, and a margin). The ledger keeps them, and remembers that they are gone. Nothing that owns seats vanishes by
 * itself, so there is no expiry in Redis that could do this. A bucket that is closed or away is left for another time.
 */
export async function forgetRuns({ buckets, runs, seats, metrics }: Pick<Parts, 'buckets' | 'runs' | 'seats' | 'metrics'>): Promise<'again' | void> {
  const reachable = buckets.all.filter((bucket) => buckets.epochOf(bucket) !== undefined && !buckets.isAway(bucket));
  const ended = await runs.ended(reachable, BATCH);
  if (ended.length === 0) return;
  // Deleted first: a crash in between only has them deleted once more.
  await seats.forgetRuns(ended);
  await runs.markForgotten(ended);
  metrics.forgotten.inc({}, ended.length);
  if (ended.length === BATCH) return 'again';
}
