/** CancelOrder: closes an unpaid order. The gateway closes the payment first, so a payment under way may still win. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import { within } from '#kit/base/timers.ts';
import { moveAll, type OrderChange } from '../domain/change.ts';
import type { Order } from '../domain/order.ts';
import type { Actor } from './actor.ts';
import type { OrderDriver } from './advance.ts';
import type { Ports } from './ports.ts';
import { getOrder } from './read_orders.ts';
import { orderKey } from './signals.ts';

export type CancelRequest = { request_id: string; order_id: string; etag: string };

/** How long the answer waits for the gateway; CLOSING is an answer, too. */
const GATEWAY_MS = 3500;
const SAFETY_MS = 3000;

/** Idempotent. ORDER_NOT_FOUND, VERSION_STALE for another etag, ORDER_NOT_CANCELLABLE once it was paid. */
export async function cancelOrder(ports: Ports & { driver: OrderDriver }, request: CancelRequest, actor: Actor): Promise<Result<Order>> {
  const { request_id, order_id, etag } = request;
  const seen = await getOrder(ports, order_id, actor);
  if (!seen.ok) return seen;
  const key = { account_id: actor.account?.account_id ?? actor.service, request_id, method: 'CancelOrder', body_hash: ports.hash(JSON.stringify({ order_id, etag })) };
  const closing = await ports.orders.applyOnce(key, order_id, (order) => close(order, etag, ports.clock.now_ms()), { actor, operation: 'order.Cancel', next_ms: SAFETY_MS });
  if (!closing.ok) return closing;
  ports.signals.emit(orderKey(order_id));
  // What is not done in time goes on in the background.
  await within(ports.timers, GATEWAY_MS, ports.driver.advance(order_id));
  return getOrder(ports, order_id, actor);
}

function close(order: Order | undefined, etag: string, now_ms: number): Result<OrderChange | undefined> {
  if (order === undefined) return fail('ORDER_NOT_FOUND');
  if ((order.state === 'CLOSING' || order.state === 'CLOSED') && order.close_reason === 'CANCELLED') return ok(undefined);
  if (order.state !== 'WAIT_PAY') return fail('ORDER_NOT_CANCELLABLE');
  if (etag !== '' && etag !== String(order.version)) return fail('VERSION_STALE');
  return moveAll(order, 'CLOSING', { cause: 'cancelled', now_ms, patch: { closing_ms: now_ms, close_reason: 'CANCELLED' }, drop: ['attach'] });
}
