/** The words of an order. Plain data: protobuf messages stop at rpc/ and events/, SQL rows at store/. */
import type { Journey as Ride } from '#kit/base/journey.ts';
import type { CloseReason, OrderState } from './state.ts';

export type SeatClass = 'BUSINESS' | 'FIRST' | 'SECOND' | 'SOFT_SLEEPER' | 'HARD_SLEEPER' | 'SOFT_SEAT' | 'HARD_SEAT' | 'STANDING';
export type PassengerType = 'ADULT' | 'CHILD' | 'STUDENT' | 'DISABLED_VETERAN';
export type BerthLevel = 'LOWER' | 'MIDDLE' | 'UPPER';
export type Channel = 'WEB' | 'APP' | 'MINI_PROGRAM' | 'COUNTER' | 'PARTNER';

/** A numbered place; a standing place has empty coach and seat. */
export type Seat = { coach_no: string; seat_no: string; seat_class: SeatClass; berth_level?: BerthLevel };

/** A place for a part of the trip; more than one when seats are changed on the way. */
export type SeatPart = { seat: Seat; from_index: number; to_index: number };

/** A ride that was ordered. */
export type Journey = Ride & {
  /** The railway's newest word when it was ordered; only greater ones change anything. Absent: not known, as if none. */
  revision?: number;
  change?: JourneyChange;
};

/** For travellers, as the railway says; empty where it does not. */
export type Reason = { zh: string; en: string };

/** What the railway has changed of a journey since it was ordered. The journey's own times are those of now. */
export type JourneyChange = {
  ordered: { departure_ms: number; arrival_ms: number };
  /** The train does not run. */
  cancelled: boolean;
  /** The last word that cancelled it, whether it runs again or not; 0 where there is none. */
  cancelled_revision: number;
  /** Seats (`seatKey`) of this order that are not on the train now. */
  gone: string[];
  reason: Reason;
};

/** One passenger's journey; state and version live here. */
export type OrderItem = {
  /** From 1, in the order of the passengers; the item id is `<order_id>-<item_no>`. */
  item_no: number;
  passenger_id: string;
  /** Blind index of the person, hex: the same for one person in every account. */
  person: string;
  passenger_name_masked: string;
  id_number_masked: string;
  passenger_type: PassengerType;
  seat: Seat;
  seat_parts: SeatPart[];
  state: OrderState;
  version: number;
  fare_fen: number;
  refunded_fen: number;
  ticket_id?: string;
  close_reason?: CloseReason;
  /** Only where it differs from the order's, after a change. */
  journey?: Journey;
  changed: boolean;
  hold_id: string;
  /** Only after a change: before, all of it came by the order's payment. */
  money?: MoneySource[];
};

/** What one payment paid of an item. */
export type MoneySource = { payment_id: string; amount_fen: number };

/**
 * An effect on another service that a committed change owes. It stays on the order until it is known to be done, so
 * that a crash between the commit and the call forgets nothing.
 */
export type Todo = 'attach' | 'settle' | 'release' | 'track_refund';

export type Order = {
  order_id: string;
  account_id: string;
  tenant: string;
  channel: Channel;
  entry_id: string;
  request_id: string;
  /** Grows with every change of the order or of an item. */
  version: number;
  /** Derived from the items. */
  state: OrderState;
  close_reason?: CloseReason;
  journey: Journey;
  hold_id: string;
  total_fen: number;
  items: OrderItem[];
  create_ms: number;
  update_ms: number;
  pay_expire_ms: number;
  payment_id?: string;
  /** When CLOSING began: five minutes later the payments are closed without the gateway. */
  closing_ms?: number;
  /** Refund of a failed ticketing at payment. */
  refund_id?: string;
  todo: Todo[];
  /** Failed tries of the present step. */
  attempts: number;
};

export function itemIdOf(order_id: string, item_no: number): string {
  return `${order_id}-${item_no}`;
}

/** The number of an item within this order; undefined for an id of another order. */
export function itemNoOf(order_id: string, item_id: string): number | undefined {
  const match = /^(\d+)-(\d{1,3})$/.exec(item_id);
  return match !== null && match[1] === order_id ? Number(match[2]) : undefined;
}

/** Where the money that is in an item came from, oldest first; what was refunded of it went back in that order. */
export function moneyIn(order: Order, { money, fare_fen, refunded_fen }: OrderItem): MoneySource[] {
  const sources = money ?? (order.payment_id === undefined ? [] : [{ payment_id: order.payment_id, amount_fen: fare_fen }]);
  let gone_fen = refunded_fen;
  return sources.map(({ payment_id, amount_fen }) => {
    const back_fen = Math.min(gone_fen, amount_fen);
    gone_fen -= back_fen;
    return { payment_id, amount_fen: amount_fen - back_fen };
  });
}

/** Tells seats of a run apart, also those of one name in coaches that follow on one another. */
export function seatKey({ coach_no, seat_no, seat_class }: Seat): string {
  return `${coach_no}-${seat_no} ${seat_class}`;
}

/** The seats of an item that are not on the train now. */
export function goneSeats(item: OrderItem, { change }: Journey): Seat[] {
  const seats = item.seat_parts.length === 0 ? [item.seat] : item.seat_parts.map(({ seat }) => seat);
  return change === undefined ? [] : seats.filter((seat) => change.gone.includes(seatKey(seat)));
}

/** Whether a journey takes its passengers' time at other times than before. */
export function isMoved(before: Journey, after: Journey): boolean {
  return before.departure_ms !== after.departure_ms || before.arrival_ms !== after.arrival_ms;
}

export function spanOf({ departure_ms, arrival_ms }: Journey): { start_ms: number; end_ms: number } {
  return { start_ms: departure_ms, end_ms: arrival_ms };
}

/** The journey an item travels now. */
export function journeyOf(order: Order, item: OrderItem): Journey {
  return item.journey ?? order.journey;
}
