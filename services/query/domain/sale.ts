import { fail, ok, type Result } from '#kit/base/result.ts';
import { addDays, DAY_MS, isServiceDate, serviceDateAt, serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { saleTimeMin } from '../../../timetable/rules/sale_times.ts';
import { departureMs, type Run } from './catalog.ts';

/** Tickets are sold for today and the fourteen days after it (12306: 预售期 15 天 incl. today). */
export const SALE_WINDOW_DAYS = 14;

export type SaleState = 'BEFORE' | 'OPEN' | 'CLOSED' | 'CANCELLED';

/** DATE_PAST, DATE_BEYOND_SALE_WINDOW or FIELD_INVALID; dates are those of Asia/Shanghai. */
export function checkTravelDate(date: string, now_ms: number): Result<void> {
  if (!isServiceDate(date)) return fail('FIELD_INVALID', { detail: 'must be YYYY-MM-DD', metadata: { field: 'date' } });
  const today = serviceDateAt(now_ms);
  if (date < today) return fail('DATE_PAST', { metadata: { date } });
  if (date > addDays(today, SALE_WINDOW_DAYS)) return fail('DATE_BEYOND_SALE_WINDOW', { metadata: { date, last: addDays(today, SALE_WINDOW_DAYS) } });
  return ok(undefined);
}

/** The day on which the run leaves a stop, in Asia/Shanghai: what a traveller calls the date of travel. */
export function boardingDate(run: Run, index: number): string {
  return addDays(run.service_date, Math.floor(run.train.stops[index]!.departure_s / 86_400));
}

/** When sale begins for who boards at a stop: on the first day of the window of the day of boarding, at the station's own time. */
export function saleStartMs(run: Run, index: number): number {
  const { station_id, departure_s } = run.train.stops[index]!;
  const first_day = Math.floor(departure_s / 86_400) - SALE_WINDOW_DAYS;
  return serviceTimeToEpoch_ms(run.service_date, 0) + first_day * DAY_MS + saleTimeMin(station_id) * 60_000;
}

/** When the first stretch of the run can be bought. */
export function firstSaleStartMs(run: Run): number {
  return Math.min(...run.train.stops.slice(0, -1).map((_, index) => saleStartMs(run, index)));
}

/** Whether the stretch that begins at `from_index` can be bought at all; `known_open` is what inventory says of the run. */
export function saleStateOf(run: Run, from_index: number, now_ms: number, known_open: boolean | undefined): SaleState {
  if (run.overlay?.cancelled === true) return 'CANCELLED';
  if (departureMs(run, from_index) <= now_ms) return 'CLOSED';
  if (saleStartMs(run, from_index) > now_ms || known_open === undefined) return 'BEFORE';
  return known_open ? 'OPEN' : 'CLOSED';
}

/** Whether any stretch of the run can be bought: sale begins with the first station's that opens, and ends when the train leaves its last but one. */
export function saleStateOfRun(run: Run, now_ms: number, known_open: boolean | undefined): SaleState {
  if (run.overlay?.cancelled === true) return 'CANCELLED';
  if (departureMs(run, run.train.stops.length - 2) <= now_ms) return 'CLOSED';
  if (firstSaleStartMs(run) > now_ms || known_open === undefined) return 'BEFORE';
  return known_open ? 'OPEN' : 'CLOSED';
}
