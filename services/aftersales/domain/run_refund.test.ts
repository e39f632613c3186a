import test from 'ava';
import type { OrderFacts, OrderItem } from './quote.ts';
import { moneyPartsOf, type Refund, type RefundItem, type RefundStage } from './refund.ts';
import { lookAt, type RunRefundState } from './run_refund.ts';

const RUN = 'G1.20260115';
const ride = { train_no: 'G1', service_date: '2026-01-15', from_station: '北京南', to_station: '上海虹桥' };
const item = (item_no: number, more: Partial<OrderItem> = {}): OrderItem => ({ item_id: `7-${item_no}`, item_no, version: 4n, state: 'SUCCESS', paid_fen: 100, money: [], child: false, changed: false, departure_ms: 0, arrival_ms: 1, departs_ms: 0, arrives_ms: 1, seat_gone: false, hold_id: 'h', run_id: RUN, ride, ...more });
const order = (...items: OrderItem[]): OrderFacts => ({ order_id: '7', account_id: '1', payment_id: '9', items });
const refund = (stage: RefundStage, item_nos: number[], reason = ''): Refund => ({
  refund_id: 1n, order_id: 7n, account_id: 1n, payment_id: '9', stage, rule_version: '', cause: 'RUN_CANCELLED', reason, create_time_ms: 0, finish_time_ms: undefined,
  items: item_nos.map((item_no) => ({ item_id: `7-${item_no}` }) as RefundItem),
});
const look = (facts: OrderFacts, refunds: Refund[] = [], state: RunRefundState = 'ACTIVE') => {
  const { next, items, failed } = lookAt({ run_id: RUN, state }, facts, refunds);
  return ['begin' in next ? next.begin.map((group) => group.map(({ item_no }) => item_no)) : 'wait' in next ? 'wait' : next.end, items, failed];
};

test('tickets go back together, and each by itself once one of them was used', (t) => {
  const facts = order(item(1), item(2), item(3, { run_id: 'G2.20260115' }));
  t.deepEqual(look(facts), [[[1, 2]], 2, 0]);
  t.deepEqual(look(facts, [refund('REFUSED', [1, 2], 'VERSION_STALE')]), [[[1, 2]], 2, 0]);
  t.deepEqual(look(facts, [refund('REFUSED', [1, 2], 'TICKET_NOT_VALID')]), [[[1], [2]], 2, 0]);
  const used = [refund('REFUSED', [1, 2], 'TICKET_NOT_VALID'), refund('REFUSED', [1], 'TICKET_NOT_VALID')];
  t.deepEqual(look(order(item(1), item(2, { state: 'REFUND' })), [...used, refund('VOIDED', [2])]), ['wait', 2, 1]);
  t.deepEqual(look(order(item(1), item(2, { state: 'CLOSED' })), [...used, refund('DONE', [2])]), ['FAILED', 2, 1]);
});

test('what others have to move on is waited for, and no order is at its end before', (t) => {
  for (const state of ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'FAIL', 'REFUND', 'CHANGE']) t.deepEqual(look(order(item(1, { state }))), ['wait', 1, 0], state);
  t.deepEqual(look(order(item(1), item(2, { state: 'CHANGE' }))), [[[1]], 2, 0]);
  t.deepEqual(look(order(item(1)), [refund('BEGUN', [1])]), ['wait', 1, 0], 'begun, and the order does not know yet');
  t.deepEqual(look(order(item(1, { state: 'CLOSED' })), [refund('MONEY_SENT', [1])]), ['wait', 0, 0], 'closed, and the refund does not know yet');
  t.deepEqual(look(order(item(1, { state: 'CLOSED' }))), ['DONE', 0, 0]);
  t.deepEqual(look(order(item(1, { run_id: 'G2.20260115' }))), ['DONE', 0, 0]);
  t.deepEqual(look(order(item(1, { state: 'CLOSED' })), [refund('DONE', [1])]), ['DONE', 1, 0]);
});

test('a job that was stopped begins nothing', (t) => {
  t.deepEqual(look(order(item(1)), [], 'STOPPED'), ['LEFT', 0, 0]);
  t.deepEqual(look(order(item(1, { state: 'REFUND' }), item(2)), [refund('VOIDED', [1])], 'STOPPED'), ['wait', 1, 0]);
  t.deepEqual(look(order(item(1, { state: 'CLOSED' }), item(2)), [refund('DONE', [1])], 'STOPPED'), ['DONE', 1, 0]);
});

test('money goes back the ways it came, each up to what came by it', (t) => {
  const parts = (returned_fen: number, ...amounts: number[]) =>
    moneyPartsOf({ item_id: '7-1', version: 4n, returned_fen, money: amounts.map((amount_fen, index) => ({ payment_id: `p${index + 1}`, amount_fen })) }, 'p0').map(({ money_id, payment_id, amount_fen }) => [money_id, payment_id, amount_fen]);
  t.deepEqual(parts(500, 300, 200), [['r-7-1-4', 'p1', 300], ['r-7-1-4-2', 'p2', 200]]);
  t.deepEqual(parts(450, 300, 200), [['r-7-1-4', 'p1', 300], ['r-7-1-4-2', 'p2', 150]]);
  t.deepEqual(parts(200, 300, 200), [['r-7-1-4', 'p1', 200]]);
  t.deepEqual(parts(0, 300, 200), []);
  t.deepEqual(parts(500, 0, 500), [['r-7-1-4-2', 'p2', 500]]);
  t.deepEqual(parts(501, 300, 200), [['r-7-1-4', 'p1', 300], ['r-7-1-4-2', 'p2', 201]], 'payment refuses that, and people look');
  t.deepEqual(parts(500), [['r-7-1-4', 'p0', 500]], 'a refund of the version before');
});
