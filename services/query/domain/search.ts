import type { Station } from '../../../timetable/model.ts';
import { runsOn } from '../../../timetable/calendar.ts';
import { runOf, serviceDateFor, type Catalog, type Run } from './catalog.ts';
import { ridesBetween } from './rides.ts';

/** A stretch of a run that answers a search. */
export type Found = { run: Run; from_index: number; to_index: number };

/**
 * Direct trains that leave one of `from` on `date` (Asia/Shanghai) and call later at one of `to`. Each train once: it is
 * boarded at the last of `from` before the first of `to`, the shortest ride.
 */
export function searchDirect(catalog: Catalog, from: readonly Station[], to: readonly Station[], date: string): Found[] {
  const found: Found[] = [];
  for (const { train, from_index, to_index } of ridesBetween(catalog.calls_at, from, to)) {
    const service_date = serviceDateFor(train.stops[from_index]!, date);
    if (runsOn(train.service, service_date)) found.push({ run: runOf(catalog, train, service_date), from_index, to_index });
  }
  return found;
}
