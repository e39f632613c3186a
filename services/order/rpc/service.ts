/** rail.order.v1.OrderService over the use cases. */
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import type { Result } from '#kit/base/result.ts';
import { fail } from '#kit/base/result.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { Admission } from '../app/admission.ts';
import type { OrderDriver } from '../app/advance.ts';
import { cancelOrder } from '../app/cancel_order.ts';
import { leaveQueue } from '../app/leave_queue.ts';
import { listRunItems } from '../app/list_run_items.ts';
import { listQueues } from '../app/list_queues.ts';
import type { Ports } from '../app/ports.ts';
import { queueStatus, watchQueue, type StatusPorts } from '../app/queue_status.ts';
import { getOrder, getTimeline, listOrders, searchOrders, watchOrder } from '../app/read_orders.ts';
import { submitOrder } from '../app/submit_order.ts';
import { transitionItems } from '../app/transition_items.ts';
import { orderMessage, runItemMessage, statusMessage, timelineMessage } from './messages.ts';
import { accountActor, actorOf, statesOf, submitRequestOf, transitionRequestOf } from './requests.ts';

/** When those who were not let in may come again. */
const SUBMIT_AGAIN_MS = 2000;

export function orderService(ports: Ports & StatusPorts & { driver: OrderDriver }): Implementation {
  const submissions = new Admission(ports.clock);
  return implement(OrderService, {
    async submitOrder(message, call) {
      if (!submissions.enter()) return unwrap(fail('OVERLOADED', { retry_after_ms: SUBMIT_AGAIN_MS }));
      try {
        const view = unwrap(await submitOrder(ports, unwrap(submitRequestOf(message)), accountActor(call)));
        return { status: statusMessage(view) };
      } finally {
        submissions.leave();
      }
    },
    async getQueueStatus({ queueToken }, call) {
      return { status: statusMessage(unwrap(await queueStatus(ports, queueToken, accountActor(call).account.account_id))) };
    },
    async *watchQueue({ queueToken }, call) {
      const views = watchQueue(ports, queueToken, accountActor(call).account.account_id, call.signal);
      yield* mapped(views, (view) => ({ status: statusMessage(view) }));
    },
    async leaveQueue({ queueToken }, call) {
      return { status: statusMessage(unwrap(await leaveQueue(ports, queueToken, accountActor(call)))) };
    },
    async getOrder({ orderId }, call) {
      return { order: orderMessage(unwrap(await getOrder(ports, orderId, actorOf(call)))) };
    },
    async listOrders({ pageSize, pageToken, states }, call) {
      const { account } = accountActor(call);
      const page = unwrap(await listOrders(ports, account.account_id, unwrap(statesOf(states)), { size: pageSize, token: pageToken }));
      return { orders: page.orders.map(orderMessage), nextPageToken: page.next };
    },
    async *watchOrder({ orderId }, call) {
      yield* mapped(watchOrder(ports, orderId, actorOf(call), call.signal), (order) => ({ order: orderMessage(order) }));
    },
    async cancelOrder({ requestId, orderId, etag }, call) {
      return { order: orderMessage(unwrap(await cancelOrder(ports, { request_id: requestId, order_id: orderId, etag }, actorOf(call)))) };
    },
    async transitionItems(message, call) {
      return { order: orderMessage(unwrap(await transitionItems(ports, unwrap(transitionRequestOf(message)), actorOf(call)))) };
    },
    async createHeldOrder() {
      // Comes with standby and change across runs, which are its only callers.
      return unwrap(fail('NOT_IMPLEMENTED'));
    },
    async searchOrders(message) {
      const query = {
        order_id: message.orderId === '' ? undefined : message.orderId,
        account_id: message.accountId === '' ? undefined : digits(message.accountId, 'account_id'),
        run_id: message.runId === '' ? undefined : message.runId,
        person: message.personBlindIndex === '' ? undefined : message.personBlindIndex,
        states: unwrap(statesOf(message.states)),
      };
      const page = unwrap(await searchOrders(ports, query, { size: message.pageSize, token: message.pageToken }));
      return { orders: page.orders.map(orderMessage), nextPageToken: page.next };
    },
    async getOrderTimeline({ orderId }, call) {
      const { order, rows } = unwrap(await getTimeline(ports, orderId, actorOf(call)));
      return { order: orderMessage(order), entries: rows.map((row) => timelineMessage(orderId, row)) };
    },
    async listRunItems({ runIds, pageSize, pageToken }) {
      const { items, next } = unwrap(await listRunItems(ports, runIds, { size: pageSize, token: pageToken }));
      return { items: items.map(runItemMessage), nextPageToken: next };
    },
    async listQueues({ pageSize, pageToken }) {
      const { queues, next } = unwrap(await listQueues(ports, { size: pageSize, token: pageToken }));
      return {
        queues: queues.map(({ run_id, length, in_flight, drain_per_s, owner, term }) => ({ runId: run_id, length, inFlight: in_flight, drainPerS: drain_per_s, owner, term })),
        nextPageToken: next,
      };
    },
  });
}

async function* mapped<T, U>(results: AsyncIterable<Result<T>>, message: (value: T) => U): AsyncIterable<U> {
  for await (const result of results) yield message(unwrap(result));
}

function digits(text: string, field: string): string {
  return /^\d{1,19}$/.test(text) ? text : unwrap(fail('FIELD_INVALID', { metadata: { field } }));
}
