import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Payment, PaymentStore, Refund, RefundStore } from './ports.ts';
import { dayOf } from './reconcile.ts';

export type PaidOrder = { order_id: bigint; payments: Payment[]; refunds: Refund[] };

const PAGE = { usual: 200, most: 500 };

/** Orders for which money came on a day, each with all its money. An order with several payments may come several times. */
export async function listPaidOrders(deps: { payments: PaymentStore; refunds: RefundStore }, date: string, page: { size: number; token: string }): Promise<Result<{ orders: PaidOrder[]; next: string }>> {
  const day = dayOf(date);
  if (day === undefined) return fieldInvalid('date', 'must be YYYY-MM-DD');
  if (!/^\d{0,19}$/.test(page.token)) return fail('PAGE_TOKEN_INVALID');
  const limit = page.size === 0 ? PAGE.usual : Math.min(page.size, PAGE.most);
  const paid = await deps.payments.paidPage(day.from_ms, day.to_ms, BigInt(page.token === '' ? 0 : page.token), limit);
  const order_ids = [...new Set(paid.map(({ order_id }) => order_id))];
  const [payments, refunds] = await Promise.all([deps.payments.ofOrders(order_ids), deps.refunds.ofOrders(order_ids)]);
  const orders = order_ids.map((order_id) => ({ order_id, payments: payments.filter((one) => one.order_id === order_id), refunds: refunds.filter((one) => one.order_id === order_id) }));
  return ok({ orders, next: paid.length < limit ? '' : String(paid.at(-1)!.payment_id) });
}
