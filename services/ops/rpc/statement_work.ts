// The daily reconciliation of money: the gateway's statement with payments and refunds (payment does that), and payments
// with orders and tickets (here, where all three can be asked).
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CloseReason, OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentKind, PaymentState, RefundState, type PaidOrder as PaidOrderMessage } from '#gen/rail/payment/v1/payment_pb.ts';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { fenFromInt64 } from '#kit/base/money.ts';
import { asResult } from '#kit/rpc/error.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { JobWork } from '../app/ports.ts';
import { judgePaidOrder, TEXTS, type OrderDifference, type PaidOrder } from '../domain/paid_order.ts';
import { nameOf } from './order_sources.ts';
import type { Peers } from './peers.ts';

type Money = Pick<Peers, 'payment' | 'order' | 'ticketing'>;

const STATEMENT_TIMEOUT_MS = 120_000;
const READ_TIMEOUT_MS = 5000;
/** Orders asked about at once. */
const WIDTH = 16;
/** What a report lists; everything is counted. */
const MAX_LISTED = 1000;
/** Pages of orders looked through for the day's tickets; a hundred orders each. */
const MAX_PAGES = 20_000;

type Line = { kind: string; payment_id: string; refund_id: string; order_id: string; ours_fen?: number | undefined; gateway_fen?: number | undefined; repaired: boolean; text_en: string; text_zh: string };

/** Arguments: `date`; yesterday without. Every difference is counted by kind and listed, repaired or not. May be run again. */
export function reconcileStatement(peers: Money): JobWork {
  return async (args, progress, signal) => {
    const date = typeof args.date === 'string' ? args.date : addDays(serviceDateAt(systemClock.now_ms()), -1);
    const lines: Line[] = [];
    const { payments, refunds, omitted, found } = await statementLines(peers, date, signal);
    lines.push(...found);
    await progress(20, { date, payments, refunds, kinds: kindsOf(lines) });
    const seen = new Set<string>();
    for (let page_token = '', first = true; first || page_token !== ''; first = false) {
      const page = await peers.payment.listPaidOrders({ date, pageToken: page_token }, { signal, timeout_ms: READ_TIMEOUT_MS });
      const fresh = page.orders.filter(({ orderId }) => !seen.has(orderId));
      for (const { orderId } of fresh) seen.add(orderId);
      lines.push(...(await mapAtOnce(fresh, (paid) => orderLines(peers, paid, signal))).flat());
      page_token = page.nextPageToken;
      await progress(50, { date, payments, refunds, orders: seen.size, kinds: kindsOf(lines) });
    }
    lines.push(...(await ticketedLines(peers, date, seen, signal)));
    const listed = lines.toSorted((a, b) => Number(a.repaired) - Number(b.repaired)).slice(0, MAX_LISTED);
    return { date, payments, refunds, orders: seen.size, kinds: kindsOf(lines), differences: listed, differences_omitted: omitted + lines.length - listed.length };
  };
}

async function statementLines({ payment }: Money, date: string, signal: AbortSignal) {
  const { payments, refunds, differences, differencesOmitted } = await payment.reconcileStatement({ requestId: uuid7(systemClock, systemRandom), date }, { signal, timeout_ms: STATEMENT_TIMEOUT_MS });
  const found = differences.map((one): Line => ({
    kind: one.kind, payment_id: one.paymentId, refund_id: one.refundId, order_id: one.orderId, repaired: one.repaired, text_en: one.explanation, text_zh: one.explanationZh,
    ours_fen: one.ours === undefined ? undefined : fenFromInt64(one.ours.amountFen), gateway_fen: one.gateway === undefined ? undefined : fenFromInt64(one.gateway.amountFen),
  }));
  return { payments, refunds, omitted: differencesOmitted, found };
}

async function orderLines(peers: Money, paid: PaidOrderMessage, signal: AbortSignal): Promise<Line[]> {
  const found = judgePaidOrder(await wholeOrder(peers, paid, signal), systemClock.now_ms());
  return Promise.all(found.map(async (one) => lineOf(one, await repair(peers, one, signal))));
}

/** Only one thing is provably safe: an order that can't want the money any more stays so, and refusing it twice is refusing it once. */
async function repair({ payment }: Money, { kind, payment_id, order_id }: OrderDifference, signal: AbortSignal): Promise<boolean> {
  if (kind !== 'NOT_WANTED') return false;
  const settled = await asResult(payment.settlePayment({ paymentId: payment_id, orderId: order_id, accepted: false, reason: 'found by reconciliation' }, { signal, timeout_ms: READ_TIMEOUT_MS }));
  return settled.ok;
}

