import fc from 'fast-check';
import test from 'ava';
import { feeOf, FEE_RULES, rulesAt } from './fee_rules.ts';
import { addDays } from '#kit/base/time.ts';
import { isSpringRush } from './spring_rush.ts';
import { GATE_CUT_OFF_MS, quoteItems, QUOTE_LIFE_MS, stillHolds, type OrderFacts, type OrderItem } from './quote.ts';

const [rules] = FEE_RULES;
const HOUR_MS = 3_600_000;
const SECOND = 55_300;

// Time left, paid, fee: each boundary belongs to the cheaper side.
const TABLE: [left_ms: number, paid_fen: number, fee_fen: number][] = [
  [400 * HOUR_MS, SECOND, 0],
  [192 * HOUR_MS, SECOND, 0],
  [192 * HOUR_MS - 1, SECOND, 2750],
  [48 * HOUR_MS, SECOND, 2750],
  [48 * HOUR_MS - 1, SECOND, 5550],
  [24 * HOUR_MS, SECOND, 5550],
  [24 * HOUR_MS - 1, SECOND, 11_050],
  [1, SECOND, 11_050],
  [0, SECOND, 11_050],
];

test('each tier begins at its boundary', (t) => {
  for (const [left_ms, paid_fen, fee_fen] of TABLE) t.is(feeOf(rules!, paid_fen, left_ms).fee_fen, fee_fen, `${left_ms} ms left`);
  t.throws(() => feeOf(rules!, SECOND, -1));
});

// By the clock of China, to the millisecond: the boundary itself is the traveller's. A row for each side of each.
const DEPARTURE = '2026-11-21T09:30:00.000+08:00';
const CLOCK: [now: string, rule_id: string, fee_fen: number][] = [
  ['2026-11-13T09:29:59.999+08:00', 'REFUND_FREE_8D', 0],
  ['2026-11-13T09:30:00.000+08:00', 'REFUND_FREE_8D', 0],
  ['2026-11-13T09:30:00.001+08:00', 'REFUND_5_48H', 2750],
  ['2026-11-19T09:30:00.000+08:00', 'REFUND_5_48H', 2750],
  ['2026-11-19T01:30:00.001Z', 'REFUND_10_24H', 5550],
  ['2026-11-20T09:30:00.000+08:00', 'REFUND_10_24H', 5550],
  ['2026-11-20T01:30:00.001Z', 'REFUND_20', 11_050],
  // The night in which clocks elsewhere are changed (2026-11-01, 2026-10-25) is as long as any other here.
  ['2026-11-21T00:00:00.000+08:00', 'REFUND_20', 11_050],
];

test('each boundary is the traveller\'s, by the clock of China', (t) => {
  for (const [now, rule_id, fee_fen] of CLOCK) t.like(feeOf(rules!, SECOND, Date.parse(DEPARTURE) - Date.parse(now)), { rule_id, fee_fen }, now);
  const over_the_change = Date.parse('2026-11-02T08:00:00+08:00') - Date.parse('2026-10-31T08:00:00+08:00');
  t.is(feeOf(rules!, SECOND, over_the_change).rule_id, 'REFUND_5_48H');
});

