/** Promise 3: all money that the gateway took is worth tickets or went back. The gateway's own book is the measure. */
import { finding, type Finding } from '../finding.ts';
import type { World } from '../world.ts';

const LOOK = 'sandbox/gateway.jsonl by trade_id; chunyun_payment.payment and refund; payment.log';

type Trade = { trade_id: string; amount_fen: number; state: 'OPEN' | 'PAID' | 'CLOSED'; version: number };
type TradeRefund = { refund_id: string; trade_id: string; amount_fen: number };
type PaymentRow = { payment_id: string; order_id: string; state: string; amount_fen: string; refunded_fen: string; settled: number | null; kind: string };
type RefundRow = { refund_id: string; payment_id: string; order_id: string; amount_fen: string; state: string };

type Books = { trades: Map<string, Trade>; returned: Map<string, TradeRefund>; payments: Map<string, PaymentRow>; refunds: Map<string, RefundRow> };

async function booksOf(world: World): Promise<Books> {
  const books: Books = { trades: new Map(), returned: new Map(), payments: new Map(), refunds: new Map() };
  for (const row of await world.rows<PaymentRow>('SELECT payment_id, order_id, state, amount_fen, refunded_fen, settled, kind FROM chunyun_payment.payment')) books.payments.set(row.payment_id, row);
  for (const row of await world.rows<RefundRow>('SELECT refund_id, payment_id, order_id, amount_fen, state FROM chunyun_payment.refund')) books.refunds.set(row.refund_id, row);
  for (const record of world.journal<{ trade?: Trade; refund?: TradeRefund }>('gateway')) {
    if (record.trade !== undefined) books.trades.set(record.trade.trade_id, record.trade);
    if (record.refund !== undefined) books.returned.set(record.refund.refund_id, record.refund);
  }
  return books;
}

/** At any moment: refunded ≤ paid here and there, our sums add up, nothing went back that we did not write down first. */
export async function moneySafetyFindings(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { trades, payments, refunds } = await booksOf(world);
  const sums = sumsBy(refunds.values(), ({ payment_id }) => payment_id);
  for (const { payment_id, amount_fen, refunded_fen, state, settled } of payments.values()) {
    if (Number(refunded_fen) > Number(amount_fen)) findings.push(finding('money', [payment_id], `${refunded_fen} refunded of ${amount_fen}`, LOOK));
    if (Number(refunded_fen) !== (sums.get(payment_id) ?? 0)) findings.push(finding('money', [payment_id], `the payment says ${refunded_fen} refunded, its refunds ${sums.get(payment_id) ?? 0}`, LOOK));
    if (state === 'SUCCEEDED' && trades.get(payment_id)?.state !== 'PAID') findings.push(finding('money', [payment_id], `SUCCEEDED here, ${trades.get(payment_id)?.state ?? 'unknown'} at the gateway`, LOOK));
    if (settled === 1 && state !== 'SUCCEEDED') findings.push(finding('money', [payment_id], `settled while ${state}`, LOOK));
  }
  const settled = Map.groupBy([...payments.values()].filter((payment) => payment.settled === 1 && payment.kind === 'PURCHASE'), ({ order_id }) => order_id);
  for (const [order_id, several] of settled) if (several.length > 1) findings.push(finding('money', [order_id, ...several.map(({ payment_id }) => payment_id)], 'an order took several payments', LOOK));
  return findings;
}

/** At rest: gateway and payment agree, and what stays with us of each order is the price of its tickets and the fees. */
export async function moneyFindings(world: World): Promise<Finding[]> {
  const books = await booksOf(world);
  return [...betweenBooks(books), ...(await byOrder(world, books))];
}