async function wholeOrder({ order, ticketing }: Money, paid: PaidOrderMessage, signal: AbortSignal): Promise<PaidOrder> {
  const order_id = paid.orderId;
  const options = { signal, timeout_ms: READ_TIMEOUT_MS };
  const [found, { tickets }] = await Promise.all([asResult(order.getOrder({ orderId: order_id }, options)), ticketing.listTickets({ orderId: order_id }, options)]);
  if (!found.ok && found.error.reason !== 'ORDER_NOT_FOUND') throw new Error(`order ${order_id}: ${found.error.reason}`);
  const known = found.ok ? found.value.order : undefined;
  const valid_tickets = tickets.filter(({ state }) => state === TicketState.VALID || state === TicketState.USED).length;
  return {
    order_id,
    payments: paid.payments.filter(({ state }) => state === PaymentState.SUCCEEDED).map((one) => ({
      payment_id: one.paymentId, purchase: one.kind === PaymentKind.PURCHASE, amount_fen: fenOf(one.amount), accepted: one.settled, pay_time_ms: one.payTime === undefined ? 0 : timestampMs(one.payTime),
    })),
    refunds: paid.refunds.map((one) => ({ refund_id: one.refundId, payment_id: one.paymentId, amount_fen: fenOf(one.amount), needs_people: one.state === RefundState.MANUAL })),
    order: known === undefined ? undefined : orderSide(known, valid_tickets),
  };
}

function orderSide(order: Order, valid_tickets: number): PaidOrder['order'] {
  const items = order.items.map((item) => ({ state: nameOf(OrderState, item.state), fare_fen: fenOf(item.fare), refunded_fen: fenOf(item.refunded), close_reason: nameOf(CloseReason, item.closeReason) }));
  return { state: nameOf(OrderState, order.state), payment_id: order.paymentId, items, valid_tickets };
}

/** Orders of the day that have tickets although no money came on it: paid on another day, or not at all. */
async function ticketedLines(peers: Money, date: string, seen: ReadonlySet<string>, signal: AbortSignal): Promise<Line[]> {
  const from_ms = Date.parse(`${date}T00:00:00+08:00`);
  const to_ms = from_ms + 86_400_000;
  const lines: Line[] = [];
  let page_token = '';
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { orders, nextPageToken } = await peers.order.searchOrders({ states: [OrderState.TICKETING, OrderState.SUCCESS], pageSize: 100, pageToken: page_token }, { signal, timeout_ms: READ_TIMEOUT_MS });
    const of_day = orders.filter(({ orderId, createTime }) => createTime !== undefined && timestampMs(createTime) >= from_ms && timestampMs(createTime) < to_ms && !seen.has(orderId));
    lines.push(...(await mapAtOnce(of_day, (order) => unseenLines(peers, order.orderId, signal))).flat());
    const oldest = orders.at(-1)?.createTime;
    if (nextPageToken === '' || (oldest !== undefined && timestampMs(oldest) < from_ms)) return lines;
    page_token = nextPageToken;
  }
  throw new Error('more orders than a run looks through');
}

async function unseenLines(peers: Money, order_id: string, signal: AbortSignal): Promise<Line[]> {
  const { payments, refunds } = await peers.payment.listPayments({ orderId: order_id }, { signal, timeout_ms: READ_TIMEOUT_MS });
  const whole = await wholeOrder(peers, { $typeName: 'rail.payment.v1.PaidOrder', orderId: order_id, payments, refunds }, signal);
  return judgePaidOrder(whole, systemClock.now_ms()).filter(({ kind }) => kind === 'TICKETED_NOT_PAID').map((one) => lineOf(one, false));
}

function lineOf({ kind, order_id, payment_id, refund_id, ours_fen }: OrderDifference, repaired: boolean): Line {
  return { kind, payment_id, refund_id, order_id, ours_fen, repaired, text_en: TEXTS[kind][0], text_zh: TEXTS[kind][1] };
}

function kindsOf(lines: readonly Line[]): Record<string, { found: number; repaired: number }> {
  const kinds: Record<string, { found: number; repaired: number }> = {};
  for (const { kind, repaired } of lines) {
    const counted = (kinds[kind] ??= { found: 0, repaired: 0 });
    counted.found += 1;
    if (repaired) counted.repaired += 1;
  }
  return kinds;
}

/** In order, WIDTH at once. */
async function mapAtOnce<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (let at = 0; at < items.length; at += WIDTH) answers.push(...(await Promise.all(items.slice(at, at + WIDTH).map(run))));
  return answers;
}

function fenOf(money: { amountFen: bigint } | undefined): number {
  return money === undefined ? 0 : fenFromInt64(money.amountFen);
}