test('after a change the stricter rule applies', (t) => {
  const changed = (left_ms: number, travel_date: string, paid_fen = SECOND) => feeOf(rules!, paid_fen, left_ms, { travel_date });
  // Never free; where the time left asks for more, that is asked.
  t.like(changed(192 * HOUR_MS, '2026-11-30'), { rule_id: 'REFUND_5_CHANGED', fee_fen: 2750, returned_fen: 52_550 });
  t.like(changed(100 * HOUR_MS, '2026-11-30'), { rule_id: 'REFUND_5_48H', fee_fen: 2750 });
  t.like(changed(30 * HOUR_MS, '2026-11-30'), { rule_id: 'REFUND_10_24H', fee_fen: 5550 });
  t.like(changed(HOUR_MS, '2026-11-30'), { rule_id: 'REFUND_20', fee_fen: 11_050 });
  t.is(changed(300 * HOUR_MS, '2026-11-30', 1000).fee_fen, 200, 'the minimum holds here, too');
  // To a day of the spring rush: 20 % however early.
  t.like(changed(300 * HOUR_MS, '2026-02-02'), { rule_id: 'REFUND_20_CHANGED_RUSH', fee_fen: 11_050 });
  t.like(changed(30 * HOUR_MS, '2026-03-13'), { rule_id: 'REFUND_20_CHANGED_RUSH', fee_fen: 11_050 });
  t.like(changed(HOUR_MS, '2026-03-13'), { rule_id: 'REFUND_20' });
  t.like(changed(300 * HOUR_MS, '2026-03-14'), { rule_id: 'REFUND_5_CHANGED' });
  t.like(changed(300 * HOUR_MS, '2026-02-01'), { rule_id: 'REFUND_5_CHANGED' });
  // By the printed day in China: 2026-02-02 begins at 16:00 UTC of the day before.
  const quoted = (departure_ms: number) => quoteItems(order(item(1, { changed: true, departure_ms })), [], departure_ms - 300 * HOUR_MS);
  const rule = (departure: string) => { const quote = quoted(Date.parse(departure)); return quote.ok && quote.value.items[0]!.rule_id; };
  t.deepEqual(['2026-02-01T15:59:59.999Z', '2026-02-01T16:00:00Z'].map(rule), ['REFUND_5_CHANGED', 'REFUND_20_CHANGED_RUSH']);
});

test('the spring rush is what was published for each year', (t) => {
  for (const [first, last] of [['2024-01-26', '2024-03-05'], ['2025-01-14', '2025-02-22'], ['2026-02-02', '2026-03-13']] as const) {
    t.deepEqual([addDays(first, -1), first, last, addDays(last, 1)].map(isSpringRush), [false, true, true, false], first);
  }
});

test('fees are rounded once to half a yuan, at least two yuan, and never more than was paid', (t) => {
  const at_20 = (paid_fen: number) => feeOf(rules!, paid_fen, HOUR_MS).fee_fen;
  // 20 %: 12.24 → 12, 12.25 → 12.5, 12.74 → 12.5, 12.75 → 13 yuan.
  t.deepEqual([6120, 6125, 6370, 6375].map(at_20), [1200, 1250, 1250, 1300]);
  // 5 % of 44.90 yuan is 224.5 fen: rounding to fen first would make it 2.5 yuan.
  t.is(feeOf(rules!, 4490, 100 * HOUR_MS).fee_fen, 200);
  t.deepEqual([1000, 999, 500, 200, 150, 0].map(at_20), [200, 200, 200, 200, 150, 0]);
  t.is(feeOf(rules!, 150, 300 * HOUR_MS).fee_fen, 0);
});

test('whatever is paid and whenever: parts add up, less time never costs less', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 400 * HOUR_MS }), fc.integer({ min: 0, max: HOUR_MS * 100 }), (paid_fen, left_ms, later_ms) => {
      const fee = feeOf(rules!, paid_fen, left_ms);
      const late = feeOf(rules!, paid_fen, Math.max(0, left_ms - later_ms));
      const rounded = fee.fee_fen % 50 === 0 || fee.fee_fen === paid_fen;
      return fee.fee_fen + fee.returned_fen === paid_fen && fee.returned_fen >= 0 && rounded && late.fee_fen >= fee.fee_fen;
    }),
  );
  t.pass();
});

test('the rules of the day of the refund apply', (t) => {
  const later = { ...rules!, version: 'later', valid_from: '2027-01-01' };
  const dated = [rules!, later];
  t.is(rulesAt(Date.parse('2026-12-31T15:59:59Z'), dated).version, '2023-01');
  t.is(rulesAt(Date.parse('2026-12-31T16:00:00Z'), dated).version, 'later');
});

const item = (item_no: number, more: Partial<OrderItem> = {}): OrderItem => {
  const departure_ms = more.departure_ms ?? 100 * HOUR_MS;
  return {
    item_id: `7-${item_no}`, item_no, version: 4n, state: 'SUCCESS', paid_fen: SECOND, money: [{ payment_id: '9', amount_fen: SECOND }], child: false, changed: false,
    departure_ms, arrival_ms: departure_ms + 5 * HOUR_MS, departs_ms: departure_ms, arrives_ms: departure_ms + 5 * HOUR_MS, seat_gone: false, hold_id: 'h', run_id: 'G1.20260115', ride: { train_no: 'G1', service_date: '2026-01-15', from_station: '北京南', to_station: '上海虹桥' }, ...more,
  };
};
const order = (...items: OrderFacts['items']): OrderFacts => ({ order_id: '7', account_id: '1', payment_id: '9', items });
const reasonOf = (result: ReturnType<typeof quoteItems>) => (result.ok ? undefined : result.error.reason);

