import type { Clock } from '#kit/base/clock.ts';
import { openingAt, type SaleOpening } from '#kit/base/openings.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { SALE_WINDOW_DAYS } from '../domain/sale.ts';

/** How long before an opening answers begin to be made. */
const LEAD_MS = 120_000;

export type WarmUpDeps = {
  openings: () => readonly SaleOpening[];
  clock: Clock;
  /** Makes the answers of what is asked most, for a date of travel. */
  ask: (date: string) => Promise<void>;
};

/**
 * Before a declared opening: answers what people ask most, for the date that goes on sale, so that the crowd finds answers
 * and code that are warm (requirements 4.1, 6.3: 高峰前完成缓存预热). Repeated until the opening, since nothing is kept for longer
 * than twenty seconds. True when it is time.
 */
export async function warmUp({ openings, clock, ask }: WarmUpDeps): Promise<boolean> {
  const now_ms = clock.now_ms();
  const opening = openingAt(openings(), now_ms, LEAD_MS);
  if (opening === undefined || opening.start_ms <= now_ms) return false;
  // Until midnight the date of a sale that opens at midnight cannot be asked for: then the last one that can.
  await ask(addDays(serviceDateAt(now_ms), SALE_WINDOW_DAYS));
  return true;
}
