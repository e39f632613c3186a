import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { PaymentClosedSchema, PaymentNeedsPeopleSchema, PaymentSucceededSchema, RefundNeedsPeopleSchema, RefundSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import type { Payment, Refund } from '../app/ports.ts';

const PAYMENTS = { PaymentSucceeded: PaymentSucceededSchema, PaymentClosed: PaymentClosedSchema, PaymentNeedsPeople: PaymentNeedsPeopleSchema };
const REFUNDS = { RefundSucceeded: RefundSucceededSchema, RefundNeedsPeople: RefundNeedsPeopleSchema };

/** Payments and refunds as events of stream PAYMENT; each carries the full state. */
export const eventCodec = {
  payment(name: keyof typeof PAYMENTS, payment: Payment) {
    const schema = PAYMENTS[name];
    return { type: schema.typeName, payload: toBinary(schema, create(schema, { payment: snapshotOf(payment) }) as never) };
  },
  refund(name: keyof typeof REFUNDS, refund: Refund) {
    const schema = REFUNDS[name];
    const snapshot = { refundId: refund.refund_id, paymentId: String(refund.payment_id), orderId: String(refund.order_id), accountId: String(refund.account_id), amount: money(refund.amount_fen), state: refund.state, reason: refund.reason };
    return { type: schema.typeName, payload: toBinary(schema, create(schema, { refund: snapshot }) as never) };
  },
};

function snapshotOf(payment: Payment) {
  return {
    paymentId: String(payment.payment_id),
    orderId: String(payment.order_id),
    accountId: String(payment.account_id),
    kind: payment.kind,
    state: payment.state,
    amount: money(payment.amount_fen),
    refunded: money(payment.refunded_fen),
    paymentChannel: payment.payment_channel,
    version: payment.version,
    payTime: payment.pay_time_ms === undefined ? undefined : timestampFromMs(payment.pay_time_ms),
    changeId: payment.change_id,
  };
}

function money(amount_fen: number) {
  return { amountFen: BigInt(amount_fen), currency: 'CNY' };
}