function betweenBooks({ trades, returned, payments, refunds }: Books): Finding[] {
  const findings: Finding[] = [];
  const back = sumsBy(returned.values(), ({ trade_id }) => trade_id);
  for (const trade of trades.values()) {
    const { trade_id, amount_fen, state } = trade;
    const payment = payments.get(trade_id);
    if (payment === undefined) {
      findings.push(finding('money', [trade_id], 'the gateway has a trade that no payment knows', LOOK));
      continue;
    }
    const ends = state === 'PAID' ? 'SUCCEEDED' : 'CLOSED';
    if (payment.state !== ends) findings.push(finding('money', [trade_id, payment.order_id], `${state} at the gateway, ${payment.state} here`, LOOK));
    if (state === 'OPEN') findings.push(finding('money', [trade_id, payment.order_id], 'a trade that could still be paid', LOOK));
    if (state !== 'PAID') continue;
    const returned_fen = back.get(trade_id) ?? 0;
    if (returned_fen > amount_fen) findings.push(finding('money', [trade_id], `${returned_fen} went back of ${amount_fen}`, LOOK));
    if (payment.settled !== 1 && returned_fen !== amount_fen) findings.push(finding('money', [trade_id, payment.order_id], `paid, taken by no order, and ${returned_fen} of ${amount_fen} went back`, LOOK));
    if (payment.settled === null) findings.push(finding('money', [trade_id, payment.order_id], 'paid, and no order has said whether it takes it', LOOK));
  }
  for (const refund of refunds.values()) {
    const theirs = returned.get(refund.refund_id);
    if (refund.state !== 'SUCCEEDED') findings.push(finding('money', [refund.refund_id, refund.order_id], `a refund is still ${refund.state}`, LOOK));
    else if (theirs?.amount_fen !== Number(refund.amount_fen)) findings.push(finding('money', [refund.refund_id], `refunded ${refund.amount_fen} here, ${theirs?.amount_fen ?? 'nothing'} at the gateway`, LOOK));
  }
  for (const { refund_id, trade_id } of returned.values()) if (!refunds.has(refund_id)) findings.push(finding('money', [refund_id, trade_id], 'the gateway returned money that nobody here asked for', LOOK));
  return findings;
}

type ItemRow = { order_id: string; item_no: number; state: string; close_reason: string | null; fare_fen: string; refunded_fen: string };

/** Never both a ticket and its money, never neither: paid − returned = fares of valid tickets + fees of refunded and changed ones. */
async function byOrder(world: World, { trades, returned, payments }: Books): Promise<Finding[]> {
  const kept = new Map<string, number>();
  for (const { payment_id, order_id } of payments.values()) {
    const trade = trades.get(payment_id);
    if (trade?.state === 'PAID') kept.set(order_id, (kept.get(order_id) ?? 0) + trade.amount_fen);
  }
  for (const { trade_id, amount_fen } of returned.values()) {
    const order_id = payments.get(trade_id)?.order_id;
    if (order_id !== undefined) kept.set(order_id, (kept.get(order_id) ?? 0) - amount_fen);
  }
  const due = new Map<string, number>();
  for (const item of await world.rows<ItemRow>('SELECT order_id, item_no, state, close_reason, fare_fen, refunded_fen FROM chunyun_order.order_item')) {
    due.set(item.order_id, (due.get(item.order_id) ?? 0) + worthOf(item));
  }
  for (const { order_id, body } of await world.rows<{ order_id: string; body: string }>("SELECT order_id, body FROM chunyun_aftersales.ticket_change WHERE stage = 'DONE'")) {
    const fees_fen = (JSON.parse(body) as { items: { fee_fen: number }[] }).items.reduce((sum, { fee_fen }) => sum + fee_fen, 0);
    due.set(order_id, (due.get(order_id) ?? 0) + fees_fen);
  }
  const findings: Finding[] = [];
  for (const [order_id, fen] of due) {
    const have = kept.get(order_id) ?? 0;
    if (have !== fen) findings.push(finding('money', [order_id], `we keep ${have} fen of an order worth ${fen} (tickets and fees)`, LOOK));
  }
  for (const order_id of kept.keys()) if (!due.has(order_id)) findings.push(finding('money', [order_id], 'money for an order that is not there', LOOK));
  return findings;
}

/** What we may keep for an item. */
function worthOf({ state, close_reason, fare_fen, refunded_fen }: ItemRow): number {
  if (state === 'CLOSED') return close_reason === 'REFUNDED' ? Number(fare_fen) - Number(refunded_fen) : 0;
  return Number(fare_fen);
}

function sumsBy<T extends { amount_fen: number | string }>(rows: Iterable<T>, key: (row: T) => string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(key(row), (sums.get(key(row)) ?? 0) + Number(row.amount_fen));
  return sums;
}
