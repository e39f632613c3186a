import type { OrderItem } from './quote.ts';

/** What is told of a run at a revision; a later one is greater. The orders had places on it. */
export type RunCancelledNews = { run_id: string; revision: bigint; reason_zh: string; reason_en: string; order_ids: readonly string[] };

/** Runs that the railway does not run. */
export type CancelledRuns = ReadonlySet<string>;

/**
 * From this on a ticket is returned without a fee, where an operator sets no other (AFTERSALES_FREE_DELAY_MS): 《铁路旅客运输规程》
 * names no number of minutes. It is offered, not done: most people still want to travel.
 */
export const FREE_DELAY_MS = 30 * 60_000;

/** How far the train is from what was ordered: leaving earlier or later, or arriving later, whichever is most. */
export function shiftOf({ departure_ms, arrival_ms, departs_ms, arrives_ms }: Pick<OrderItem, 'departure_ms' | 'arrival_ms' | 'departs_ms' | 'arrives_ms'>): number {
  return Math.max(Math.abs(departs_ms - departure_ms), arrives_ms - arrival_ms);
}
