import type { Clock } from '#kit/base/clock.ts';
import type { Result } from '#kit/base/result.ts';
import { quoteItems, type OrderFacts, type Quote } from '../domain/quote.ts';
import type { OrderView, RunNewsReader } from './ports.ts';

export type QuoteDeps = { clock: Clock; runs: RunNewsReader; /** From which shift on a train's tickets are returned without a fee. */ free_delay_ms: number };

/** What would come back now. Changes nothing. */
export async function quoteRefund(deps: QuoteDeps & { view: OrderView }, order_id: string, item_ids: readonly string[]): Promise<Result<Quote>> {
  const order = await deps.view(order_id);
  return order.ok ? quoteNow(deps, order.value, item_ids) : order;
}

/** As quoteItems, with the order's runs that do not run. */
export async function quoteNow({ clock, runs, free_delay_ms }: QuoteDeps, order: OrderFacts, item_ids: readonly string[]): Promise<Result<Quote>> {
  const cancelled = await runs.cancelledOf([...new Set(order.items.map(({ run_id }) => run_id))]);
  return quoteItems(order, item_ids, clock.now_ms(), { cancelled, free_delay_ms });
}
