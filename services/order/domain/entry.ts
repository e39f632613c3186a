/** A place in a run's waiting queue: from the request to an order, or to the reason why there is none. */
import type { Fare } from './fares.ts';
import type { Channel, Journey, PassengerType, Seat, SeatClass } from './order.ts';
import type { SeatPreference } from './request.ts';

/** STANDBY: there was no place, and it is becoming a standby; it ends FAILED either way (app/enter_standby.ts). */
export type EntryState = 'WAITING' | 'PROCESSING' | 'STANDBY' | 'ORDERED' | 'FAILED' | 'LEFT';

/** One traveller of an entry, resolved: masked for showing, the blind index for claims. */
export type EntryPassenger = {
  item_no: number;
  passenger_id: string;
  person: string;
  passenger_name_masked: string;
  id_number_masked: string;
  passenger_type: PassengerType;
  seat_classes: SeatClass[];
  seat?: Seat;
};

/** Everything needed to hold and to order later, so that a sweeper needs nobody else to go on. */
export type EntryBody = {
  journey: Journey;
  passengers: EntryPassenger[];
  preference?: SeatPreference;
  accept_same_train_change: boolean;
  /** The traveller's seat lock that the hold takes over; the passengers' seats are its. */
  seat_lock_id?: string;
  fares: Fare[];
  max_total_fen?: number;
  /** The traveller agreed to wait in the standby list where there is no place; what its priority there follows from. */
  standby?: { member_level: number };
  /** The account's, where its token names one: settings may differ by it. */
  city?: string | undefined;
};

export type QueueEntry = {
  entry_id: string;
  account_id: string;
  tenant: string;
  channel: Channel;
  request_id: string;
  run_id: string;
  /** Queue bucket: which lease's owner drains it. */
  bucket: number;
  state: EntryState;
  priority: number;
  /** Arrival, given by the database. */
  sequence: number;
  /** Counts the holds of this entry that had run out before their order was written. */
  hold_no: number;
  body: EntryBody;
  reason?: string;
  order_id?: string;
  /** The standby that waits instead, or why there is none. */
  standby_id?: string;
  standby_reason?: string;
  /** Since when it is to become a standby, and when that may be matched at the earliest. */
  standby_since_ms?: number;
  standby_after_ms?: number;
  enter_ms: number;
  dequeue_ms?: number;
};

/** Entries that hold a person's time and a place in the queue. */
export function isOpen(state: EntryState): boolean {
  return state === 'WAITING' || state === 'PROCESSING';
}

/** How many leases the runs are spread over. Fixed: it decides which lease a run belongs to. */
export const QUEUE_BUCKETS = 16;
