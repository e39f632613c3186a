import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import type { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { CreatePaymentRequestSchema, PaymentKind, PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { GraySubject } from '#kit/base/gray.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { closePayments } from '../app/close_payments.ts';
import { createPayment } from '../app/create_payment.ts';
import { listPaidOrders } from '../app/list_paid_orders.ts';
import type { Actor, Gateway, Payment, PaymentStore, RefundStore } from '../app/ports.ts';
import { reconcileStatement } from '../app/reconcile.ts';
import { money, paymentMessage, refundMessage } from './messages.ts';
import { ordersFor } from './orders.ts';

export type PaymentRpcDeps = {
  payments: PaymentStore;
  refunds: RefundStore;
  gateway: Gateway;
  orders: ServiceClient<typeof OrderService>;
  clock: Clock;
  /** Channels in order of preference; they may be others for some. */
  channels: (who: GraySubject) => readonly string[];
  /** Looks at due refunds at once. */
  nudgeRefunds: () => void;
};

export function paymentService(deps: PaymentRpcDeps): Implementation {
  const { payments, refunds, gateway, clock } = deps;
  return implement(PaymentService, {
    async createPayment(request, call) {
      // The difference of a change is opened by aftersales, which brings its own amount; purchases take the order's.
      if (request.kind === PaymentKind.CHANGE_DIFFERENCE) throw RpcError.of({ reason: 'NOT_IMPLEMENTED', detail: 'changes come with their own service' });
      const body_hash = createHash('sha256').update(toBinary(CreatePaymentRequestSchema, { ...request, requestId: '' })).digest();
      const actor = actorOf(call, request.requestId, body_hash);
      const wanted = { order_id: idOf(request.orderId, 'ORDER_NOT_FOUND'), payment_channel: request.paymentChannel, return_path: request.returnPath };
      const payment = unwrap(await createPayment({ store: payments, gateway, clock, channels: () => deps.channels(call.account ?? {}), orders: ordersFor(deps.orders, call) }, wanted, actor));
      return { payment: paymentMessage(payment) };
    },
    async getPayment({ paymentId }, call) {
      return { payment: paymentMessage(owned(call, await payments.find(BigInt(idOf(paymentId, 'PAYMENT_NOT_FOUND'))), 'PAYMENT_NOT_FOUND')) };
    },
    async listPayments({ orderId }, call) {
      const order_id = BigInt(idOf(orderId, 'ORDER_NOT_FOUND'));
      const [found, returned] = await Promise.all([payments.ofOrder(order_id), refunds.ofOrder(order_id)]);
      for (const payment of found) owned(call, payment, 'ORDER_NOT_FOUND');
      return { payments: found.map(paymentMessage), refunds: returned.map(refundMessage) };
    },
    async closePayments({ orderId, force }) {
      const { paid, closed } = unwrap(await closePayments({ store: payments, gateway }, BigInt(idOf(orderId, 'ORDER_NOT_FOUND')), force));
      return { paid: paid === undefined ? undefined : paymentMessage(paid), closed };
    },
    async settlePayment({ paymentId, accepted, reason }, call) {
      const settled = unwrap(await payments.settle(BigInt(idOf(paymentId, 'PAYMENT_NOT_FOUND')), accepted, reason, actorOf(call)));
      if (settled.refund !== undefined) deps.nudgeRefunds();
      return { payment: paymentMessage(settled.payment), refund: settled.refund === undefined ? undefined : refundMessage(settled.refund) };
    },
    async createRefund({ refundId, paymentId, amount, reason }, call) {
      if (!/^[\w-]{1,64}$/.test(refundId)) throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'refund_id has 1 to 64 letters, digits, - or _', metadata: { field: 'refund_id' } });
      const amount_fen = Number(amount?.amountFen ?? 0n);
      if (!Number.isSafeInteger(amount_fen) || amount_fen <= 0) throw RpcError.of({ reason: 'AMOUNT_INVALID', detail: 'a refund returns something' });
      const refund = unwrap(await refunds.create({ refund_id: refundId, payment_id: BigInt(idOf(paymentId, 'PAYMENT_NOT_FOUND')), amount_fen, reason }, actorOf(call)));
      deps.nudgeRefunds();
      return { refund: refundMessage(refund) };
    },
    async getRefund({ refundId }, call) {
      const refund = await refunds.find(refundId);
      if (refund === undefined) throw RpcError.of({ reason: 'REFUND_NOT_FOUND' });
      owned(call, await payments.find(refund.payment_id), 'REFUND_NOT_FOUND');
      return { refund: refundMessage(refund) };
    },
    async listPaidOrders({ date, pageSize, pageToken }) {
      const page = unwrap(await listPaidOrders({ payments, refunds }, date, { size: pageSize, token: pageToken }));
      const orders = page.orders.map(({ order_id, payments: paid, refunds: returned }) => ({ orderId: String(order_id), payments: paid.map(paymentMessage), refunds: returned.map(refundMessage) }));
      return { orders, nextPageToken: page.next };
    },
    async reconcileStatement({ date }) {
      const report = unwrap(await reconcileStatement({ payments, refunds, gateway }, date));
      return {
        payments: report.payments,
        refunds: report.refunds,
        differencesOmitted: report.omitted,
        differences: report.differences.map(({ kind, payment_id, refund_id, order_id, ours_fen, gateway_fen, repaired, explanation, explanation_zh }) => ({
          kind, repaired, explanation, explanationZh: explanation_zh, paymentId: payment_id, refundId: refund_id, orderId: order_id,
          ours: ours_fen === undefined ? undefined : money(ours_fen),
          gateway: gateway_fen === undefined ? undefined : money(gateway_fen),
        })),
      };
    },
  });
}

/** Travellers see their own; operators and services see all. Another account's is as good as none. */
function owned(call: Call, payment: Payment | undefined, reason: ErrorReason): Payment {
  const { caller } = call;
  const may = caller.kind === 'service' || (caller.kind === 'account' && (caller.roles.includes('operator') || String(payment?.account_id) === caller.account_id));
  if (payment === undefined || !may) throw RpcError.of({ reason });
  return payment;
}

function idOf(text: string, reason: ErrorReason): string {
  if (!/^[1-9]\d{0,18}$/.test(text)) throw RpcError.of({ reason });
  return text;
}

function actorOf(call: Call, request_id = '', body_hash: Uint8Array = new Uint8Array(32)): Actor {
  const service = call.caller.kind === 'service' ? call.caller.service : 'payment';
  return { account_id: call.account?.account_id ?? '', service, device_id: call.device_id, ip: call.peer_ip, request_id, method: call.method, body_hash };
}
