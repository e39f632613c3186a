import test from 'ava';
import type { Journey } from '#kit/base/journey.ts';
import type { Fare } from './change.ts';
import { changeStillHolds, quoteChange, type OrderTickets, type RideFacts, type TicketItem, type Wish } from './change_quote.ts';
import { GATE_CUT_OFF_MS, QUOTE_LIFE_MS } from './quote.ts';

const HOUR_MS = 3_600_000;
const DEPARTURE_MS = Date.parse('2026-03-10T10:00:00+08:00');
const NOW_MS = DEPARTURE_MS - 30 * HOUR_MS;

const ride = (run_id: string, departure_ms: number, more: Partial<Journey> = {}): Journey => ({
  run_id, train_no: 'G1', service_date: '2026-03-10', from_station_id: 'BJP', to_station_id: 'SHH', from_index: 0, to_index: 3, departure_ms, arrival_ms: departure_ms + 5 * HOUR_MS, from_station_name: '', to_station_name: '', distance_m: 1, ...more,
});
const ticket = (no: number, more: Partial<TicketItem> = {}): TicketItem => ({
  item_id: `7-${no}`, item_no: no, version: 4, state: 'SUCCESS', changed: false, passenger_id: String(no), passenger_type: 'ADULT', seat_class: 'SECOND', hold_id: 'h', paid_fen: 100_00, money: [{ payment_id: 'p', amount_fen: 100_00 }], journey: ride('G1.20260310', DEPARTURE_MS), ...more,
});
const order = (...items: TicketItem[]): OrderTickets => ({ order_id: '7', account_id: '1', channel: 'WEB', items });
const fare = (seat_class: string, passenger_type: string, fare_fen: number, berth_level = ''): Fare => ({ seat_class, passenger_type, berth_level, fare_fen });
const FARES = [fare('SECOND', 'ADULT', 100_00), fare('SECOND', 'CHILD', 50_00), fare('FIRST', 'ADULT', 160_00), fare('HARD_SLEEPER', 'ADULT', 120_00, 'UPPER'), fare('HARD_SLEEPER', 'ADULT', 130_00, 'LOWER')];
const STOPS = [{ station_id: 'BJP', city: '北京', sale_start_ms: undefined }, { station_id: 'VNP', city: '北京', sale_start_ms: undefined }, { station_id: 'SHH', city: '上海', sale_start_ms: undefined }, { station_id: 'AOH', city: '上海', sale_start_ms: undefined }, { station_id: 'NJH', city: '南京', sale_start_ms: undefined }];
const RUN = { sale_state: 'OPEN' as const, stops: STOPS };
const facts = (more: Partial<RideFacts> = {}): RideFacts => ({ journey: ride('G3.20260310', DEPARTURE_MS + HOUR_MS), fares: FARES, run: RUN, old_run: RUN, valid: new Set(['7-1', '7-2', '7-3']), ...more });
const wish = (...item_ids: string[]): Wish => ({ order_id: '7', item_ids, run_id: 'G3.20260310', from_station_id: 'BJP', to_station_id: 'SHH', seat_class: 'SECOND' });

function outcome(one: OrderTickets, wanted: Wish, known = facts(), { now_ms = NOW_MS, at_counter = false } = {}): string {
  const quote = quoteChange(one, wanted, known, { now_ms, at_counter });
  return quote.ok ? quote.value.terms.rule_id : (quote.error.metadata?.rule ?? quote.error.reason);
}

test('what a ticket can be changed to', (t) => {
  const one = order(ticket(1));
  const to = (more: Partial<Journey>) => facts({ journey: ride('G3.20260310', DEPARTURE_MS + HOUR_MS, more) });
  const CASES: [got: string, wanted: string][] = [
    [outcome(one, wish('7-1')), 'CHANGE_FREE_SAME_DAY'],
    [outcome(one, wish()), 'FIELD_INVALID'],
    [outcome(one, wish('7-1', '7-1')), 'FIELD_INVALID'],
    [outcome(one, wish('8-1')), 'FIELD_INVALID'],
    [outcome(order(ticket(1, { changed: true })), wish('7-1')), 'ONCE'],
    [outcome(order(ticket(1, { state: 'REFUND' })), wish('7-1')), 'STATE'],
    [outcome(order(ticket(1, { state: 'CHANGE' })), wish('7-1')), 'STATE'],
    [outcome(one, wish('7-1'), facts({ valid: new Set() })), 'USED'],
    [outcome(one, wish('7-1'), facts({ journey: ride('G1.20260310', DEPARTURE_MS) })), 'SAME_JOURNEY'],
    // The same train in another class, or for another stretch, is another journey.
    [outcome(one, { ...wish('7-1'), seat_class: 'FIRST' }, facts({ journey: ride('G1.20260310', DEPARTURE_MS) })), 'CHANGE_FREE_SAME_DAY'],
    [outcome(one, { ...wish('7-1'), seat_class: 'BUSINESS' }), 'SEAT_CLASS_UNKNOWN'],
    // Another station of the city is the same place; another city is another destination, and no place to begin.
    [outcome(one, wish('7-1'), to({ from_station_id: 'VNP', to_station_id: 'AOH' })), 'CHANGE_FREE_SAME_DAY'],
    [outcome(one, wish('7-1'), to({ to_station_id: 'NJH' })), 'DESTINATION_48H'],
    [outcome(one, wish('7-1'), to({ to_station_id: 'NJH' }), { now_ms: DEPARTURE_MS - 48 * HOUR_MS }), 'CHANGE_FREE_48H'],
    [outcome(one, wish('7-1'), to({ from_station_id: 'NJH' })), 'FROM_STATION'],
    [outcome(one, wish('7-1'), { ...to({ to_station_id: 'AOH' }), old_run: undefined }), 'DESTINATION_48H'],
    [outcome(one, wish('7-1'), facts({ run: { ...RUN, sale_state: 'CANCELLED' } })), 'RUN_CANCELLED'],
    [outcome(one, wish('7-1'), facts({ run: { ...RUN, sale_state: 'CLOSED' } })), 'SALE_CLOSED'],
    [outcome(one, wish('7-1'), facts({ run: { ...RUN, sale_state: 'BEFORE' } })), 'SALE_NOT_OPEN'],
    [outcome(one, wish('7-1'), facts({ run: { ...RUN, stops: [{ ...STOPS[0]!, sale_start_ms: NOW_MS + 1 }] } })), 'SALE_NOT_OPEN'],
    [outcome(one, wish('7-1'), facts({ journey: ride('G3.20260310', NOW_MS + GATE_CUT_OFF_MS) })), 'TRAIN_DEPARTED'],
  ];
  for (const [index, [got, wanted]] of CASES.entries()) t.is(got, wanted, `case ${index}`);
});

