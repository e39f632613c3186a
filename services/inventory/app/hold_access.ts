import { fail, ok, type Result } from '#kit/base/result.ts';
import type { RunHeader } from '../domain/run.ts';
import type { Parts } from './parts.ts';
import { LedgerRefused } from './ports.ts';
import { refusal } from './refusals.ts';

export type RunAccess = { run: RunHeader; epoch: number };

/** The run and the epoch to change it with; waits for a rebuild under way, since changes of holds should not fail for it. */
export async function accessRun({ runs, buckets }: Pick<Parts, 'runs' | 'buckets'>, run_id: string): Promise<Result<RunAccess>> {
  const run = (await runs.find([run_id])).get(run_id);
  if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
  const epoch = await buckets.settledEpoch(run.bucket);
  return epoch === undefined ? refusal('CLOSED') : ok({ run, epoch });
}

/** Runs a ledger change; an epoch that has passed meanwhile closes the bucket and is answered with SHARD_CLOSED. */
export async function guarded<T>(parts: Pick<Parts, 'buckets'>, { run }: RunAccess, change: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof LedgerRefused) || error.refusal !== 'EPOCH') throw error;
    parts.buckets.suspect(run.bucket, 'EPOCH');
    return refusal('CLOSED');
  }
}
