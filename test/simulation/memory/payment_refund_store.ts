/** Payment's RefundStore in memory. */
import { fail, ok } from '#kit/base/result.ts';
import type { RefundStore } from '../../../services/payment/app/ports.ts';
import type { Refund } from '../../../services/payment/domain/refund.ts';
import { frozen } from './frozen.ts';
import type { PaymentDb } from './payment_db.ts';

export function memoryPaymentRefundStore(db: PaymentDb, now_ms: () => number): RefundStore {
  const end = (refund_id: string, from: readonly Refund['state'][], to: 'SUCCEEDED' | 'MANUAL'): Refund => {
    const refund = db.refunds.get(refund_id)!;
    if (!from.includes(refund.state)) return refund;
    const next = put(db, { ...refund, state: to, finish_time_ms: now_ms() }, undefined);
    db.tell(to === 'SUCCEEDED' ? 'RefundSucceeded' : 'RefundNeedsPeople', next);
    return next;
  };
  return {
    async create(wanted) {
      const known = db.refunds.get(wanted.refund_id);
      if (known !== undefined) return known.payment_id === wanted.payment_id && known.amount_fen === wanted.amount_fen ? ok(known) : fail('REQUEST_ID_REUSED', { detail: 'this refund id names another refund' });
      const payment = db.payments.get(wanted.payment_id);
      if (payment === undefined) return fail('PAYMENT_NOT_FOUND');
      if (payment.state !== 'SUCCEEDED') return fail('PAYMENT_STATE_WRONG', { detail: 'nothing was paid' });
      if (payment.refunded_fen + wanted.amount_fen > payment.amount_fen) return fail('REFUND_EXCEEDS_PAID');
      const inserted = insertRefund(db, wanted, now_ms());
      return inserted === undefined ? fail('AMOUNT_INVALID', { detail: 'a refund returns something' }) : ok(inserted);
    },
    async find(refund_id) {
      return db.refunds.get(refund_id);
    },
    async ofOrder(order_id) {
      return [...db.refunds.values()].filter((refund) => refund.order_id === order_id).toSorted((a, b) => a.create_time_ms - b.create_time_ms);
    },
    async ofOrders(order_ids) {
      return [...db.refunds.values()].filter(({ order_id }) => order_ids.includes(order_id)).toSorted((a, b) => a.create_time_ms - b.create_time_ms);
    },
    async ofDay(from_ms, to_ms) {
      return [...db.refunds.values()].filter(({ finish_time_ms }) => finish_time_ms !== undefined && finish_time_ms >= from_ms && finish_time_ms < to_ms);
    },
    async markProcessing(refund_id) {
      const refund = db.refunds.get(refund_id);
      if (refund?.state === 'DUE') db.refunds.set(refund_id, frozen({ ...refund, state: 'PROCESSING' }));
    },
    async succeed(refund_id) {
      return end(refund_id, ['DUE', 'PROCESSING', 'MANUAL'], 'SUCCEEDED');
    },
    async giveUp(refund_id) {
      return end(refund_id, ['DUE', 'PROCESSING'], 'MANUAL');
    },
  };
}

/** Due at once; takes its amount from what may still go back, in the same step. */
export function insertRefund(db: PaymentDb, wanted: Pick<Refund, 'refund_id' | 'payment_id' | 'amount_fen' | 'reason'>, now_ms: number): Refund | undefined {
  const known = db.refunds.get(wanted.refund_id);
  if (known !== undefined || wanted.amount_fen <= 0) return known;
  const payment = db.payments.get(wanted.payment_id)!;
  if (payment.refunded_fen + wanted.amount_fen > payment.amount_fen) throw new Error(`refund ${wanted.refund_id} would return more than was paid`);
  db.payments.set(payment.payment_id, frozen({ ...payment, refunded_fen: payment.refunded_fen + wanted.amount_fen }));
  const { order_id, account_id, payment_channel } = payment;
  return put(db, { ...wanted, reason: wanted.reason.slice(0, 200), order_id, account_id, payment_channel, state: 'DUE', attempts: 0, create_time_ms: now_ms, finish_time_ms: undefined }, db.now_ms());
}

function put(db: PaymentDb, refund: Refund, next_ms: number | undefined): Refund {
  db.refunds.set(refund.refund_id, frozen(refund));
  db.refunds_due.set(refund.refund_id, next_ms);
  return refund;
}
