import test from 'ava';
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Journey } from '#kit/base/journey.ts';
import type { Fare, PlacePart } from './change.ts';
import type { ChangeQuote, OrderTickets, QuotedItem, TicketItem } from './change_quote.ts';
import { differenceOf } from './change.ts';
import { matchHoldId } from './standby.ts';
import { afterRefusal, chooseTickets, endOfChange, leastDifference, priceAtPlaces, reasonAtDeadline, refusedFor, type Upgrade } from './upgrade.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse('2026-03-10T10:00:00+08:00');
const journey = { run_id: 'G1.20260312', departure_ms: NOW_MS + 30 * HOUR_MS } as Journey;
const ticket = (no: number, more: Partial<TicketItem> = {}): TicketItem => ({ item_id: `7-${no}`, item_no: no, version: 1, state: 'SUCCESS', changed: false, passenger_id: `p${no}`, passenger_type: 'ADULT', seat_class: 'SECOND', hold_id: 'h', paid_fen: 100_00, money: [], journey, ...more });
const order = (...items: TicketItem[]): OrderTickets => ({ order_id: '7', account_id: '1', channel: 'WEB', items });

function chosen(one: OrderTickets, item_ids: string[], passenger_ids: string[] = []): string {
  const tickets = chooseTickets(one, item_ids, passenger_ids);
  return tickets.ok ? tickets.value.map(({ item_no }) => item_no).join() : (tickets.error.metadata?.rule ?? tickets.error.reason);
}

test('which tickets wait: those named, those of the passengers named, or all; in the order of their numbers', (t) => {
  const three = order(ticket(3), ticket(1), ticket(2, { state: 'CLOSED' }));
  const CASES: [string, string][] = [
    [chosen(three, []), '1,3'],
    [chosen(three, ['7-3', '7-1']), '1,3'],
    [chosen(three, [], ['p3']), '3'],
    [chosen(three, ['7-3'], ['p3']), '3'],
    [chosen(three, ['7-3'], ['p1']), 'PASSENGER_NOT_FOUND'],
    [chosen(three, ['7-3', '7-1'], ['p1']), 'PASSENGER_NOT_FOUND'],
    [chosen(three, [], ['p2']), 'PASSENGER_NOT_FOUND'],
    [chosen(three, ['7-1', '7-1']), 'FIELD_INVALID'],
    [chosen(three, ['8-1']), 'FIELD_INVALID'],
    [chosen(order(ticket(1, { state: 'REFUND' })), []), 'STATE'],
  ];
  for (const [got, wanted] of CASES) t.is(got, wanted);
});

const berth = (fare_fen: number, berth_level: string): Fare => ({ seat_class: 'HARD_SLEEPER', passenger_type: 'ADULT', berth_level, fare_fen });
const FARES = [berth(120_00, 'UPPER'), berth(130_00, 'LOWER')];
const item = (no: number): QuotedItem => ({ item_id: `7-${no}`, item_no: no, version: 1, passenger_id: `p${no}`, passenger_type: 'ADULT', hold_id: 'h', old_fare_fen: 100_00, money: [], new_fare_fen: 130_00, fee_fen: 0 });
const quote = (permille = 0): ChangeQuote => ({ order_id: '7', seat_class: 'HARD_SLEEPER', items: [item(1), item(2)], journey, expire_ms: 0, terms: { rule_id: 'X', rule_version: '2024-01', permille, text_zh: '', text_en: '', quoted_ms: NOW_MS, departure_ms: journey.departure_ms } });
const places = (...levels: string[]): Map<number, PlacePart[]> => new Map(levels.map((berth_level, index) => [index + 1, [{ seat: { coach_no: '1', seat_no: '1', seat_class: 'HARD_SLEEPER', berth_level }, from_index: 0, to_index: 3 }]]));

test('what is due is that of the places that are held, with its fees, and never above the limit', (t) => {
  const due = (permille: number, limit_fen: number | undefined, ...levels: string[]) => {
    const priced = priceAtPlaces(quote(permille), FARES, places(...levels), limit_fen);
    return priced.ok ? differenceOf(priced.value) : priced.error.reason;
  };
  t.is(due(0, undefined, 'UPPER', 'LOWER'), 50_00);
  t.is(due(0, 50_00, 'UPPER', 'LOWER'), 50_00);
  t.is(due(0, 49_99, 'UPPER', 'LOWER'), 'CHANGE_ABOVE_LIMIT');
  t.is(due(0, 50_00, 'LOWER', 'LOWER'), 'CHANGE_ABOVE_LIMIT');
  // 5 % of 100 yuan each.
  t.is(due(50, 60_00, 'UPPER', 'LOWER'), 60_00);
  t.is(due(50, 59_99, 'UPPER', 'LOWER'), 'CHANGE_ABOVE_LIMIT');
  t.is(due(0, undefined, 'UPPER'), 'SEAT_CLASS_UNKNOWN', 'a passenger without a place');
  t.is(leastDifference(quote(), FARES), 40_00, 'two upper berths');
});

test('what a refused match means for the request', (t) => {
  const CASES: [reason: ErrorReason, rule: string, told: string, next: string][] = [
    ['CHANGE_NOT_ALLOWED', 'ONCE', 'ITEM_NOT_CHANGEABLE', 'OVER'],
    ['CHANGE_NOT_ALLOWED', 'STATE', 'ITEM_NOT_CHANGEABLE', 'OVER'],
    ['CHANGE_NOT_ALLOWED', 'USED', 'TICKET_NOT_VALID', 'OVER'],
    ['CHANGE_NOT_ALLOWED', 'LATER_DAY', 'CHANGE_NOT_ALLOWED', 'NEXT'],
    ['CHANGE_ABOVE_LIMIT', '', 'CHANGE_ABOVE_LIMIT', 'NEXT'],
    ['JOURNEY_OVERLAP', '', 'JOURNEY_OVERLAP', 'NEXT'],
    ['TRAIN_DEPARTED', '', 'TRAIN_DEPARTED', 'NEXT'],
    ['INSPECTION_CLOSED', '', 'INSPECTION_CLOSED', 'OVER'],
    ['ORDER_NOT_FOUND', '', 'ORDER_NOT_FOUND', 'OVER'],
    ['HOLD_EXPIRED', '', 'HOLD_EXPIRED', 'AGAIN'],
    ['VERSION_STALE', '', 'VERSION_STALE', 'AGAIN'],
  ];
  for (const [reason, rule, told, next] of CASES) {
    const why = refusedFor({ reason, metadata: { rule } });
    t.deepEqual([why, afterRefusal(why)], [told, next], `${reason} ${rule}`);
  }
  t.is(endOfChange({ reason: 'EXPIRED' }), 'HOLD_EXPIRED');
  t.is(endOfChange({ reason: 'CANCELLED' }), 'CANCELLED');
});

test('at the deadline the answer says whose it was: the old gate, the last train, the traveller', (t) => {
  const at = (now_ms: number) => reasonAtDeadline({ closes_ms: 300 }, [100, 200], now_ms);
  t.deepEqual([150, 199, 200, 299, 300].map(at), ['SOLD_OUT', 'SOLD_OUT', 'TRAIN_DEPARTED', 'TRAIN_DEPARTED', 'INSPECTION_CLOSED']);
});

test('the seats of an upgrade are those of a change', (t) => {
  const upgrade = {} as Upgrade;
  t.deepEqual([matchHoldId({ standby_id: 5n, match_no: 2 }), matchHoldId({ standby_id: 5n, match_no: 2, upgrade })], ['match-5-2', 'change-standby-5-2']);
});
