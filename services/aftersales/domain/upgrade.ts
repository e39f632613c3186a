/**
 * A better train for tickets that somebody holds (升级): a standby whose success is a change. While it waits the tickets are
 * untouched; a match is priced by the rules of changes at that moment, and the change that comes of it is one like any other.
 */
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Fen } from '#kit/base/money.ts';
import { fail, fieldInvalid, ok, type Failure, type Result } from '#kit/base/result.ts';
import { differenceOf, fareOfPlace, type Change, type Fare, type PlacePart } from './change.ts';
import type { ChangeQuote, OrderTickets, QuotedItem, TicketItem } from './change_quote.ts';
import { priceOf } from './change_rules.ts';

export type Upgrade = {
  order_id: string;
  /** By number: in that order places are asked for. */
  items: readonly { item_id: string; item_no: number }[];
  /** The most that may be due; any difference where undefined. */
  max_difference_fen: Fen | undefined;
  /** The old train's gate closes: whether a ticket was used is not known from here on, and nothing can be changed. */
  closes_ms: number;
  /** Wishes that were refused for good, by number. */
  passed: readonly number[];
};

/** The tickets that are named, by item or by passenger, or all of an order. FIELD_INVALID, PASSENGER_NOT_FOUND, CHANGE_NOT_ALLOWED. */
export function chooseTickets({ items }: OrderTickets, item_ids: readonly string[], passenger_ids: readonly string[]): Result<TicketItem[]> {
  const chosen = items.filter(({ item_id, passenger_id, state }) => {
    if (item_ids.length > 0) return item_ids.includes(item_id);
    return state === 'SUCCESS' && (passenger_ids.length === 0 || passenger_ids.includes(passenger_id));
  });
  if (item_ids.length > 0 && chosen.length !== item_ids.length) return fieldInvalid('item_ids', 'items of this order, each once');
  const passengers = new Set(chosen.map(({ passenger_id }) => passenger_id));
  if (passenger_ids.length > 0 && (passengers.size !== passenger_ids.length || passenger_ids.some((passenger_id) => !passengers.has(passenger_id)))) return fail('PASSENGER_NOT_FOUND', { metadata: { field: 'passenger_ids' } });
  if (chosen.length === 0) return fail('CHANGE_NOT_ALLOWED', { metadata: { rule: 'STATE' } });
  return ok(chosen.toSorted((left, right) => left.item_no - right.item_no));
}

/** The least that would be due: with the cheapest place of the class for everybody. */
export function leastDifference(quote: ChangeQuote, fares: readonly Fare[]): Fen {
  const items = quote.items.map((item) => {
    const fitting = fares.filter(({ seat_class, passenger_type }) => seat_class === quote.seat_class && passenger_type === item.passenger_type);
    return pricedAt(quote, item, Math.min(item.new_fare_fen, ...fitting.map(({ fare_fen }) => fare_fen)));
  });
  return differenceOf(items);
}

/** A quote with the fares of the places that are held. SEAT_CLASS_UNKNOWN for a place without a fare, CHANGE_ABOVE_LIMIT. */
export function priceAtPlaces(quote: ChangeQuote, fares: readonly Fare[], places: ReadonlyMap<number, readonly PlacePart[]>, max_difference_fen: Fen | undefined): Result<QuotedItem[]> {
  const items: QuotedItem[] = [];
  for (const item of quote.items) {
    const seat = places.get(item.item_no)?.[0]?.seat;
    const fare_fen = seat === undefined ? undefined : fareOfPlace(fares, seat, item.passenger_type);
    if (fare_fen === undefined) return fail('SEAT_CLASS_UNKNOWN');
    items.push(pricedAt(quote, item, fare_fen));
  }
  return isAbove(differenceOf(items), max_difference_fen) ? fail('CHANGE_ABOVE_LIMIT') : ok(items);
}

export function isAbove(difference_fen: Fen, max_difference_fen: Fen | undefined): boolean {
  return max_difference_fen !== undefined && difference_fen > max_difference_fen;
}

function pricedAt({ terms }: ChangeQuote, item: QuotedItem, new_fare_fen: Fen): QuotedItem {
  return { ...item, new_fare_fen, fee_fen: priceOf(terms, item.old_fare_fen, new_fare_fen).fee_fen };
}

/** Why a match is not taken, as those who wait are told it: that a ticket is lost is another thing than that it can't be changed to this train. */
export function refusedFor({ reason, metadata }: Pick<Failure, 'reason' | 'metadata'>): ErrorReason {
  if (reason !== 'CHANGE_NOT_ALLOWED') return reason;
  if (metadata?.rule === 'USED') return 'TICKET_NOT_VALID';
  return metadata?.rule === 'ONCE' || metadata?.rule === 'STATE' ? 'ITEM_NOT_CHANGEABLE' : reason;
}

/** The places were lost, or the ticket was moved at that very moment: all may be tried again. */
const AGAIN: ReadonlySet<string> = new Set(['HOLD_EXPIRED', 'HOLD_NOT_FOUND', 'HOLD_CONFLICT', 'SOLD_OUT', 'VERSION_STALE', 'QUOTE_STALE']);
/** This ride is not for this ticket; another one may be. */
const NEXT: ReadonlySet<string> = new Set([
  'CHANGE_ABOVE_LIMIT', 'CHANGE_NOT_ALLOWED', 'SAME_JOURNEY', 'JOURNEY_OVERLAP', 'TRAIN_DEPARTED', 'RUN_CANCELLED', 'SALE_CLOSED', 'SALE_NOT_OPEN', 'TRAIN_RUN_NOT_FOUND', 'STOPS_NOT_ON_RUN', 'SEAT_CLASS_UNKNOWN',
]);

/** What a match that came to nothing means for the request: it waits on, it waits on without this wish, or it is over. */
export function afterRefusal(reason: string): 'AGAIN' | 'NEXT' | 'OVER' {
  if (AGAIN.has(reason)) return 'AGAIN';
  return NEXT.has(reason) ? 'NEXT' : 'OVER';
}

/** The answer at the deadline, which is that of the traveller, the last train's or the old one's, whichever comes first. */
export function reasonAtDeadline({ closes_ms }: Pick<Upgrade, 'closes_ms'>, departures_ms: readonly number[], now_ms: number): ErrorReason {
  if (now_ms >= closes_ms) return 'INSPECTION_CLOSED';
  return now_ms >= Math.max(...departures_ms) ? 'TRAIN_DEPARTED' : 'SOLD_OUT';
}

/** Whether the traveller was told of the end by the change: that is done once its places had been locked. */
export function toldByChange(change: Pick<Change, 'pay_expire_ms'> | undefined): boolean {
  return change?.pay_expire_ms !== undefined;
}

/** In words of standby: the time to pay ran out. */
export function endOfChange({ reason }: Pick<Change, 'reason'>): string {
  return reason === 'EXPIRED' ? 'HOLD_EXPIRED' : reason;
}
