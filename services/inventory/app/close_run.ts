import { ok, type Result } from '#kit/base/result.ts';
import { accessRun } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { refusal } from './refusals.ts';

/** Ends the sale of a run: ledger first, then Redis. Seats that are held or sold stay so. Repeatable. */
export async function closeRun(parts: Parts, wish: { run_id: string; reason: string }): Promise<Result<undefined>> {
  const access = await accessRun(parts, wish.run_id);
  if (!access.ok) return access;
  const { run, epoch, retired } = access.value;
  if (run.open) await parts.runs.setState(run, false, wish.reason);
  if (retired) return ok();
  const reply = await parts.seats.setOpen(run, epoch, false);
  if (reply.status !== 'OK' && reply.status !== 'NONE') {
    parts.buckets.suspect(run.bucket, reply.status);
    return refusal(reply.status);
  }
  parts.onChanged([run.run_id]);
  return ok();
}
