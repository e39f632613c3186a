/** Runs opened straight in a Redis of the benchmark's own, through the service's own SeatStore. */
import type { RunImage, SeatStore } from '../../../services/inventory/app/ports.ts';
import type { RunHeader } from '../../../services/inventory/domain/run.ts';
import { BUCKETS } from './mix.ts';

/** All buckets have it. */
export const EPOCH = 1;

export async function openBuckets(seats: SeatStore): Promise<void> {
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    await seats.begin(bucket, EPOCH);
    await seats.finish(bucket, EPOCH);
  }
}

/** Opens runs with every seat free. Throws when one is not opened. */
export async function openFreeRuns(seats: SeatStore, runs: readonly RunHeader[]): Promise<void> {
  const epochs = new Map(runs.map(({ bucket }) => [bucket, EPOCH]));
  const statuses = await seats.openRuns(epochs, runs.map(freeImage));
  const refused = statuses.find((status) => status !== 'OK');
  if (refused !== undefined) throw new Error(`a run was not opened: ${refused}`);
}

function freeImage(run: RunHeader): RunImage {
  return { run, occupied: new Map(), standing_used: Array.from({ length: run.segments }, () => 0), closed_quotas: [], records: [] };
}
