/** The words of an order. Plain data: protobuf messages stop at rpc/ and events/, SQL rows at store/. */
import type { CloseReason, OrderState } from './state.ts';

export type SeatClass = 'BUSINESS' | 'FIRST' | 'SECOND' | 'SOFT_SLEEPER' | 'HARD_SLEEPER' | 'SOFT_SEAT' | 'HARD_SEAT' | 'STANDING';
export type PassengerType = 'ADULT' | 'CHILD' | 'STUDENT' | 'DISABLED_VETERAN';
export type BerthLevel = 'LOWER' | 'MIDDLE' | 'UPPER';
export type Channel = 'WEB' | 'APP' | 'MINI_PROGRAM' | 'COUNTER' | 'PARTNER';

/** A numbered place; a standing place has empty coach and seat. */
export type Seat = { coach_no: string; seat_no: string; seat_class: SeatClass; berth_level?: BerthLevel };

/** A place for a part of the trip; more than one when seats are changed on the way. */
export type SeatPart = { seat: Seat; from_index: number; to_index: number };

/** One ride: a stretch of a train run. Times are milliseconds since 1970. */
export type Journey = {
  run_id: string;
  train_no: string;
  service_date: string;
  from_station_id: string;
  to_station_id: string;
  from_index: number;
  to_index: number;
  departure_ms: number;
  arrival_ms: number;
  from_station_name: string;
  to_station_name: string;
  distance_m: number;
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
};

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

/** The journey an item travels now. */
export function journeyOf(order: Order, item: OrderItem): Journey {
  return item.journey ?? order.journey;
}
