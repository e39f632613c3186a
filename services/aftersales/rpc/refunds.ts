import type { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { RefundService } from '#gen/rail/aftersales/v1/refund_pb.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { createRefund, type CreateRefundDeps } from '../app/create_refund.ts';
import type { FindRunOrdersDeps } from '../app/find_run_orders.ts';
import type { Actor } from '../app/ports.ts';
import { quoteRefund } from '../app/quote_refund.ts';
import { refundRun } from '../app/refund_run.ts';
import type { Refund } from '../domain/refund.ts';
import { quoteMessage, refundMessage, runRefundMessage } from './messages.ts';
import { orderViewFor } from './peers/orders.ts';

export type RefundRpcDeps = Omit<CreateRefundDeps, 'view'> & { orders: ServiceClient<typeof OrderService>; run_refunds: FindRunOrdersDeps & { log: Log; onBegun: () => void } };

/** An order has at most this many items. */
const MAX_ITEMS = 5;
const MAX_JOBS = 100;

export function refundService(deps: RefundRpcDeps): Implementation {
  const { store, tokens, run_refunds } = deps;
  return implement(RefundService, {
    async quoteRefund({ orderId, itemIds }, call) {
      checkItems(itemIds);
      const quote = unwrap(await quoteRefund({ ...deps, view: orderViewFor(deps.orders, call) }, String(idOf(orderId, 'ORDER_NOT_FOUND')), itemIds));
      return { quote: quoteMessage(quote, tokens.seal(quote)) };
    },
    async createRefund({ requestId, orderId, itemIds, quoteToken }, call) {
      checkItems(itemIds);
      const wanted = { request_id: requestId, order_id: String(idOf(orderId, 'ORDER_NOT_FOUND')), item_ids: itemIds, quote_token: quoteToken };
      return { refund: refundMessage(unwrap(await createRefund({ ...deps, view: orderViewFor(deps.orders, call) }, wanted, actorOf(call)))) };
    },
    async getRefund({ refundId }, call) {
      const refund = await store.find(idOf(refundId, 'REFUND_NOT_FOUND'));
      if (refund === undefined || !maySee(call, refund)) throw RpcError.of({ reason: 'REFUND_NOT_FOUND' });
      return { refund: refundMessage(refund) };
    },
    async listRefunds({ orderId }, call) {
      const refunds = await store.ofOrder(idOf(orderId, 'ORDER_NOT_FOUND'));
      if (!refunds.every((refund) => maySee(call, refund))) throw RpcError.of({ reason: 'ORDER_NOT_FOUND' });
      return { refunds: refunds.filter(({ stage }) => stage !== 'REFUSED').map(refundMessage) };
    },
    async refundRun({ requestId, runId, reason }, call) {
      const { job_id, items, orders } = unwrap(await refundRun(run_refunds, { request_id: requestId, run_id: runId, reason }, actorOf(call)));
      // Until an order was looked at, it counts as one.
      return { jobId: String(job_id), items: Math.max(items, orders) };
    },
    async getRunRefund({ jobId }) {
      const job = await run_refunds.jobs.progress(idOf(jobId, 'JOB_NOT_FOUND'));
      if (job === undefined) throw RpcError.of({ reason: 'JOB_NOT_FOUND' });
      return { refund: runRefundMessage(job) };
    },
    async listRunRefunds({ runId }) {
      return { refunds: (await run_refunds.jobs.list(runId, MAX_JOBS)).map(runRefundMessage) };
    },
  });
}

/** Travellers see their own; operators and services see all. */
function maySee({ caller }: Call, refund: Refund): boolean {
  if (caller.kind === 'service') return true;
  return caller.kind === 'account' && (caller.roles.includes('operator') || caller.account_id === String(refund.account_id));
}

function checkItems(item_ids: readonly string[]): void {
  if (item_ids.length > MAX_ITEMS) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `at most ${MAX_ITEMS} items`, metadata: { field: 'item_ids' } });
}

function idOf(text: string, reason: ErrorReason): bigint {
  if (!/^[1-9]\d{0,18}$/.test(text)) throw RpcError.of({ reason });
  return BigInt(text);
}

function actorOf(call: Call): Actor {
  return { account_id: call.account?.account_id ?? '', service: 'aftersales', device_id: call.device_id, ip: call.peer_ip };
}
