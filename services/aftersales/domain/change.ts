import type { Journey } from '#kit/base/journey.ts';
import type { MoneySource } from './refund.ts';
import type { ChangeTerms } from './change_rules.ts';

/**
 * Where a change of train is. BEGUN: the row stands, the order does not know yet. OPENED: the items are in CHANGE and the
 * new journey's time is claimed. LOCKED: new places are held. AWAIT_PAY: the difference is to be paid. PAID: it is, or
 * nothing was due. PIVOTED: the new places are sold, and from here on the new ticket is the one that counts. ISSUED: ticketing has
 * put the new tickets in the place of the old ones. MOVED: the order has the new journey. DONE: the old places are back on sale,
 * and money that comes back is payment's to send. UNDOING: money and places go back, then CANCELLED: the old ticket was valid all
 * the time. REFUSED: the order did not take it.
 */
export type ChangeStage = 'BEGUN' | 'OPENED' | 'LOCKED' | 'AWAIT_PAY' | 'PAID' | 'PIVOTED' | 'ISSUED' | 'MOVED' | 'DONE' | 'UNDOING' | 'CANCELLED' | 'REFUSED';

/** Words of the contracts' enums; `berth_level` is empty for seats. */
export type Place = { coach_no: string; seat_no: string; seat_class: string; berth_level: string };
export type PlacePart = { seat: Place; from_index: number; to_index: number };
export type Fare = { seat_class: string; passenger_type: string; berth_level: string; fare_fen: number };

export type Preference = { window: boolean; aisle: boolean; letters: string[]; together: boolean; same_coach: boolean; quiet_coach: boolean; required: boolean; berth_level: string };

/** `version`: of the order's item as it was quoted. Its number in the order is its number in holds. */
export type ChangeItem = {
  item_id: string;
  item_no: number;
  version: number;
  passenger_id: string;
  passenger_type: string;
  hold_id: string;
  old_fare_fen: number;
  /** Where that came from, oldest first. */
  money: MoneySource[];
  new_fare_fen: number;
  fee_fen: number;
  /** Once locked. */
  places: PlacePart[];
  /** Once issued. */
  ticket_id: string;
};

export type ChangeBody = {
  items: ChangeItem[];
  old_run_id: string;
  journey: Journey;
  seat_class: string;
  preference: Preference | undefined;
  channel: string;
  fares: Fare[];
  terms: ChangeTerms;
  /** The match of a standby that it was made of: its places are held already, by this hold. */
  upgrade?: { standby_id: string; hold_id: string } | undefined;
};

export type Change = ChangeBody & {
  change_id: bigint;
  order_id: bigint;
  account_id: bigint;
  stage: ChangeStage;
  payment_id: string;
  /** Until when the difference may be paid; set with LOCKED. */
  pay_expire_ms: number | undefined;
  /** Once it was given up. */
  reason: string;
  version: number;
  create_ms: number;
  finish_ms: number | undefined;
};

/** Until here the traveller may give it up. */
export const CANCELLABLE: readonly ChangeStage[] = ['OPENED', 'LOCKED', 'AWAIT_PAY', 'PAID'];

/** To pay where positive, comes back where negative; fees are in it. */
export function differenceOf(items: readonly Pick<ChangeItem, 'old_fare_fen' | 'new_fare_fen' | 'fee_fen'>[]): number {
  return items.reduce((sum, { old_fare_fen, new_fare_fen, fee_fen }) => sum + new_fare_fen - old_fare_fen + fee_fen, 0);
}

/** Derived from what is held for, so that a repetition holds the same places. */
export function newHoldOf({ change_id, upgrade }: Pick<Change, 'change_id' | 'upgrade'>): string {
  return upgrade?.hold_id ?? `${CHANGE_HOLD}${change_id}`;
}

/** Holds are given back by their owner: those of changes are told by their names. */
export function isHoldOfChange(hold_id: string): boolean {
  return hold_id.startsWith(CHANGE_HOLD);
}

export const CHANGE_HOLD = 'change-';

/** The fare of a place. A berth's price is by its level; without a quoted level the class's own price counts. */
export function fareOfPlace(fares: readonly Fare[], { seat_class, berth_level }: Pick<Place, 'seat_class' | 'berth_level'>, passenger_type: string): number | undefined {
  const fitting = fares.filter((fare) => fare.seat_class === seat_class && fare.passenger_type === passenger_type);
  return (fitting.find((fare) => fare.berth_level === berth_level) ?? fitting.find((fare) => fare.berth_level === ''))?.fare_fen;
}

/** The most that a place of a class can cost: what is promised before the place is known. */
export function dearestFare(fares: readonly Fare[], seat_class: string, passenger_type: string): number | undefined {
  const fitting = fares.filter((fare) => fare.seat_class === seat_class && fare.passenger_type === passenger_type).map(({ fare_fen }) => fare_fen);
  return fitting.length === 0 ? undefined : Math.max(...fitting);
}
