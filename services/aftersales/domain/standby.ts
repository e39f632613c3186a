import { CHANGE_HOLD } from './change.ts';
import type { Upgrade } from './upgrade.ts';

/**
 * A request for seats that somebody may give back (候补). PENDING: it waits. MATCHING: one run's matcher has claimed it and asks
 * for its seats; nobody else may. LOCKED: it has seats and no order yet. AWAIT_PAY: its order waits for payment. SUCCESS: that
 * order is paid. FAIL: the deadline passed, it was given up, or its order was not paid; the reason says which.
 * An upgrade (domain/upgrade.ts) has a change in place of the order, and is a SUCCESS at once where nothing is due.
 */
export type StandbyState = 'PENDING' | 'MATCHING' | 'LOCKED' | 'AWAIT_PAY' | 'SUCCESS' | 'FAIL';

/** MATCHING goes back to PENDING when the run had nothing for it after all. LOCKED goes back when its seats were lost before an order was made of them, and fails when none may be. */
const FOLLOWERS: Readonly<Record<StandbyState, readonly StandbyState[]>> = {
  PENDING: ['MATCHING', 'FAIL'],
  MATCHING: ['PENDING', 'LOCKED'],
  LOCKED: ['AWAIT_PAY', 'PENDING', 'SUCCESS', 'FAIL'],
  AWAIT_PAY: ['SUCCESS', 'FAIL'],
  SUCCESS: [],
  FAIL: [],
};

export function mayFollow(from: StandbyState, to: StandbyState): boolean {
  return FOLLOWERS[from].includes(to);
}

export function isOver(state: StandbyState): boolean {
  return FOLLOWERS[state].length === 0;
}

export type PassengerType = 'ADULT' | 'CHILD' | 'STUDENT' | 'DISABLED_VETERAN';

/** One acceptable ride, resolved against the timetable when it was asked for. */
export type Wish = {
  run_id: string;
  from_station_id: string;
  to_station_id: string;
  /** Segments from_index … to_index-1 of the run. */
  from_index: number;
  to_index: number;
  departure_ms: number;
  arrival_ms: number;
  /** Best first. */
  seat_classes: readonly string[];
  accept_same_train_change: boolean;
  /** For those who read of it; requests of before it was kept have none. */
  ride?: { train_no: string; service_date: string; from: string; to: string };
};

/** `person`: the blind index, the same for one person in every account. */
export type Traveller = { passenger_id: string; passenger_type: PassengerType; person: string };

export type Standby = {
  standby_id: bigint;
  account_id: bigint;
  tenant: string;
  channel: string;
  state: StandbyState;
  /** Grows with every change. */
  version: bigint;
  sequence: number;
  member_level: number;
  priority: number;
  wishes: readonly Wish[];
  travellers: readonly Traveller[];
  deadline_ms: number;
  /** In no queue until then. */
  match_after_ms: number | undefined;
  create_ms: number;
  /** Counts the tries to get seats: each has a hold of its own. */
  match_no: number;
  /** The wish that is tried or was matched; undefined while it waits. */
  wish_no: number | undefined;
  locked_ms: number | undefined;
  order_id: string;
  reason: string;
  /** Of tickets that are held: then a match becomes a change of them. */
  upgrade?: Upgrade | undefined;
  /** What the match of an upgrade has become. */
  change_id?: bigint | undefined;
  /** The traveller was told what is due for it. */
  told?: boolean | undefined;
};

/** The hold of a try. Derived, so that repeating it after a crash holds nothing twice. Of an upgrade it is a change's: those are told by their names. */
export function matchHoldId({ standby_id, match_no, upgrade }: Pick<Standby, 'standby_id' | 'match_no' | 'upgrade'>): string {
  return upgrade === undefined ? `match-${standby_id}-${match_no}` : `${CHANGE_HOLD}standby-${standby_id}-${match_no}`;
}
