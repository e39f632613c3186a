/** rail.order.v1.OrderService over the use cases. */
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import type { Result } from '#kit/base/result.ts';
import { fail } from '#kit/base/result.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { Admission } from '../app/admission.ts';
import type { OrderDriver } from '../app/advance.ts';
import { cancelOrder } from '../app/cancel_order.ts';
import { createHeldOrder, type HeldOrderPorts } from '../app/create_held_order.ts';
import { leaveQueue } from '../app/leave_queue.ts';
import { listRunItems } from '../app/list_run_items.ts';
import { listQueues } from '../app/list_queues.ts';
import type { Ports, SearchPorts } from '../app/ports.ts';
import { queueStatus, watchQueue, type StatusPorts } from '../app/queue_status.ts';
import { getOrder, getTimeline, listOrders, watchOrder } from '../app/read_orders.ts';
import { rebuildIndex } from '../app/rebuild_index.ts';
import { searchOrders } from '../app/search_orders.ts';
import { submitOrder } from '../app/submit_order.ts';
import { transitionItems } from '../app/transition_items.ts';
import { orderMessage, queueMessage, runItemMessage, statusMessage, timelineMessage } from './messages.ts';
import type { SearchTokens } from './search_token.ts';
import { searchOf, searchTarget, tenantSeenBy } from './search.ts';
import { accountActor, actorOf, heldOrderRequestOf, statesOf, submitRequestOf, transitionRequestOf } from './requests.ts';

/** When those who were not let in may come again. */
const SUBMIT_AGAIN_MS = 2000;
const ARCHIVE_BATCH = 200;
const ARCHIVE_BATCH_MAX = 1000;

type Archive = { archive(limit: number): Promise<{ orders: number; entries: number; days: number; deleted: number }> };

export function orderService(ports: Ports & StatusPorts & Archive & Pick<HeldOrderPorts, 'held_orders'> & { driver: OrderDriver; search: SearchPorts & { tokens: SearchTokens } }): Implementation {
  const submissions = new Admission(ports.clock);
  return implement(OrderService, {
    async submitOrder(message, call) {
      if (!submissions.enter()) return unwrap(fail('OVERLOADED', { retry_after_ms: SUBMIT_AGAIN_MS }));
      try {
        const view = unwrap(await submitOrder(ports, unwrap(submitRequestOf(message)), accountActor(call)));
        return view.reason === 'QUEUE_FULL' && view.standby_id !== undefined ? { standbyId: view.standby_id } : { status: statusMessage(view) };
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
    async createHeldOrder(message, call) {
      return { order: orderMessage(unwrap(await createHeldOrder({ ...ports, advance: (order_id) => ports.driver.wake(order_id) }, unwrap(heldOrderRequestOf(message)), actorOf(call)))) };
    },
    async searchOrders(message, call) {
      const actor = actorOf(call);
      const wanted = { ...unwrap(searchOf(message)), tenant: tenantSeenBy(actor) };
      const before = message.pageToken === '' ? undefined : ports.search.tokens.open(wanted, message.pageToken);
      if (before === undefined && message.pageToken !== '') throw RpcError.of({ reason: 'PAGE_TOKEN_INVALID' });
      // Jobs that count on every order must not miss one that is not indexed yet.
      const page = unwrap(await searchOrders(ports.search, wanted, { size: message.pageSize, before }, actor.account === undefined));
      await ports.search.audit(actor, { operation: 'order.Search', target: searchTarget(wanted), result: `${page.orders.length} found` });
      return { orders: page.orders.map(orderMessage), nextPageToken: page.next === undefined ? '' : ports.search.tokens.seal(wanted, page.next) };
    },
    async rebuildOrderIndex({ pageToken }) {
      const { indexed, next } = unwrap(await rebuildIndex(ports.search, pageToken));
      return { indexed, nextPageToken: next };
    },
    async getOrderTimeline({ orderId }, call) {
      const { order, rows } = unwrap(await getTimeline(ports, orderId, actorOf(call)));
      return { order: orderMessage(order), entries: rows.map((row) => timelineMessage(orderId, row)) };
    },
    async listRunItems({ runIds, pageSize, pageToken }) {
      const { items, next } = unwrap(await listRunItems(ports, runIds, { size: pageSize, token: pageToken }));
      return { items: items.map(runItemMessage), nextPageToken: next };
    },
    async archiveOrders({ limit }) {
      return ports.archive(Math.min(limit === 0 ? ARCHIVE_BATCH : limit, ARCHIVE_BATCH_MAX));
    },
    async listQueues({ pageSize, pageToken }) {
      const { queues, next } = unwrap(await listQueues(ports, { size: pageSize, token: pageToken }));
      return { queues: queues.map(queueMessage), nextPageToken: next };
    },
  });
}

async function* mapped<T, U>(results: AsyncIterable<Result<T>>, message: (value: T) => U): AsyncIterable<U> {
  for await (const result of results) yield message(unwrap(result));
}
