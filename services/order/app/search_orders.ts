/** Orders across accounts for customer service, from the index where there is one, as the database has them now. */
import { ok, type Result } from '#kit/base/result.ts';
import type { Order } from '../domain/order.ts';
import type { OrderIndex, OrderQuery, SearchPorts } from './ports.ts';
import { isOrderId } from './read_orders.ts';

export type OrderSearch = Omit<OrderQuery, 'before' | 'limit'>;
export type SearchPage = { size: number; before: string | undefined };

const PAGE = { usual: 20, most: 100 };

/**
 * A page, newest first, and the last number looked at where there may be more. The index may be seconds behind: orders that
 * fit no longer are left out, so a page may be short. An index that is away is stood in for by the database.
 */
export async function searchOrders({ orders, index, log }: Pick<SearchPorts, 'orders' | 'index' | 'log'>, search: OrderSearch, page: SearchPage, exact: boolean): Promise<Result<{ orders: Order[]; next: string | undefined }>> {
  const limit = page.size === 0 ? PAGE.usual : Math.min(page.size, PAGE.most);
  if (search.order_id !== undefined && !isOrderId(search.order_id)) return ok({ orders: [], next: undefined });
  // One more than asked tells whether there is a next page.
  const query: OrderQuery = { ...search, before: page.before, limit: limit + 1 };
  const found = exact || index === undefined || search.order_id !== undefined ? undefined : await inIndex(index, query, log);
  if (found === undefined) {
    const list = await orders.list(query);
    return ok({ orders: list.slice(0, limit), next: list.length > limit ? list[limit - 1]!.order_id : undefined });
  }
  const shown = found.slice(0, limit);
  const read = shown.length === 0 ? [] : await orders.list({ ...search, among: shown, limit });
  return ok({ orders: read, next: found.length > limit ? shown.at(-1) : undefined });
}

async function inIndex(index: OrderIndex, query: OrderQuery, log: SearchPorts['log']): Promise<string[] | undefined> {
  try {
    return await index.search(query);
  } catch (error) {
    log.warn({ error }, 'the search index is away: the database answers');
    return undefined;
  }
}
