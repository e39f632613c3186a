import type { Clock } from '#kit/base/clock.ts';
import type { Result } from '#kit/base/result.ts';
import { quoteItems, type Quote } from '../domain/quote.ts';
import type { OrderView } from './ports.ts';

/** What would come back now. Changes nothing. */
export async function quoteRefund(deps: { clock: Clock; view: OrderView }, order_id: string, item_ids: readonly string[]): Promise<Result<Quote>> {
  const order = await deps.view(order_id);
  return order.ok ? quoteItems(order.value, item_ids, deps.clock.now_ms()) : order;
}
