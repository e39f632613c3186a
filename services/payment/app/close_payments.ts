import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Gateway, Payment, PaymentStore } from './ports.ts';

export type Closed = { paid: Payment | undefined; closed: boolean };

/** What is closed: the purchase of an order, or with `change_id` the difference of a change of it. */
export type Closing = { order_id: bigint; force: boolean; change_id?: string };

/**
 * Ends every open payment of a purchase or a change. The gateway decides: what it says is paid is paid, and then nothing counts as
 * closed. While it does not answer, `closed` is false unless forced; money that still arrives then goes back by itself.
 */
export async function closePayments({ store, gateway }: { store: PaymentStore; gateway: Gateway }, { order_id, force, change_id = '' }: Closing): Promise<Result<Closed>> {
  const payments = (await store.ofOrder(order_id)).filter((payment) => payment.change_id === change_id);
  let waiting = false;
  let paid = payments.find((payment) => payment.state === 'SUCCEEDED' && payment.settled !== false);
  for (const payment of payments) {
    if (payment.state !== 'CREATED' && payment.state !== 'PENDING') continue;
    const answer = await gateway.close(payment);
    if (answer.ok) {
      const applied = await store.applyReport(answer.value);
      if (!applied.ok) return fail(applied.error.reason, applied.error);
      if (applied.value.state === 'SUCCEEDED') paid ??= applied.value;
    } else if (force || (answer.problem === 'unknown' && payment.state === 'CREATED')) {
      // A trade that was never opened: should an opening still arrive, the payment is closed here and the money returns.
      // Paid between the two: then the money counts.
      const ended = await store.forceClose(payment.payment_id);
      if (ended.state === 'SUCCEEDED') paid ??= ended;
    } else {
      waiting = true;
    }
  }
  return ok({ paid, closed: paid === undefined && !waiting });
}
