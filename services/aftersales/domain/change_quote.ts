import type { Journey } from '#kit/base/journey.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { dearestFare, type ChangeItem, type Fare } from './change.ts';
import { priceOf, termsOf, type ChangeTerms } from './change_rules.ts';
import { leftAlone, type Traveller } from './companions.ts';
import type { MoneySource } from './refund.ts';
import { GATE_CUT_OFF_MS, QUOTE_LIFE_MS } from './quote.ts';

/** An item of an order as far as a change can tell. `paid_fen`: its fare less what was refunded of it. */
export type TicketItem = {
  item_id: string;
  item_no: number;
  version: number;
  state: string;
  changed: boolean;
  passenger_id: string;
  passenger_type: string;
  seat_class: string;
  hold_id: string;
  paid_fen: number;
  /** Where that came from, oldest first. */
  money: MoneySource[];
  journey: Journey;
};

export type OrderTickets = { order_id: string; account_id: string; channel: string; items: TicketItem[] };

export type Wish = { order_id: string; item_ids: readonly string[]; run_id: string; from_station_id: string; to_station_id: string; seat_class: string };

export type SaleState = 'BEFORE' | 'OPEN' | 'CLOSED' | 'CANCELLED';

/** A train of a day. `city` is empty where it is not known. */
export type RunFacts = { sale_state: SaleState; stops: { station_id: string; city: string; sale_start_ms: number | undefined }[] };

/** What is known of the wanted ride, and of the train that is given up (undefined when it is not in the timetable any more). */
export type RideFacts = { journey: Journey; fares: Fare[]; run: RunFacts; old_run: RunFacts | undefined; /** Items whose ticket is valid: not used, not void. */ valid: ReadonlySet<string> };

/** At a counter passengers are seen to be there: so their tickets may be changed after departure (see quoteChange). */
export type Asking = { now_ms: number; at_counter: boolean };

export type QuotedItem = Omit<ChangeItem, 'places' | 'ticket_id'>;

export type ChangeQuote = { order_id: string; seat_class: string; items: QuotedItem[]; journey: Journey; terms: ChangeTerms; expire_ms: number };

/**
 * What the wanted change costs now; it holds nothing. Gates close three minutes before departure, and whoever has passed one
 * that was offline is not known yet (ADR 24): so from there on, and after departure until the end of the day, a ticket can be
 * changed at a counter only. CHANGE_NOT_ALLOWED (metadata `rule`), SAME_JOURNEY, TRAIN_DEPARTED, INSPECTION_CLOSED, those of the sale.
 */
export function quoteChange(order: OrderTickets, wish: Wish, facts: RideFacts, { now_ms, at_counter }: Asking): Result<ChangeQuote> {
  const { item_ids, seat_class } = wish;
  const named = order.items.filter(({ item_id }) => item_ids.includes(item_id));
  if (item_ids.length === 0 || named.length !== item_ids.length || new Set(item_ids).size !== item_ids.length) return fieldInvalid('item_ids', 'items of this order, each once');
  const refusal = refusalOf(order, named, seat_class, facts) ?? saleRefusal(facts, now_ms);
  if (refusal !== undefined) return refusal;
  const departure_ms = Math.min(...named.map(({ journey }) => journey.departure_ms));
  if (!at_counter && departure_ms <= now_ms) return fail('TRAIN_DEPARTED');
  if (!at_counter && departure_ms - GATE_CUT_OFF_MS <= now_ms) return fail('INSPECTION_CLOSED');

  const other_destination = named.some(({ journey }) => !isSamePlace(facts, journey.to_station_id, facts.journey.to_station_id));
  const agreed = termsOf({ departure_ms, new_departure_ms: facts.journey.departure_ms, other_destination }, now_ms);
  if (!agreed.ok) return agreed;
  const { terms, end_ms } = agreed.value;
  const items: QuotedItem[] = [];
  for (const { item_id, item_no, version, passenger_id, passenger_type, hold_id, paid_fen, money } of named) {
    const new_fare_fen = dearestFare(facts.fares, seat_class, passenger_type);
    if (new_fare_fen === undefined) return fail('SEAT_CLASS_UNKNOWN');
    items.push({ item_id, item_no, version, passenger_id, passenger_type, hold_id, old_fare_fen: paid_fen, money, new_fare_fen, fee_fen: priceOf(terms, paid_fen, new_fare_fen).fee_fen });
  }
  const closes_ms = Math.min(facts.journey.departure_ms - GATE_CUT_OFF_MS, end_ms, at_counter ? Infinity : departure_ms - GATE_CUT_OFF_MS);
  return ok({ order_id: order.order_id, seat_class, items, journey: facts.journey, terms, expire_ms: Math.min(now_ms + QUOTE_LIFE_MS, closes_ms) });
}

