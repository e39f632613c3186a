import { FailureError } from '#kit/base/result.ts';
import type { Matcher } from './match_run.ts';
import type { StandbySeats, StandbyStore } from './standby_ports.ts';

/**
 * Tells inventory whether anybody waits for a run, until it knows; then matches with what is free: what was given back before
 * inventory knew is on sale. Throws when it has to be repeated.
 */
export async function tellWaiting({ standbys, seats, matcher }: { standbys: StandbyStore; seats: StandbySeats; matcher: Matcher }, run_id: string): Promise<undefined> {
  const now = await standbys.waiting(run_id);
  if (now === undefined) return undefined;
  if (now.version !== now.told) {
    const told = await seats.tell(run_id, now.waiting, now.version);
    if (!told.ok && told.error.reason !== 'TRAIN_RUN_NOT_FOUND') throw new FailureError(told.error);
  }
  await standbys.told(run_id, now.version);
  if (now.waiting) matcher.wake(run_id);
  return undefined;
}
