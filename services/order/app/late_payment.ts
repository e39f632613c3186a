/** Money that came too late or twice: payment is told that the order will never take it, and returns it. */
import { required } from '#kit/base/result.ts';
import type { Ports } from './ports.ts';

/** Throws while payment does not answer; the sweeper tries again. */
export async function returnLatePayment(ports: Pick<Ports, 'payments' | 'orders'>, { payment_id, order_id, reason }: { payment_id: string; order_id: string; reason: string }): Promise<void> {
  required(await ports.payments.settle({ payment_id, order_id, accepted: false, reason }));
  await ports.orders.latePaymentDone(payment_id);
}
