/** Steps around money coming in: it counts once, in time; everything else goes back. */
import { required, type Failure } from '#kit/base/result.ts';
import { moveAll } from '../../domain/change.ts';
import { mustForceClose, retry_ms } from '../../domain/next_step.ts';
import type { Order } from '../../domain/order.ts';
import type { StepOutcome } from './outcome.ts';
import type { Payment } from '../peers.ts';
import type { Ports } from '../ports.ts';
import { takePayment } from '../take_payment.ts';
import { done, write } from './write.ts';

/** How often a gateway that has not answered a close is asked again at least. */
const CLOSE_POLL_CAP_MS = 30_000;

/** Asks payment itself, so that a lost event never matters. */
export async function askPayments(ports: Ports, order: Order): Promise<StepOutcome> {
  const payments = required(await ports.payments.list(order.order_id));
  const paid = payments.filter((payment) => payment.kind === 'PURCHASE' && payment.state === 'SUCCEEDED' && payment.refunded_fen === 0);
  let moved = false;
  for (const payment of paid) moved = (await take(ports, order, payment)) || moved;
  return moved ? 'moved' : { wait_ms: 0 };
}

/** The time to pay is over, the train does not run, or the places are gone. */
export async function beginClosing(ports: Ports, order: Order): Promise<StepOutcome> {
  const now_ms = ports.clock.now_ms();
  const cancelled = order.journey.change?.cancelled === true;
  const cause = cancelled ? 'the train does not run' : now_ms >= order.pay_expire_ms ? 'not paid in time' : 'the hold was lost';
  const patch = { closing_ms: now_ms, close_reason: cancelled ? 'RUN_CANCELLED' : 'EXPIRED' } as const;
  return write(ports, cancelled ? 'order.RunCancelled' : 'order.Expire', moveAll(order, 'CLOSING', { cause, now_ms, patch, drop: ['attach'] }));
}

/** The gateway decides: what was paid meanwhile counts, otherwise the order closes. */
export async function closePayments(ports: Ports, order: Order): Promise<StepOutcome> {
  const now_ms = ports.clock.now_ms();
  const force = mustForceClose(order, now_ms, ports.settings.force_close_ms);
  const answer = required(await ports.payments.close(order.order_id, force));
  if (answer.paid !== undefined && (await take(ports, order, answer.paid))) return 'moved';
  if (!answer.closed && answer.paid === undefined) return { wait_ms: retry_ms(order.attempts, CLOSE_POLL_CAP_MS) };
  const close_reason = order.close_reason ?? 'EXPIRED';
  return write(ports, 'order.Close', moveAll(order, 'CLOSED', { cause: force ? 'payments closed without the gateway' : 'payments closed', now_ms, close_reason, owe: ['release'] }));
}

/** Tells payment that its money was taken. A payment that can't be any more is money we do not have: the order fails. */
export async function settle(ports: Ports, order: Order): Promise<StepOutcome> {
  const settled = await ports.payments.settle({ payment_id: order.payment_id ?? '', order_id: order.order_id, accepted: true, reason: '' });
  if (settled.ok) return done(order, 'settle');
  if (!isRefusedForGood(settled.error)) required(settled);
  return write(ports, 'order.Fail', moveAll(order, 'FAIL', { cause: 'the payment was returned already', now_ms: ports.clock.now_ms(), reason: 'PAYMENT_STATE_WRONG', drop: ['settle'] }));
}

async function take(ports: Ports, order: Order, payment: Payment): Promise<boolean> {
  const taken = await takePayment(ports, ports.orders, { ...payment, order_id: order.order_id }, 'payment asked');
  return taken !== 'refused';
}

/** A CONFLICT with a time to come back is two writers meeting; one without says that the payment was refused before. */
function isRefusedForGood({ reason, retry_after_ms }: Failure): boolean {
  return reason === 'PAYMENT_STATE_WRONG' || reason === 'ORDER_NOT_PAYABLE' || (reason === 'CONFLICT' && retry_after_ms === undefined);
}
