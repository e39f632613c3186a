import { fail, ok, type Result } from '#kit/base/result.ts';
import { isRetired, type RunHeader } from '../domain/run.ts';
import type { Parts } from './parts.ts';
import { LedgerRefused, OutcomeUnknown } from './ports.ts';
import { refusal } from './refusals.ts';

const RETRY_AFTER_MS = 500;
/** The epoch may change between looking a run up and asking for it. */
const TRIES = 3;

/** `retired`: Redis does not have the run any more. */
export type RunAccess = { run: RunHeader; epoch: number; retired: boolean };

/** The run and the epoch to change it with; waits for a rebuild under way, since changes of holds should not fail for it. */
export async function accessRun({ runs, buckets, clock }: Pick<Parts, 'runs' | 'buckets' | 'clock'>, run_id: string): Promise<Result<RunAccess>> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const run = (await runs.find([run_id])).get(run_id);
    if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
    const epoch = await buckets.settledEpoch(run.bucket);
    if (epoch === undefined) break;
    if (buckets.isCurrent(run)) return ok({ run, epoch, retired: isRetired(run, clock.now_ms()) });
  }
  return refusal('CLOSED');
}

/** The same for reading bitmaps, which a run that is long past has no more. */
export async function accessSeats(parts: Pick<Parts, 'runs' | 'buckets' | 'clock'>, run_id: string): Promise<Result<RunAccess>> {
  const access = await accessRun(parts, run_id);
  return access.ok && access.value.retired ? fail('TRAIN_DEPARTED') : access;
}

/** Runs a ledger change; an epoch that has passed meanwhile closes the bucket and is answered with SHARD_CLOSED. */
export async function guarded<T>(parts: Pick<Parts, 'buckets'>, { run }: RunAccess, change: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await change();
  } catch (error) {
    // Every change of a hold may be repeated, and a repeat finds out.
    if (error instanceof OutcomeUnknown) return outcomeUnknown();
    if (!(error instanceof LedgerRefused) || error.refusal !== 'EPOCH') throw error;
    parts.buckets.suspect(run.bucket, 'EPOCH');
    return refusal('CLOSED');
  }
}

export function outcomeUnknown(): Result<never> {
  return fail('OUTCOME_UNKNOWN', { retry_after_ms: RETRY_AFTER_MS });
}
