import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { PaymentKind, PaymentState, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import type { Payment, Refund } from '../app/ports.ts';

const STATES: Record<Payment['state'], PaymentState> = {
  CREATED: PaymentState.CREATED, PENDING: PaymentState.PENDING, SUCCEEDED: PaymentState.SUCCEEDED, CLOSED: PaymentState.CLOSED,
};
const KINDS: Record<Payment['kind'], PaymentKind> = { PURCHASE: PaymentKind.PURCHASE, CHANGE_DIFFERENCE: PaymentKind.CHANGE_DIFFERENCE };
const REFUND_STATES: Record<Refund['state'], RefundState> = {
  DUE: RefundState.DUE, PROCESSING: RefundState.PROCESSING, SUCCEEDED: RefundState.SUCCEEDED, MANUAL: RefundState.MANUAL,
};

export function money(amount_fen: number) {
  return { amountFen: BigInt(amount_fen), currency: 'CNY' };
}

export function paymentMessage(payment: Payment) {
  return {
    paymentId: String(payment.payment_id),
    orderId: String(payment.order_id),
    accountId: String(payment.account_id),
    kind: KINDS[payment.kind],
    state: STATES[payment.state],
    amount: money(payment.amount_fen),
    refunded: money(payment.refunded_fen),
    paymentChannel: payment.payment_channel,
    payUrl: payment.state === 'PENDING' ? (payment.pay_url ?? '') : '',
    createTime: timestampFromMs(payment.create_time_ms),
    expireTime: timestampFromMs(payment.expire_time_ms),
    payTime: payment.pay_time_ms === undefined ? undefined : timestampFromMs(payment.pay_time_ms),
    version: payment.version,
    gatewayTradeNo: payment.gateway_trade_no ?? '',
    settled: payment.settled === true,
    changeId: payment.change_id,
  };
}

export function refundMessage(refund: Refund) {
  return {
    refundId: refund.refund_id,
    paymentId: String(refund.payment_id),
    orderId: String(refund.order_id),
    amount: money(refund.amount_fen),
    state: REFUND_STATES[refund.state],
    reason: refund.reason,
    createTime: timestampFromMs(refund.create_time_ms),
    finishTime: refund.finish_time_ms === undefined ? undefined : timestampFromMs(refund.finish_time_ms),
    attempts: refund.attempts,
  };
}