test('a quote names what can be refunded, and refuses what cannot', (t) => {
  const now_ms = HOUR_MS;
  const mixed = order(item(1), item(2, { state: 'CLOSED' }), item(3, { departure_ms: now_ms }));
  const all = quoteItems(mixed, [], now_ms);
  t.deepEqual(all.ok && all.value.items.map(({ item_id }) => item_id), ['7-1']);
  t.is(reasonOf(quoteItems(mixed, ['7-1', '7-2'], now_ms)), 'ITEM_NOT_REFUNDABLE');
  t.is(reasonOf(quoteItems(mixed, ['7-3'], now_ms)), 'TRAIN_DEPARTED');
  t.is(reasonOf(quoteItems(order(item(1, { departure_ms: now_ms })), [], now_ms)), 'TRAIN_DEPARTED');
  t.is(reasonOf(quoteItems(mixed, ['7-9'], now_ms)), 'FIELD_INVALID');
  t.is(reasonOf(quoteItems(mixed, ['7-1', '7-1'], now_ms)), 'FIELD_INVALID');
});

test('refunds end when the gate does, and so do quotes', (t) => {
  const departure_ms = 10 * HOUR_MS;
  const facts = order(item(1, { departure_ms }));
  const close_ms = departure_ms - GATE_CUT_OFF_MS;
  const last = quoteItems(facts, [], close_ms - 1);
  t.is(last.ok && last.value.expire_ms, close_ms);
  t.is(reasonOf(quoteItems(facts, [], close_ms)), 'INSPECTION_CLOSED');
  t.is(reasonOf(quoteItems(facts, ['7-1'], departure_ms - 1)), 'INSPECTION_CLOSED');
  t.is(reasonOf(quoteItems(facts, [], departure_ms)), 'TRAIN_DEPARTED');
});

test('a quote holds for five minutes, with its fee, and while nothing changed', (t) => {
  // 48 hours left, to the millisecond: a moment later the next tier begins.
  const at = (now_ms: number, facts = order(item(1, { departure_ms: 48 * HOUR_MS }))) => {
    const quoted = quoteItems(facts, [], now_ms);
    if (!quoted.ok) throw new Error(quoted.error.reason);
    return quoted.value;
  };
  const quote = at(0);
  t.is(quote.items[0]!.rule_id, 'REFUND_5_48H');
  t.is(at(1).items[0]!.rule_id, 'REFUND_10_24H');
  t.true(stillHolds(quote, at(QUOTE_LIFE_MS), QUOTE_LIFE_MS));
  t.false(stillHolds(quote, at(QUOTE_LIFE_MS + 1), QUOTE_LIFE_MS + 1));
  t.false(stillHolds(quote, at(1, order(item(1, { departure_ms: 48 * HOUR_MS, version: 5n }))), 1));
  t.false(stillHolds(quote, at(1, order(item(1, { paid_fen: SECOND - 1 }))), 1));
  t.false(stillHolds(quote, { ...at(1), order_id: '8' }, 1));
});

const alone = (result: ReturnType<typeof quoteItems>) => (result.ok ? result.value.items.map(({ item_id }) => item_id) : [result.error.reason, result.error.metadata?.item_ids]);

