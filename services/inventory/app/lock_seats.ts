import { createHash } from 'node:crypto';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { isUuid7 } from '#kit/base/uuid7.ts';
import { HOLD_TTL_MS, NO_PREFERENCE, type Hold, type HoldRequest } from '../domain/hold.ts';
import type { HoldSeats } from './hold_seats.ts';
import type { Parts } from './parts.ts';
import { releaseHold } from './release_hold.ts';

/** Seats of one run that an account may have locked at a time (contract). */
export const MAX_LOCKED_SEATS = 5;

export type LockRequest = { request_id: string; account_id: string; run_id: string; from_station_id: string; to_station_id: string; seats: readonly { coach_no: string; seat_no: string }[] };

/** Locks named seats for an account for a minute. Idempotent by request id: the lock's id is derived from it. */
export async function lockSeats(parts: Parts, hold: HoldSeats, request: LockRequest): Promise<Result<Hold>> {
  if (!isUuid7(request.request_id)) return fail('REQUEST_ID_INVALID');
  if (request.seats.length === 0 || request.seats.length > MAX_LOCKED_SEATS) return fail('TOO_MANY_PASSENGERS', { detail: `1 to ${MAX_LOCKED_SEATS} seats` });
  const run = (await parts.runs.find([request.run_id])).get(request.run_id);
  if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
  const lock_id = lockId(request.account_id, request.request_id);
  const before = await parts.ledger.locksOf(request.account_id, run);
  if (tooMany(before, lock_id, request.seats.length)) return fail('THROTTLED', { detail: `at most ${MAX_LOCKED_SEATS} locked seats`, retry_after_ms: HOLD_TTL_MS });
  const [held] = await hold([holdRequest(lock_id, request)]);
  if (!held!.ok) return held!.error.reason === 'HOLD_CONFLICT' ? fail('REQUEST_ID_REUSED') : held!;
  // Two requests at once can both have seen room; whoever finds too many afterwards gives its own back.
  const after = await parts.ledger.locksOf(request.account_id, run);
  if (!tooMany(after, lock_id, request.seats.length)) return ok(held!.value.hold);
  await unlockSeats(parts, { ...request, lock_id });
  return fail('THROTTLED', { detail: `at most ${MAX_LOCKED_SEATS} locked seats`, retry_after_ms: HOLD_TTL_MS });
}

/** Gives a lock back; only its account can. Idempotent. */
export async function unlockSeats(parts: Parts, { lock_id, run_id, account_id }: { lock_id: string; run_id: string; account_id: string }): Promise<Result<Hold>> {
  const known = (await parts.ledger.findHolds([lock_id])).get(lock_id);
  // No tombstone for a stranger's guess: an id that is not this account's lock is unknown to it.
  if (known === undefined || known.account_id !== account_id || known.owner !== 'SEAT_LOCK') return fail('HOLD_NOT_FOUND');
  return releaseHold(parts, { hold_id: lock_id, run_id, owner: 'SEAT_LOCK', version: 0, item_ids: [], reason: 'unlocked', account_id });
}

function lockId(account_id: string, request_id: string): string {
  return `lock-${createHash('sha256').update(`${account_id}/${request_id}`).digest('hex').slice(0, 40)}`;
}

function tooMany(locks: readonly Hold[], lock_id: string, wanted: number): boolean {
  const others = locks.filter(({ hold_id }) => hold_id !== lock_id).reduce((sum, { places }) => sum + places.length, 0);
  return others + wanted > MAX_LOCKED_SEATS;
}

function holdRequest(hold_id: string, { account_id, run_id, from_station_id, to_station_id, seats }: LockRequest): HoldRequest {
  const items = seats.map((seat, index) => ({ item_id: String(index + 1), seat_classes: [], seat }));
  return { hold_id, run_id, from_station_id, to_station_id, items, preference: NO_PREFERENCE, owner: 'SEAT_LOCK', hold_ttl_ms: HOLD_TTL_MS, accept_same_train_change: false, account_id };
}
