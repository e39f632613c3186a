import { fail, ok, type Result } from '#kit/base/result.ts';
import { addDays, isServiceDate, serviceDateAt, serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { departureMs, type Run } from './catalog.ts';

/** Tickets are sold for today and the fourteen days after it (12306: 预售期 15 天 incl. today). */
export const SALE_WINDOW_DAYS = 14;

export type SaleState = 'BEFORE' | 'OPEN' | 'CLOSED';

/** DATE_PAST, DATE_BEYOND_SALE_WINDOW or FIELD_INVALID; dates are those of Asia/Shanghai. */
export function checkTravelDate(date: string, now_ms: number): Result<void> {
  if (!isServiceDate(date)) return fail('FIELD_INVALID', { detail: 'must be YYYY-MM-DD', metadata: { field: 'date' } });
  const today = serviceDateAt(now_ms);
  if (date < today) return fail('DATE_PAST', { metadata: { date } });
  if (date > addDays(today, SALE_WINDOW_DAYS)) return fail('DATE_BEYOND_SALE_WINDOW', { metadata: { date, last: addDays(today, SALE_WINDOW_DAYS) } });
  return ok(undefined);
}

/** The first moment of the sale window of a run, by its service date. */
export function saleStartMs(run: Run): number {
  return serviceTimeToEpoch_ms(addDays(run.service_date, -SALE_WINDOW_DAYS), 0);
}

/** Whether the stretch that begins at `from_index` can be bought at all; `known_open` is what inventory says of the run. */
export function saleStateOf(run: Run, from_index: number, now_ms: number, known_open: boolean | undefined): SaleState {
  if (departureMs(run, from_index) <= now_ms) return 'CLOSED';
  if (saleStartMs(run) > now_ms || known_open === undefined) return 'BEFORE';
  return known_open ? 'OPEN' : 'CLOSED';
}