test('a child does not stay alone on the train', (t) => {
  const family = order(item(1), item(2), item(3, { child: true }), item(4, { child: true }));
  t.deepEqual(alone(quoteItems(family, ['7-1', '7-2'], 0)), ['CHILD_LEFT_ALONE', '7-3,7-4']);
  t.deepEqual(alone(quoteItems(family, ['7-1', '7-2', '7-3'], 0)), ['CHILD_LEFT_ALONE', '7-4']);
  t.deepEqual(alone(quoteItems(family, ['7-1', '7-2', '7-3', '7-4'], 0)), ['7-1', '7-2', '7-3', '7-4']);
  t.deepEqual(alone(quoteItems(family, [], 0)), ['7-1', '7-2', '7-3', '7-4']);
  // One adult stays; a child goes back without its adults.
  t.deepEqual(alone(quoteItems(family, ['7-1'], 0)), ['7-1']);
  t.deepEqual(alone(quoteItems(family, ['7-3'], 0)), ['7-3']);
  // Who was refunded before does not travel; who is being changed does; on another train nobody helps.
  const two = (more: Partial<OrderItem>) => order(item(1), item(2, more), item(3, { child: true }));
  t.deepEqual(alone(quoteItems(two({ state: 'CLOSED' }), ['7-1'], 0)), ['CHILD_LEFT_ALONE', '7-3']);
  t.deepEqual(alone(quoteItems(two({ state: 'REFUND' }), ['7-1'], 0)), ['CHILD_LEFT_ALONE', '7-3']);
  t.deepEqual(alone(quoteItems(two({ state: 'CHANGE' }), ['7-1'], 0)), ['7-1']);
  t.deepEqual(alone(quoteItems(two({ run_id: 'G2.20260115' }), ['7-1'], 0)), ['CHILD_LEFT_ALONE', '7-3']);
  // A child whose adult has a ticket of another order is nobody's business here, and a train that does not run takes nobody.
  t.deepEqual(alone(quoteItems(order(item(1, { run_id: 'G2.20260115' }), item(2, { child: true })), ['7-1'], 0)), ['7-1']);
  t.deepEqual(alone(quoteItems(two({ state: 'CLOSED' }), ['7-1'], 0, { cancelled: new Set(['G1.20260115']), free_delay_ms: 1 })), ['7-1']);
});

test('a run that does not run, or runs late, is refunded without a fee', (t) => {
  const departure_ms = 10 * HOUR_MS;
  const at = (now_ms: number, { cancelled = false, ...now }: Partial<OrderItem> & { cancelled?: boolean }) => quoteItems(order(item(1, { departure_ms, ...now })), [], now_ms, { cancelled: new Set(cancelled ? ['G1.20260115'] : []), free_delay_ms: HOUR_MS });
  const rule = (result: ReturnType<typeof quoteItems>) => (result.ok ? result.value.items[0]!.rule_id : result.error.reason);
  const times = (departs_ms: number, arrives_ms = departs_ms + 5 * HOUR_MS) => ({ departs_ms, arrives_ms });
  t.is(rule(at(departure_ms + 50 * HOUR_MS, { cancelled: true })), 'REFUND_RUN_CANCELLED');
  t.is(rule(at(0, { seat_gone: true })), 'REFUND_SEAT_GONE');
  t.is(rule(at(0, times(departure_ms + HOUR_MS))), 'REFUND_RUN_DELAYED');
  t.is(rule(at(0, times(departure_ms + HOUR_MS - 1))), 'REFUND_20');
  t.is(rule(at(0, times(departure_ms - HOUR_MS))), 'REFUND_RUN_DELAYED');
  t.is(rule(at(0, times(departure_ms, departure_ms + 6 * HOUR_MS))), 'REFUND_RUN_DELAYED', 'it leaves in time and arrives late');
  t.is(rule(at(0, times(departure_ms, departure_ms + 2 * HOUR_MS))), 'REFUND_20', 'it arrives early');
  // Until it leaves, as it runs now; a few minutes late is refunded with the fee of the last tier.
  t.is(rule(at(departure_ms + HOUR_MS, times(departure_ms + 2 * HOUR_MS))), 'REFUND_RUN_DELAYED');
  t.is(rule(at(departure_ms + 1, times(departure_ms + GATE_CUT_OFF_MS + 2))), 'REFUND_20');
  t.is(rule(at(departure_ms + 2 * HOUR_MS, times(departure_ms + 2 * HOUR_MS))), 'TRAIN_DEPARTED');
  t.is(rule(at(departure_ms - HOUR_MS, times(departure_ms - HOUR_MS))), 'TRAIN_DEPARTED', 'it left before its time');
  // A quote with a fee is stale once there is none.
  const [before, after] = [at(0, {}), at(1, { cancelled: true })];
  t.false(before.ok && after.ok && stillHolds(before.value, after.value, 1));
});
