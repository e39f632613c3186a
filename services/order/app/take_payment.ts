/** A payment succeeded: the first one in time pays the order, every other one goes back. */
import { moveAll } from '../domain/change.ts';
import type { Order } from '../domain/order.ts';
import { SYSTEM } from './actor.ts';
import type { Ports, OrderStore } from './ports.ts';

export type SucceededPayment = { payment_id: string; order_id: string; amount_fen: number };

/** Somebody else changes the order at the same time now and then, never so often. */
const TRIES_MAX = 5;
const SAFETY_MS = 3000;

/**
 * `taken`: the order is PAID by it, now or before; `refused`: it goes back, and the row that sees to it is written with
 * the decision. `orders` may be bound to the transaction of an event.
 */
export async function takePayment(ports: Pick<Ports, 'clock' | 'meters'>, orders: Pick<OrderStore, 'find' | 'apply' | 'addLatePayment'>, payment: SucceededPayment, cause: string): Promise<'taken' | 'refused'> {
  for (let tried = 0; tried < TRIES_MAX; tried += 1) {
    const order = await orders.find(payment.order_id);
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
    if (!change.ok) continue;
    if (await orders.apply(change.value, { actor: SYSTEM, operation: 'order.Pay', next_ms: SAFETY_MS })) return 'taken';
  }
  throw new Error(`order ${payment.order_id} changes too often to be paid`);
}

/** Undefined when the order can take it. CLOSING can: the gateway took the money before it closed the payment. */
function refusalOf(order: Order | undefined, payment: SucceededPayment): string | undefined {
  if (order === undefined) return 'ORDER_NOT_FOUND';
  if (order.payment_id !== undefined) return 'PAID_TWICE';
  if (order.state !== 'WAIT_PAY' && order.state !== 'CLOSING') return 'ORDER_CLOSED';
  return payment.amount_fen === order.total_fen ? undefined : 'AMOUNT_WRONG';
}
