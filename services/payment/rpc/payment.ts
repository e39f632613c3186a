import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { CreatePaymentRequestSchema, PaymentKind, PaymentService, type CreatePaymentRequest } from '#gen/rail/payment/v1/payment_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { GraySubject } from '#kit/base/gray.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { fieldInvalid } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import { closePayments } from '../app/close_payments.ts';
import { createDifference, createPayment, type CreateDifference } from '../app/create_payment.ts';
import { listPaidOrders } from '../app/list_paid_orders.ts';
import type { Actor, Gateway, Payment, PaymentStore, RefundStore } from '../app/ports.ts';
import { reconcileStatement } from '../app/reconcile.ts';
import { money, paymentMessage, refundMessage } from './messages.ts';
import { ordersFor, ownersOver } from './orders.ts';

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
      const body_hash = createHash('sha256').update(toBinary(CreatePaymentRequestSchema, { ...request, requestId: '' })).digest();
      const actor = actorOf(call, request.requestId, body_hash);
      const opening = { store: payments, gateway, clock, channels: () => deps.channels(call.account ?? {}) };
      if (request.kind === PaymentKind.CHANGE_DIFFERENCE) return { payment: paymentMessage(unwrap(await createDifference({ ...opening, orders: ownersOver(deps.orders) }, differenceOf(request, call), actor))) };
      const wanted = { order_id: idOf(request.orderId, 'ORDER_NOT_FOUND'), payment_channel: request.paymentChannel, return_path: request.returnPath };
      const payment = unwrap(await createPayment({ ...opening, orders: ordersFor(deps.orders, call) }, wanted, actor));
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
    async closePayments({ orderId, force, changeId }) {
      const { paid, closed } = unwrap(await closePayments({ store: payments, gateway }, { order_id: BigInt(idOf(orderId, 'ORDER_NOT_FOUND')), force, change_id: changeId }));
      return { paid: paid === undefined ? undefined : paymentMessage(paid), closed };
    },
    async settlePayment({ paymentId, accepted, reason }, call) {
      const [outcome] = await payments.settle([{ payment_id: BigInt(idOf(paymentId, 'PAYMENT_NOT_FOUND')), accepted, reason }], actorOf(call));
      const settled = unwrap(outcome!);
      if (settled.refund !== undefined) deps.nudgeRefunds();
      return { payment: paymentMessage(settled.payment), refund: settled.refund === undefined ? undefined : refundMessage(settled.refund) };
    },
    async batchSettlePayments({ requests }, call) {
      if (requests.length > MAX_SETTLEMENTS) unwrap(fieldInvalid('requests', `at most ${MAX_SETTLEMENTS}`));
      // An id that can't be one is no payment's, and is answered in its place.
      const settlements = requests.map(({ paymentId, accepted, reason }) => ({ payment_id: isId(paymentId) ? BigInt(paymentId) : 0n, accepted, reason }));
      const outcomes = await payments.settle(settlements, actorOf(call));
      if (outcomes.some((outcome) => outcome.ok && outcome.value.refund !== undefined)) deps.nudgeRefunds();
      return { outcomes: outcomes.map((outcome) => (outcome.ok ? {} : { error: outcomeStatus(outcome.error) })) };
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

/** As the contract says. */
const MAX_SETTLEMENTS = 256;

/** Only aftersales says what a change costs; it acts in its own name. */
function differenceOf({ orderId, changeId, amount, expireTime, returnPath }: CreatePaymentRequest, call: Call): CreateDifference {
  if (call.caller.kind !== 'service') throw RpcError.of({ reason: 'NOT_ALLOWED' });
  if (!/^\w{1,64}$/.test(changeId)) throw RpcError.of({ reason: 'CHANGE_NOT_FOUND' });
  const amount_fen = Number(amount?.amountFen ?? 0n);
  if (!Number.isSafeInteger(amount_fen) || amount_fen <= 0) throw RpcError.of({ reason: 'AMOUNT_INVALID', detail: 'a difference is to be paid' });
  if (expireTime === undefined) throw RpcError.of({ reason: 'FIELD_INVALID', metadata: { field: 'expire_time' } });
  return { order_id: idOf(orderId, 'ORDER_NOT_FOUND'), change_id: changeId, amount_fen, expire_time_ms: timestampMs(expireTime), return_path: returnPath === '' ? `/orders/${orderId}` : returnPath };
}

/** Travellers see their own; operators and services see all. Another account's is as good as none. */
function owned(call: Call, payment: Payment | undefined, reason: ErrorReason): Payment {
  const { caller } = call;
  const may = caller.kind === 'service' || (caller.kind === 'account' && (caller.roles.includes('operator') || String(payment?.account_id) === caller.account_id));
  if (payment === undefined || !may) throw RpcError.of({ reason });
  return payment;
}

function idOf(text: string, reason: ErrorReason): string {
  if (!isId(text)) throw RpcError.of({ reason });
  return text;
}

function isId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text);
}

function actorOf(call: Call, request_id = '', body_hash: Uint8Array = new Uint8Array(32)): Actor {
  const service = call.caller.kind === 'service' ? call.caller.service : 'payment';
  return { account_id: call.account?.account_id ?? '', service, device_id: call.device_id, ip: call.peer_ip, request_id, method: call.method, body_hash };
}
