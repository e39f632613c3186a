import test from 'ava';
import { GRACE_MS, judgePaidOrder, type Item, type OrderSide, type Paid, type PaidOrder, type Returned } from './paid_order.ts';

const NOW_MS = Date.UTC(2026, 0, 15);
const LONG_AGO_MS = NOW_MS - GRACE_MS;

const item = (more: Partial<Item> = {}): Item => ({ state: 'SUCCESS', fare_fen: 5000, refunded_fen: 0, close_reason: 'UNSPECIFIED', ...more });
const payment = (more: Partial<Paid> = {}): Paid => ({ payment_id: '7', purchase: true, amount_fen: 5000, accepted: true, pay_time_ms: LONG_AGO_MS, ...more });
const refund = (more: Partial<Returned> = {}): Returned => ({ refund_id: 'r-1', payment_id: '7', amount_fen: 5000, needs_people: false, ...more });
const order = (more: Partial<OrderSide> = {}): OrderSide => ({ state: 'SUCCESS', payment_id: '7', items: [item()], valid_tickets: 1, ...more });
const judge = (more: Partial<PaidOrder>) => judgePaidOrder({ order_id: '1', payments: [payment()], refunds: [], order: order(), ...more }, NOW_MS).map(({ kind }) => kind);

const CLOSED = { state: 'CLOSED', valid_tickets: 0 };

test('nothing is said of an order in which all is well', (t) => {
  t.deepEqual(judge({}), []);
  t.deepEqual(judge({ order: order({ ...CLOSED, items: [item({ state: 'CLOSED', close_reason: 'TICKETING_FAILED', refunded_fen: 5000 })] }), refunds: [refund()] }), []);
  // Refunded with a fee of 500 fen.
  t.deepEqual(judge({ order: order({ ...CLOSED, items: [item({ state: 'CLOSED', close_reason: 'REFUNDED', refunded_fen: 4500 })] }), refunds: [refund({ amount_fen: 4500 })] }), []);
  // One of two went back.
  t.deepEqual(judge({ payments: [payment({ amount_fen: 10_000 })], order: order({ items: [item(), item({ state: 'CLOSED', close_reason: 'REFUNDED', refunded_fen: 4500 })] }), refunds: [refund({ amount_fen: 4500 })] }), []);
  // Paid a second time, and that went back.
  t.deepEqual(judge({ payments: [payment(), payment({ payment_id: '8', accepted: false })], refunds: [refund({ payment_id: '8' })] }), []);
  // What is under way is given its time.
  t.deepEqual(judge({ payments: [payment({ pay_time_ms: NOW_MS })], order: order({ state: 'PAID', items: [item({ state: 'PAID' })], valid_tickets: 0 }) }), []);
});

test('paid but neither ticketed nor refunded', (t) => {
  for (const state of ['PAID', 'TICKETING', 'FAIL']) t.deepEqual(judge({ order: order({ state, items: [item({ state })], valid_tickets: 0 }) }), ['NOT_TICKETED']);
  t.deepEqual(judge({ order: order({ valid_tickets: 0 }) }), ['NOT_TICKETED'], 'an order that believes in tickets which are not there');
  t.deepEqual(judge({ order: order({ ...CLOSED, items: [item({ state: 'CLOSED', close_reason: 'TICKETING_FAILED' })] }) }), ['REFUND_MISSING']);
});

test('ticketed but not paid', (t) => {
  t.deepEqual(judge({ payments: [] }), ['TICKETED_NOT_PAID']);
  t.true(judge({ refunds: [refund()] }).includes('TICKETED_NOT_PAID'), 'all the money went back and the ticket is valid');
  t.true(judge({ order: order({ state: 'CLOSED', items: [item({ state: 'CLOSED', close_reason: 'REFUNDED', refunded_fen: 4500 })] }), refunds: [refund({ amount_fen: 4500 })] }).includes('TICKETED_NOT_PAID'), 'a refunded ticket that still opens gates');
});

test('money that its order does not want, or has not taken in time', (t) => {
  const second = payment({ payment_id: '8', accepted: false });
  t.deepEqual(judge({ payments: [payment(), second] }), ['NOT_WANTED']);
  t.deepEqual(judge({ payments: [second], order: order({ ...CLOSED, payment_id: '', items: [item({ state: 'CLOSED', close_reason: 'EXPIRED', fare_fen: 5000 })] }) }), ['NOT_WANTED']);
  t.deepEqual(judge({ payments: [payment({ accepted: false })], order: order({ state: 'WAIT_PAY', payment_id: '', items: [item({ state: 'WAIT_PAY' })], valid_tickets: 0 }) }), ['NOT_TAKEN']);
  t.deepEqual(judge({ payments: [payment({ accepted: false, pay_time_ms: NOW_MS })], order: order({ state: 'WAIT_PAY', payment_id: '', items: [item({ state: 'WAIT_PAY' })], valid_tickets: 0 }) }), []);
  t.deepEqual(judge({ payments: [payment(), second], refunds: [refund({ payment_id: '8', needs_people: true })] }), ['REFUND_NEEDS_PEOPLE'], 'said once');
  t.deepEqual(judge({ order: undefined }), ['ORDER_MISSING']);
});

test('refunds that are missing, double, or wait for people', (t) => {
  const refunded = order({ ...CLOSED, items: [item({ state: 'CLOSED', close_reason: 'REFUNDED', refunded_fen: 4500 })] });
  t.deepEqual(judge({ order: refunded, refunds: [refund({ amount_fen: 4000 })] }), ['REFUND_MISSING']);
  t.deepEqual(judge({ order: refunded, refunds: [refund({ amount_fen: 4500 }), refund({ refund_id: 'r-2', amount_fen: 400 })] }), ['REFUND_DOUBLE']);
  t.deepEqual(judge({ order: refunded, refunds: [refund({ amount_fen: 4500, needs_people: true })] }), ['REFUND_NEEDS_PEOPLE', 'REFUND_MISSING']);
});
