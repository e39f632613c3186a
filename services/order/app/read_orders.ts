/** Orders as their owners, operators and other services see them. Another account's order does not exist. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Order } from '../domain/order.ts';
import type { OrderState } from '../domain/state.ts';
import { isOperator, type Actor } from './actor.ts';
import type { OrderQuery, Ports, TimelineRow } from './ports.ts';
import { nextSignal, orderKey } from './signals.ts';

/** How often a stream looks without a signal. */
const LOOK_MS = 1000;

type ReadPorts = Pick<Ports, 'orders' | 'signals' | 'timers'>;

export async function getOrder(ports: ReadPorts, order_id: string, actor: Actor): Promise<Result<Order>> {
  const order = isOrderId(order_id) ? await ports.orders.find(order_id) : undefined;
  return order !== undefined && maySee(order, actor) ? ok(order) : fail('ORDER_NOT_FOUND');
}

export async function getTimeline(ports: ReadPorts, order_id: string, actor: Actor): Promise<Result<{ order: Order; rows: TimelineRow[] }>> {
  const order = await getOrder(ports, order_id, actor);
  return order.ok ? ok({ order: order.value, rows: await ports.orders.timeline(order_id) }) : order;
}

export type Page = { size: number; token: string };

export async function listOrders(ports: ReadPorts, account_id: string, states: OrderState[], page: Page): Promise<Result<{ orders: Order[]; next: string }>> {
  return pageOf(ports, { account_id, states }, page, LIST_LIMITS);
}

/** First the order now, then each change; ends when it is final or when aborted. */
export async function* watchOrder(ports: ReadPorts, order_id: string, actor: Actor, abort: AbortSignal): AsyncIterable<Result<Order>> {
  let seen_version = 0;
  while (!abort.aborted) {
    const signal = nextSignal(ports, [orderKey(order_id)], LOOK_MS, abort);
    const order = await getOrder(ports, order_id, actor);
    if (!order.ok) return yield order;
    if (order.value.version > seen_version) {
      seen_version = order.value.version;
      yield order;
    }
    if (order.value.state === 'CLOSED') return;
    await signal;
  }
}

export function isOrderId(text: string): boolean {
  return /^\d{1,19}$/.test(text);
}

/** A service acts for an account, or in its own right when it names none; an operator sees all. */
function maySee(order: Order, actor: Actor): boolean {
  if (actor.account === undefined) return actor.service !== '';
  return order.account_id === actor.account.account_id || isOperator(actor);
}

async function pageOf(ports: ReadPorts, query: Omit<OrderQuery, 'before' | 'limit'>, page: Page, limits: Limits): Promise<Result<{ orders: Order[]; next: string }>> {
  if (page.token !== '' && !isOrderId(page.token)) return fail('PAGE_TOKEN_INVALID');
  const limit = page.size === 0 ? limits.usual : Math.min(page.size, limits.most);
  // One more than asked tells whether there is a next page.
  const orders = await ports.orders.list({ ...query, before: page.token === '' ? undefined : page.token, limit: limit + 1 });
  const shown = orders.slice(0, limit);
  return ok({ orders: shown, next: orders.length > limit ? (shown.at(-1)?.order_id ?? '') : '' });
}

type Limits = { usual: number; most: number };
const LIST_LIMITS: Limits = { usual: 20, most: 50 };
