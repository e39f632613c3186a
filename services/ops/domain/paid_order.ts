// Does the money of an order agree with the order and its tickets? Promise 3: every paid order ends ticketed or refunded,
// never both, never neither.

export type Paid = { payment_id: string; purchase: boolean; amount_fen: number; accepted: boolean; pay_time_ms: number };
export type Returned = { refund_id: string; payment_id: string; amount_fen: number; needs_people: boolean };
export type Item = { state: string; fare_fen: number; refunded_fen: number; close_reason: string };
export type OrderSide = { state: string; payment_id: string; items: readonly Item[]; valid_tickets: number };

/** All the money that came for an order and went back, and the order as its own service has it; undefined when it has none. */
export type PaidOrder = { order_id: string; payments: readonly Paid[]; refunds: readonly Returned[]; order: OrderSide | undefined };

export type OrderDifferenceKind = keyof typeof TEXTS;

export type OrderDifference = { kind: OrderDifferenceKind; order_id: string; payment_id: string; refund_id: string; ours_fen: number | undefined };

export const TEXTS = {
  ORDER_MISSING: ['money for an order that nobody knows', '有收款，无对应订单'],
  NOT_WANTED: ['paid twice or too late and not returned', '重复支付或逾期支付，尚未退回'],
  NOT_TAKEN: ['paid, and its order has not taken it in time', '已支付，订单超时未确认'],
  NOT_TICKETED: ['paid, but neither ticketed nor refunded', '已支付，既未出票也未退款'],
  TICKETED_NOT_PAID: ['tickets are valid, but no money is kept for them', '车票有效，但无对应款项'],
  REFUND_MISSING: ['less was returned than is owed', '应退未退足额'],
  REFUND_DOUBLE: ['more was returned than is owed', '退款超出应退金额'],
  REFUND_NEEDS_PEOPLE: ['a refund waits for people', '退款待人工处理'],
} as const satisfies Record<string, readonly [en: string, zh: string]>;

/** What is under way gets this long before it counts as a difference: longer than an order may wait for its payment. */
export const GRACE_MS = 15 * 60_000;

/** Every way in which the three do not agree; nothing for an order in which all is well. */
export function judgePaidOrder(paid: PaidOrder, now_ms: number): OrderDifference[] {
  const { order_id, payments, refunds, order } = paid;
  const named = (kind: OrderDifferenceKind, payment_id: string, ours_fen?: number, refund_id = ''): OrderDifference => ({ kind, order_id, payment_id, refund_id, ours_fen });
  const found = refunds.filter(({ needs_people }) => needs_people).map(({ refund_id, payment_id, amount_fen }) => named('REFUND_NEEDS_PEOPLE', payment_id, amount_fen, refund_id));
  if (order === undefined) return [...found, ...payments.filter((one) => keptOf(one, refunds) > 0).map((one) => named('ORDER_MISSING', one.payment_id, one.amount_fen))];

  for (const one of payments) {
    const kind = one.accepted || keptOf(one, refunds, true) === 0 ? undefined : unsettledKind(one, order, now_ms);
    if (kind !== undefined) found.push(named(kind, one.payment_id, one.amount_fen));
  }
  const accepted = payments.filter((one) => one.accepted);
  const paid_fen = sum(accepted.map((one) => one.amount_fen));
  const kept_fen = sum(accepted.map((one) => keptOf(one, refunds)));
  const payment_id = order.payment_id;
  if (order.valid_tickets > 0 && (kept_fen === 0 || order.valid_tickets > order.items.filter(isLive).length)) found.push(named('TICKETED_NOT_PAID', payment_id, kept_fen));
  if (kept_fen > 0 && lacksTicket(order) && accepted.every(({ pay_time_ms }) => pay_time_ms + GRACE_MS <= now_ms)) found.push(named('NOT_TICKETED', payment_id, kept_fen));
  const by_changes_fen = sum(refunds.filter((one) => isOfChange(one) && !one.needs_people && accepted.some((payment) => payment.payment_id === one.payment_id)).map((one) => one.amount_fen));
  const returned_fen = paid_fen - kept_fen - by_changes_fen;
  const returned = returnedKind(order, returned_fen);
  if (paid_fen > 0 && returned !== undefined) found.push(named(returned, payment_id, returned_fen));
  return found;
}

/** Money that its order has not accepted, and none of it, or not all, has gone back. */
function unsettledKind(payment: Paid, order: OrderSide, now_ms: number): OrderDifferenceKind | undefined {
  const may_be_taken = !payment.purchase || order.payment_id === payment.payment_id || (order.payment_id === '' && order.state !== 'CLOSED');
  if (!may_be_taken) return 'NOT_WANTED';
  return payment.pay_time_ms + GRACE_MS <= now_ms ? 'NOT_TAKEN' : undefined;
}

/** An item that should have a ticket and has none, or an order that never got so far. */
function lacksTicket(order: OrderSide): boolean {
  const done = order.items.filter(({ state }) => state === 'SUCCESS').length;
  return ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'FAIL'].includes(order.state) || order.valid_tickets < done;
}

/** What a change of train gave back is no part of a ticket's fare any more. Aftersales names such refunds so. */
function isOfChange({ refund_id }: Returned): boolean {
  return refund_id.startsWith('c-');
}

/** Only where nothing is under way; a change under way moves money in ways of its own. */
function returnedKind(order: OrderSide, returned_fen: number): OrderDifferenceKind | undefined {
  if (order.items.some(({ state }) => state !== 'SUCCESS' && state !== 'CLOSED')) return undefined;
  const owed_fen = sum(order.items.map(owedFor));
  if (returned_fen === owed_fen) return undefined;
  return returned_fen < owed_fen ? 'REFUND_MISSING' : 'REFUND_DOUBLE';
}

/** A refund keeps its fee, and so tells itself what went back; whatever else ends a paid item returns all of it. */
function owedFor({ state, fare_fen, refunded_fen, close_reason }: Item): number {
  if (state !== 'CLOSED') return refunded_fen;
  return close_reason === 'REFUNDED' ? refunded_fen : fare_fen;
}

/** Money whose refund waits for people has not gone back; where it is told of already, it may count as if it had. */
function keptOf({ payment_id, amount_fen }: Paid, refunds: readonly Returned[], with_people = false): number {
  return amount_fen - sum(refunds.filter((refund) => refund.payment_id === payment_id && (with_people || !refund.needs_people)).map((refund) => refund.amount_fen));
}

function isLive({ state }: Item): boolean {
  return state !== 'CLOSED' && state !== 'FAIL';
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}
