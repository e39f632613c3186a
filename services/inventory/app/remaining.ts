import { fail, ok, type Result } from '#kit/base/result.ts';
import { countFree, leastOfPairs, pairIndex, withoutSeats } from '../domain/bitmap.ts';
import { GONE } from '../domain/coach_change.ts';
import type { Buyer } from '../domain/quota.ts';
import { countPairsFor, countsByBuyer, keptFrom, type QuotaCounts } from '../domain/quota_remaining.ts';
import { STANDING_CODE } from '../domain/seat_class.ts';
import { isStretch, type Stretch } from '../domain/stretch.ts';
import { accessSeats } from './hold_access.ts';
import type { Parts } from './parts.ts';
import type { RunSnapshot } from './ports.ts';
import type { RunHeader } from '../domain/run.ts';
import { refusal } from './refusals.ts';

/** Absolute state of a run: remaining of each class for every pair of stops. */
export type RunRemaining = {
  run_id: string;
  service_date: string;
  bucket: number;
  epoch: number;
  version: bigint;
  open: boolean;
  classes: { class_code: number; remaining: number[]; quotas: QuotaCounts[] }[];
};

export type StretchRemaining = { class_code: number; from: number; to: number; remaining: number };

/** Counted from the same bits and quotas that holds are made from: exactly what can be bought. */
export function remainingOf(run: RunHeader, epoch: number, snapshot: RunSnapshot): RunRemaining {
  const classes = [...snapshot.classes].map(([class_code, bits]) => {
    const closed = snapshot.closed_quotas.filter((quota) => quota.class_code === class_code);
    const remaining = countPairsFor(bits, closed, run.quotas, {});
    return { class_code, remaining, quotas: closed.length === 0 ? [] : countsByBuyer(bits, closed, run.quotas, remaining) };
  });
  if (snapshot.standing.length > 0) classes.push({ class_code: STANDING_CODE, remaining: leastOfPairs(snapshot.standing), quotas: [] });
  return { run_id: run.run_id, service_date: run.service_date, bucket: run.bucket, epoch, version: snapshot.version, open: snapshot.open, classes };
}

/** Remaining of some stretches of a run for a buyer, or for whomever it is kept; of all pairs where none is named. */
export async function getRemaining(parts: Parts, run_id: string, stretches: readonly Stretch[], buyer: Buyer | 'anybody' = {}): Promise<Result<{ remaining: StretchRemaining[]; version: bigint; epoch: number }>> {
  const access = await accessSeats(parts, run_id);
  if (!access.ok) return access;
  const { run, epoch } = access.value;
  if (stretches.some((stretch) => !isStretch(stretch, run.segments))) return fail('STOPS_NOT_ON_RUN');
  const [reply] = await parts.seats.snapshots([{ run, epoch }]);
  if (reply?.status !== 'OK') {
    parts.buckets.suspect(run.bucket, reply?.status ?? 'LOST');
    return refusal(reply?.status ?? 'LOST');
  }
  const { snapshot } = reply;
  const wanted = stretches.length > 0 ? stretches : allPairs(run.segments);
  const standing = snapshot.standing.length === 0 ? undefined : leastOfPairs(snapshot.standing);
  const remaining = wanted.flatMap(({ from, to }) => [
    ...[...snapshot.classes].map(([class_code, bits]) => {
      const closed = snapshot.closed_quotas.filter((quota) => quota.class_code === class_code);
      const kept = buyer === 'anybody' ? closed.filter(({ number }) => number === GONE) : keptFrom(closed, run.quotas, buyer, { from, to });
      return { class_code, from, to, remaining: countFree(withoutSeats(bits, kept), from, to) };
    }),
    ...(standing === undefined ? [] : [{ class_code: STANDING_CODE, from, to, remaining: standing[pairIndex(run.segments, from, to)]! }]),
  ]);
  return ok({ remaining, version: snapshot.version, epoch });
}

function allPairs(segments: number): Stretch[] {
  return Array.from({ length: segments }, (_, from) => Array.from({ length: segments - from }, (_, length) => ({ from, to: from + length + 1 }))).flat();
}
