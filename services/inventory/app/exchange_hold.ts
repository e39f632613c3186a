import { fail, type Result } from '#kit/base/result.ts';
import type { Hold, HoldRequest } from '../domain/hold.ts';
import { accessSeats, type RunAccess } from './hold_access.ts';
import type { HoldAnswer, HoldSeats } from './hold_seats.ts';
import type { Parts } from './parts.ts';
import { recordOf } from './records.ts';
import { refusal } from './refusals.ts';

export type ExchangeRequest = { hold_id: string; run_id: string; version: number; replacement: HoldRequest };

/**
 * Exchanges a hold for places elsewhere on its run (DESIGN §4 Exchange): Redis takes the difference, the ledger exchanges
 * old for new in one transaction, then Redis frees the rest. A sold hold stays sold. Repeatable by the id of the
 * replacement. HOLD_NOT_FOUND, HOLD_EXPIRED, VERSION_STALE, and all that a hold may be refused for.
 */
export async function exchangeHold(parts: Parts, hold: HoldSeats, wish: ExchangeRequest): Promise<Result<HoldAnswer>> {
  const access = await accessSeats(parts, wish.run_id);
  if (!access.ok) return access;
  const { replacement } = wish;
  if (replacement.run_id !== wish.run_id || replacement.hold_id === wish.hold_id) return fail('HOLD_CONFLICT', { detail: 'the replacement is another hold of the same run' });
  const known = await parts.ledger.findHolds([wish.hold_id, replacement.hold_id]);
  const old = known.get(wish.hold_id);
  if (old === undefined || old.run_id !== wish.run_id) return fail('HOLD_NOT_FOUND');
  const request = { ...replacement, exchange_of: wish.hold_id };
  // A repeat: the old hold is over, and the answer is the new one's.
  if (known.has(replacement.hold_id)) return (await hold([request], () => old))[0]!;
  const ready = await prepare(parts, access.value, old, wish.version);
  if (!ready.ok) return ready;
  const answer = (await hold([request], () => old))[0]!;
  if (old.state === 'SOLD' && isRefused(answer)) await forget(parts, access.value, old);
  return answer;
}

/** For good: what may yet happen still needs the record. */
function isRefused(answer: Result<HoldAnswer>): boolean {
  return !answer.ok && answer.error.retry_after_ms === undefined;
}

/** Redis keeps no record of what is sold. One that stays all the same, the reconciler names and drops. */
async function forget(parts: Parts, { run, epoch }: RunAccess, old: Hold): Promise<void> {
  const drop = () => parts.seats.sell(run, epoch, old);
  await drop().catch(() => parts.chores.later(`forget ${old.hold_id}`, drop));
}

/** A sold hold gets its record back, which says in Redis which seats are its own. */
async function prepare(parts: Parts, { run, epoch }: RunAccess, old: Hold, version: number): Promise<Result<undefined>> {
  if (old.state !== 'HELD' && old.state !== 'SOLD') return fail('HOLD_EXPIRED');
  if (old.owner === 'SEAT_LOCK') return fail('HOLD_CONFLICT', { detail: 'a seat lock is taken over by seat_lock_id' });
  if (old.version !== version) return fail('VERSION_STALE');
  if (old.state === 'HELD') return { ok: true, value: undefined };
  const reply = await parts.seats.reclaim(run, epoch, recordOf(old));
  if (reply.status === 'OK' || reply.status === 'NONE') return { ok: true, value: undefined };
  parts.buckets.suspect(run.bucket, reply.status);
  return refusal(reply.status);
}
