import type { BerthLevel } from '../../../timetable/model.ts';
import type { Channel, PassengerType } from './quota.ts';
import type { SeatClass } from './seat_class.ts';
import { segmentMask, type Stretch } from './stretch.ts';

export const HOLD_OWNERS = ['ORDER', 'CHANGE', 'STANDBY', 'SEAT_LOCK'] as const;
export type HoldOwner = (typeof HOLD_OWNERS)[number];

export type HoldState = 'HELD' | 'SOLD' | 'RELEASED' | 'ABORTED';

/** One passenger's wish: classes best first, or one named seat. */
export type HoldItem = { item_id: string; seat_classes: readonly SeatClass[]; seat?: { coach_no: string; seat_no: string }; passenger_type?: PassengerType };

export type SeatPreference = {
  window: boolean;
  aisle: boolean;
  letters: readonly string[];
  together: boolean;
  same_coach: boolean;
  berth?: BerthLevel;
  quiet_coach: boolean;
  /** Refuse rather than fall back to other places. */
  required: boolean;
};

export const NO_PREFERENCE: SeatPreference = { window: false, aisle: false, letters: [], together: false, same_coach: false, quiet_coach: false, required: false };

export type HoldRequest = {
  hold_id: string;
  run_id: string;
  from_station_id: string;
  to_station_id: string;
  items: readonly HoldItem[];
  preference: SeatPreference;
  owner: HoldOwner;
  hold_ttl_ms: number;
  accept_same_train_change: boolean;
  /** Whom a seat lock belongs to, or who takes it over; empty otherwise. */
  account_id: string;
  channel?: Channel;
  /** A seat lock of the account that this hold takes over. */
  seat_lock_id?: string;
  /** The hold that this one is exchanged for. */
  exchange_of?: string;
};

/** A place for a part of a trip. `index` is the bit of the seat, NO_SEAT for standing. */
export type HeldPlace = { item_id: string; class_code: number; index: number; from: number; to: number };

/** A hold as the ledger has it. */
export type Hold = {
  hold_id: string;
  run_id: string;
  run_no: bigint;
  bucket: number;
  state: HoldState;
  owner: HoldOwner;
  /** Grows with every change of the row. */
  version: number;
  /** Grows when its seats change: what the record in Redis is compared by. */
  seat_version: number;
  places: readonly HeldPlace[];
  order_id: string;
  account_id: string;
  body_hash: Uint8Array;
  expires_ms: number;
};

export const MAX_HOLD_ID = 64;
/** Passengers of a group; standby groups may be larger than the five of an order. */
export const MAX_ITEMS = 64;
export const HOLD_TTL_MS = 60_000;
export const MAX_HOLD_TTL_MS = 600_000;
/** How long an attached hold is left alone before its order is asked. */
export const ATTACHED_BACKSTOP_MS = 30 * 60_000;

/** Merged claims on numbered seats: one entry a seat, ordered by run, class and seat, as they are locked. */
export type SeatClaim = { run_no: bigint; class_code: number; index: number; mask: bigint };

/**
 * Merges places into one claim a seat. Throws when two places overlap on a seat: Redis never gives one out twice, so it
 * would be a bug, and a merged mask would hide it.
 */
export function seatClaims(entries: readonly { run_no: bigint; places: readonly HeldPlace[] }[]): SeatClaim[] {
  const claims = new Map<string, SeatClaim>();
  for (const { run_no, places } of entries) {
    for (const { class_code, index, ...stretch } of places) {
      if (index < 0) continue;
      const key = `${run_no}/${class_code}/${index}`;
      const claim = claims.get(key) ?? { run_no, class_code, index, mask: 0n };
      const mask = segmentMask(stretch);
      if ((claim.mask & mask) !== 0n) throw new Error(`two holds claim seat ${key} on one segment`);
      claim.mask |= mask;
      claims.set(key, claim);
    }
  }
  return [...claims.values()].sort(claimOrder);
}

export type StandingClaim = { run_no: bigint; segment: number; count: number };

/** Standing places by run and segment, in locking order. */
export function standingClaims(entries: readonly { run_no: bigint; places: readonly HeldPlace[] }[]): StandingClaim[] {
  const claims = new Map<string, StandingClaim>();
  for (const { run_no, places } of entries) {
    for (const { index, from, to } of places) {
      if (index >= 0) continue;
      for (let segment = from; segment < to; segment += 1) {
        const claim = claims.get(`${run_no}/${segment}`) ?? { run_no, segment, count: 0 };
        claim.count += 1;
        claims.set(`${run_no}/${segment}`, claim);
      }
    }
  }
  return [...claims.values()].sort((left, right) => Number(left.run_no - right.run_no) || left.segment - right.segment);
}

/** What a body means for idempotency: everything that decides the outcome, in one canonical text. */
export function holdBody(request: HoldRequest, stretch: Stretch): string {
  const { run_id, preference, owner, accept_same_train_change, account_id, channel, seat_lock_id, exchange_of } = request;
  const items = request.items.map(({ item_id, seat_classes, seat, passenger_type }) => [item_id, seat_classes, seat?.coach_no ?? '', seat?.seat_no ?? '', passenger_type ?? '']);
  const { window, aisle, letters, together, same_coach, berth, quiet_coach, required } = preference;
  const wishes = [window, aisle, letters, together, same_coach, berth ?? '', quiet_coach, required];
  return JSON.stringify([run_id, stretch.from, stretch.to, items, wishes, owner, accept_same_train_change, account_id, channel ?? '', seat_lock_id ?? '', exchange_of ?? '']);
}

function claimOrder(left: SeatClaim, right: SeatClaim): number {
  return Number(left.run_no - right.run_no) || left.class_code - right.class_code || left.index - right.index;
}
