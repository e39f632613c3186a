/** A payment succeeded: the first one in time pays the order, every other one goes back. */
import { FailureError } from '#kit/base/result.ts';
import { moveAll, type OrderChange } from '../domain/change.ts';
import type { Order } from '../domain/order.ts';
import { SYSTEM } from './actor.ts';
import type { OrderStore, Ports, WriteOptions } from './ports.ts';

export type SucceededPayment = { payment_id: string; order_id: string; amount_fen: number };

/** Somebody else changes the order at the same time now and then, never so often. */
const TRIES_MAX = 5;
const SAFETY_MS = 3000;

type Money = Pick<Ports, 'clock' | 'meters'>;
type Late = Pick<OrderStore, 'addLatePayment'>;

/**
 * `taken`: the order is PAID by it, now or before; `refused`: it goes back, and the row that sees to it is written with
 * the decision. `orders` may be bound to the transaction of an event.
 */
export async function takePayment(ports: Money, orders: Late & Pick<OrderStore, 'find' | 'apply'>, payment: SucceededPayment, cause: string): Promise<'taken' | 'refused'> {
  for (let tried = 0; tried < TRIES_MAX; tried += 1) {
    const decision = await decide(ports, orders, await orders.find(payment.order_id), payment, cause);
    if (typeof decision === 'string') return decision;
    if (await orders.apply(decision, PAID)) return 'taken';
  }
  throw new Error(`order ${payment.order_id} changes too often to be paid`);
}

/** Payments of different orders inside one transaction; one outcome for each, in order. */
export type PaymentsOfMoment = Late & {
  findAll(order_ids: readonly string[]): Promise<ReadonlyMap<string, Order>>;
  /** All, or false: then the transaction must not commit. */
  applyAll(changes: readonly { change: OrderChange; payment: SucceededPayment; options: WriteOptions }[]): Promise<boolean>;
};

/** Throws when one of the orders was changed at the same moment: then each payment is to be taken by itself. */
export async function takePayments(ports: Money, orders: PaymentsOfMoment, payments: readonly SucceededPayment[], cause: string): Promise<('taken' | 'refused')[]> {
  const found = await orders.findAll(payments.map(({ order_id }) => order_id));
  const changes: Parameters<PaymentsOfMoment['applyAll']>[0][number][] = [];
  const outcomes: ('taken' | 'refused')[] = [];
  for (const payment of payments) {
    const decision = await decide(ports, orders, found.get(payment.order_id), payment, cause);
    if (typeof decision !== 'string') changes.push({ change: decision, payment, options: PAID });
    outcomes.push(typeof decision === 'string' ? decision : 'taken');
  }
  if (changes.length > 0 && !(await orders.applyAll(changes))) throw new Error('an order was changed while it was paid');
  return outcomes;
}

const PAID: WriteOptions = { actor: SYSTEM, operation: 'order.Pay', next_ms: SAFETY_MS };

async function decide(ports: Money, orders: Late, order: Order | undefined, payment: SucceededPayment, cause: string): Promise<'taken' | 'refused' | OrderChange> {
  if (order?.payment_id === payment.payment_id) return 'taken';
  const refusal = refusalOf(order, payment);
  if (refusal !== undefined) {
    if (await orders.addLatePayment({ payment_id: payment.payment_id, order_id: payment.order_id, reason: refusal })) ports.meters.paymentDuplicate();
    return 'refused';
  }
  const change = moveAll(order!, 'PAID', {
    cause: `${cause}: payment ${payment.payment_id} succeeded`,
    now_ms: ports.clock.now_ms(),
    patch: { payment_id: payment.payment_id, closing_ms: undefined, close_reason: undefined },
    owe: ['settle'],
  });
  if (!change.ok) throw new FailureError(change.error);
  return change.value;
}

/** Undefined when the order can take it. CLOSING can: the gateway took the money before it closed the payment. */
function refusalOf(order: Order | undefined, payment: SucceededPayment): string | undefined {
  if (order === undefined) return 'ORDER_NOT_FOUND';
  if (order.payment_id !== undefined) return 'PAID_TWICE';
  if (order.state !== 'WAIT_PAY' && order.state !== 'CLOSING') return 'ORDER_CLOSED';
  return payment.amount_fen === order.total_fen ? undefined : 'AMOUNT_WRONG';
}
