import fc from 'fast-check';
import test from 'ava';
import { feeOf, FEE_RULES, rulesAt } from './fee_rules.ts';
import { GATE_CUT_OFF_MS, quoteItems, QUOTE_LIFE_MS, stillHolds, type OrderFacts } from './quote.ts';

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

const item = (item_no: number, more: Partial<OrderFacts['items'][number]> = {}) => ({ item_id: `7-${item_no}`, item_no, version: 4n, state: 'SUCCESS', paid_fen: SECOND, departure_ms: 100 * HOUR_MS, hold_id: 'h', run_id: 'G1.20260115', ...more });
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
