import { fail, ok, type Result } from '#kit/base/result.ts';
import { checkQuotas, nextRelease_ms, type NewQuota, type Quota } from '../domain/quota.ts';
import { closedSeats, isRetired } from '../domain/run.ts';
import { accessSeats, type RunAccess } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { refusal } from './refusals.ts';

/** How soon a run is looked at again whose quotas Redis could not be told. */
const AGAIN_MS = 1_000;

/** Sets the quotas of a run: ledger first, then Redis; what dies between is driven on by the sweeper. */
export async function setRunQuotas(parts: Parts, wish: { run_id: string; quotas: readonly NewQuota[]; actor: string; request_id: string }): Promise<Result<readonly Quota[]>> {
  const access = await accessSeats(parts, wish.run_id);
  if (!access.ok) return access;
  const { run } = access.value;
  const checked = checkQuotas(wish.quotas, run.layout, run.segments);
  if (!checked.ok) return checked;
  const changed = await parts.runs.setQuotas(run, wish.quotas, wish);
  const told = await tellRedis(parts, { ...access.value, run: changed });
  return told.ok ? ok(changed.quotas) : told;
}

export async function getRunQuotas(parts: Parts, run_id: string): Promise<Result<readonly Quota[]>> {
  const run = (await parts.runs.find([run_id])).get(run_id);
  return run === undefined ? fail('TRAIN_RUN_NOT_FOUND') : ok(run.quotas);
}

/** A run of which a quota may have become everybody's. Says when to look again, or nothing when the row was moved on. */
export async function releaseQuotas(parts: Parts, run_id: string): Promise<{ again_in_ms: number } | undefined> {
  const run = await parts.runs.reload(run_id);
  if (run === undefined) return undefined;
  if (isRetired(run, parts.clock.now_ms())) {
    await parts.runs.scheduleQuotas(run, undefined);
    return undefined;
  }
  const epoch = await parts.buckets.settledEpoch(run.bucket);
  if (epoch === undefined) return { again_in_ms: AGAIN_MS };
  const told = await tellRedis(parts, { run, epoch, retired: false });
  return told.ok ? undefined : { again_in_ms: AGAIN_MS };
}

/** A bucket that is being rebuilt reads the same quotas from the ledger. */
async function tellRedis(parts: Parts, { run, epoch }: RunAccess): Promise<Result<undefined>> {
  const now_ms = parts.clock.now_ms();
  const reply = await parts.seats.setQuotas(run, epoch, closedSeats(run, now_ms));
  if (reply.status !== 'OK' && reply.status !== 'NONE') {
    parts.buckets.suspect(run.bucket, reply.status);
    return refusal(reply.status);
  }
  await parts.runs.scheduleQuotas(run, nextRelease_ms(run.quotas, now_ms));
  parts.onChanged([run.run_id]);
  return ok(undefined);
}