/**
 * True while a quote is what would be quoted now, except for its terms: those stand until it expires, even when the next tier
 * begins meanwhile.
 */
export function changeStillHolds(quote: ChangeQuote, fresh: ChangeQuote, now_ms: number): boolean {
  if (quote.expire_ms < now_ms || quote.order_id !== fresh.order_id || quote.seat_class !== fresh.seat_class || quote.terms.rule_version !== fresh.terms.rule_version) return false;
  if (rideOf(quote.journey) !== rideOf(fresh.journey) || quote.journey.departure_ms !== fresh.journey.departure_ms || quote.items.length !== fresh.items.length) return false;
  return quote.items.every((item, index) => {
    const now = fresh.items[index]!;
    return item.item_id === now.item_id && item.version === now.version && item.old_fare_fen === now.old_fare_fen && item.new_fare_fen === now.new_fare_fen;
  });
}

function refusalOf(order: OrderTickets, named: readonly TicketItem[], seat_class: string, { journey, valid, ...places }: RideFacts): Result<never> | undefined {
  const not = (rule: string) => fail('CHANGE_NOT_ALLOWED', { metadata: { rule } });
  if (named.some(({ changed }) => changed)) return not('ONCE');
  if (named.some(({ state }) => state !== 'SUCCESS')) return not('STATE');
  if (named.some(({ item_id }) => !valid.has(item_id))) return not('USED');
  if (named.some((item) => rideOf(item.journey) === rideOf(journey) && item.seat_class === seat_class)) return fail('SAME_JOURNEY');
  if (named.some((item) => !isSamePlace(places, item.journey.from_station_id, journey.from_station_id))) return not('FROM_STATION');
  const before = order.items.filter(({ state }) => state === 'SUCCESS').map(({ item_id, passenger_type, journey: ride }): Traveller => ({ item_id, child: passenger_type === 'CHILD', ride: rideOf(ride) }));
  const after = before.map((traveller) => (named.some(({ item_id }) => item_id === traveller.item_id) ? { ...traveller, ride: rideOf(journey) } : traveller));
  return leftAlone(before, after).length > 0 ? not('CHILD_WITH_ADULT') : undefined;
}

function saleRefusal({ run, journey }: RideFacts, now_ms: number): Result<never> | undefined {
  if (run.sale_state === 'CANCELLED') return fail('RUN_CANCELLED');
  if (journey.departure_ms - GATE_CUT_OFF_MS <= now_ms) return fail('TRAIN_DEPARTED');
  const opens_in_ms = (run.stops.find(({ station_id }) => station_id === journey.from_station_id)?.sale_start_ms ?? 0) - now_ms;
  if (opens_in_ms > 0) return fail('SALE_NOT_OPEN', { retry_after_ms: opens_in_ms });
  if (run.sale_state === 'BEFORE') return fail('SALE_NOT_OPEN');
  return run.sale_state === 'CLOSED' ? fail('SALE_CLOSED') : undefined;
}

function rideOf({ run_id, from_index, to_index }: Journey): string {
  return `${run_id} ${from_index}-${to_index}`;
}

/** Stations of one city count as one place (12306: 同城车站). */
function isSamePlace({ run, old_run }: Pick<RideFacts, 'run' | 'old_run'>, old_station_id: string, new_station_id: string): boolean {
  if (old_station_id === new_station_id) return true;
  const old_city = old_run?.stops.find(({ station_id }) => station_id === old_station_id)?.city ?? '';
  return old_city !== '' && old_city === run.stops.find(({ station_id }) => station_id === new_station_id)?.city;
}