test('travellers change until the gate closes, counters until the end of the day', (t) => {
  const late = facts({ journey: ride('G3.20260310', DEPARTURE_MS + 12 * HOUR_MS) });
  const at = (left_ms: number, at_counter: boolean) => outcome(order(ticket(1)), wish('7-1'), late, { now_ms: DEPARTURE_MS - left_ms, at_counter });
  t.deepEqual([GATE_CUT_OFF_MS + 1, GATE_CUT_OFF_MS, 1, 0, -HOUR_MS].map((left_ms) => at(left_ms, false)), ['CHANGE_FREE_SAME_DAY', 'INSPECTION_CLOSED', 'INSPECTION_CLOSED', 'TRAIN_DEPARTED', 'TRAIN_DEPARTED']);
  t.deepEqual([GATE_CUT_OFF_MS, 0, -HOUR_MS].map((left_ms) => at(left_ms, true)), ['CHANGE_FREE_SAME_DAY', 'CHANGE_FREE_SAME_DAY', 'CHANGE_FREE_SAME_DAY']);
});

test('a child stays with a grown-up', (t) => {
  const family = order(ticket(1), ticket(2, { passenger_type: 'CHILD', paid_fen: 50_00 }));
  t.is(outcome(family, wish('7-2')), 'CHILD_WITH_ADULT');
  t.is(outcome(family, wish('7-1')), 'CHILD_WITH_ADULT');
  t.is(outcome(family, wish('7-1', '7-2')), 'CHANGE_FREE_SAME_DAY');
  // One of two grown-ups may leave; a child that travels with somebody of another order may, too.
  t.is(outcome(order(...family.items, ticket(3)), wish('7-1')), 'CHANGE_FREE_SAME_DAY');
  t.is(outcome(order(ticket(2, { passenger_type: 'CHILD' })), wish('7-2')), 'CHANGE_FREE_SAME_DAY');
});

test('prices are by passenger type, of berths the dearest', (t) => {
  const family = quoteChange(order(ticket(1), ticket(2, { passenger_type: 'CHILD', paid_fen: 50_00 })), wish('7-1', '7-2'), facts(), { now_ms: NOW_MS, at_counter: false });
  t.deepEqual(family.ok && family.value.items.map(({ new_fare_fen }) => new_fare_fen), [100_00, 50_00]);
  const sleeper = quoteChange(order(ticket(1)), { ...wish('7-1'), seat_class: 'HARD_SLEEPER' }, facts(), { now_ms: NOW_MS, at_counter: false });
  t.is(sleeper.ok && sleeper.value.items[0]!.new_fare_fen, 130_00);
});

test('a quote holds for its time, and while nothing but time has moved', (t) => {
  const quoted = (now_ms: number, one = order(ticket(1)), known = facts()) => {
    const quote = quoteChange(one, wish('7-1'), known, { now_ms, at_counter: false });
    if (!quote.ok) throw new Error(quote.error.reason);
    return quote.value;
  };
  const quote = quoted(NOW_MS);
  t.is(quote.expire_ms, NOW_MS + QUOTE_LIFE_MS);
  t.is(quoted(DEPARTURE_MS - GATE_CUT_OFF_MS - 60_000).expire_ms, DEPARTURE_MS - GATE_CUT_OFF_MS);
  t.true(changeStillHolds(quote, quoted(quote.expire_ms), quote.expire_ms));
  t.false(changeStillHolds(quote, quoted(quote.expire_ms), quote.expire_ms + 1));
  t.false(changeStillHolds(quote, quoted(NOW_MS, order(ticket(1, { version: 5 }))), NOW_MS));
  t.false(changeStillHolds(quote, quoted(NOW_MS, order(ticket(1, { paid_fen: 1 }))), NOW_MS));
  t.false(changeStillHolds(quote, quoted(NOW_MS, order(ticket(1)), facts({ fares: [fare('SECOND', 'ADULT', 110_00)] })), NOW_MS));
  t.false(changeStillHolds(quote, quoted(NOW_MS, order(ticket(1)), facts({ journey: ride('G5.20260310', DEPARTURE_MS) })), NOW_MS));
});
