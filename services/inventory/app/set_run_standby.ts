import { fail, ok, type Result } from '#kit/base/result.ts';
import { openKept } from './kept_seats.ts';
import type { Parts } from './parts.ts';

/** Whether somebody waits for seats of the run. When nobody does any more, what was kept is on sale at once. TRAIN_RUN_NOT_FOUND. */
export async function setRunStandby(parts: Parts, { run_id, waiting, version }: { run_id: string; waiting: boolean; version: bigint }): Promise<Result<undefined>> {
  const run = (await parts.runs.find([run_id])).get(run_id);
  if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
  if ((await parts.ledger.setStandby({ run, waiting, version })) && !waiting) await openKept(parts, run_id, { all: true });
  return ok(undefined);
}
