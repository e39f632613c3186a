/** Whether a stretch of a run can be bought now. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import type { Journey } from './order.ts';
import { SALE_WINDOW_DAYS } from './request.ts';

export type Stop = { index: number; station_id: string; name: string; arrival_ms?: number; departure_ms?: number; distance_m: number; sale_start_ms?: number };
export type SaleState = 'BEFORE' | 'OPEN' | 'CLOSED' | 'CANCELLED';
export type TrainRun = { run_id: string; train_no: string; service_date: string; stops: Stop[]; sale_start_ms?: number; sale_state: SaleState; /** The railway's newest word on it. */ revision?: number };

/** The stretch between two stations of a run. STOPS_NOT_ON_RUN when the train does not go that way. */
export function journeyOn(run: TrainRun, from_station_id: string, to_station_id: string): Result<Journey> {
  const from = run.stops.find((stop) => stop.station_id === from_station_id && stop.departure_ms !== undefined);
  const to = run.stops.find((stop) => stop.station_id === to_station_id && from !== undefined && stop.index > from.index);
  if (from?.departure_ms === undefined || to?.arrival_ms === undefined) return fail('STOPS_NOT_ON_RUN');
  return ok({
    run_id: run.run_id,
    train_no: run.train_no,
    service_date: run.service_date,
    from_station_id,
    to_station_id,
    from_index: from.index,
    to_index: to.index,
    departure_ms: from.departure_ms,
    arrival_ms: to.arrival_ms,
    from_station_name: from.name,
    to_station_name: to.name,
    distance_m: to.distance_m - from.distance_m,
    ...(run.revision === undefined ? {} : { revision: run.revision }),
  });
}

/** DATE_PAST, DATE_BEYOND_SALE_WINDOW, RUN_CANCELLED, SALE_NOT_OPEN or SALE_CLOSED; by the day of boarding in Asia/Shanghai. */
export function checkSale(run: TrainRun, journey: Journey, now_ms: number): Result<undefined> {
  const today = serviceDateAt(now_ms);
  const boarding_date = serviceDateAt(journey.departure_ms);
  if (boarding_date < today) return fail('DATE_PAST');
  if (boarding_date > addDays(today, SALE_WINDOW_DAYS)) return fail('DATE_BEYOND_SALE_WINDOW');
  if (run.sale_state === 'CANCELLED') return fail('RUN_CANCELLED');
  if (journey.departure_ms <= now_ms) return fail('SALE_CLOSED', { detail: 'the train has left' });
  // Each station has its own time of day at which sale begins; what a run says of itself is the earliest.
  const opens_in_ms = (run.stops.find(({ index }) => index === journey.from_index)?.sale_start_ms ?? run.sale_start_ms ?? 0) - now_ms;
  if (opens_in_ms > 0) return fail('SALE_NOT_OPEN', { retry_after_ms: opens_in_ms });
  if (run.sale_state === 'BEFORE') return fail('SALE_NOT_OPEN');
  return run.sale_state === 'CLOSED' ? fail('SALE_CLOSED') : ok(undefined);
}
