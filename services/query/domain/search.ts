import type { Station, Train } from '../../../timetable/model.ts';
import { runsOn } from '../../../timetable/calendar.ts';
import { runId, serviceDateFor, type Catalog, type Run } from './catalog.ts';

/** A stretch of a run that answers a search. */
export type Found = { run: Run; from_index: number; to_index: number };

/**
 * Direct trains that leave one of `from` on `date` (Asia/Shanghai) and call later at one of `to`. Each train once: it is
 * boarded at the last of `from` before the first of `to`, the shortest ride.
 */
export function searchDirect(catalog: Catalog, from: readonly Station[], to: readonly Station[], date: string): Found[] {
  const from_ids = new Set(from.map((station) => station.station_id));
  const to_ids = new Set(to.map((station) => station.station_id));
  const seen = new Set<Train>();
  const found: Found[] = [];
  for (const station of from) {
    for (const { train } of catalog.calls_at.get(station.station_id) ?? []) {
      if (seen.has(train)) continue;
      seen.add(train);
      const stretch = shortestRide(train, from_ids, to_ids);
      if (stretch === undefined) continue;
      const service_date = serviceDateFor(train.stops[stretch.from_index]!, date);
      if (!runsOn(train.service, service_date)) continue;
      found.push({ run: { run_id: runId(train, service_date), train, service_date }, ...stretch });
    }
  }
  return found;
}

function shortestRide(train: Train, from_ids: ReadonlySet<string>, to_ids: ReadonlySet<string>): { from_index: number; to_index: number } | undefined {
  let from_index = -1;
  for (const [index, stop] of train.stops.entries()) {
    if (from_index >= 0 && to_ids.has(stop.station_id)) return { from_index, to_index: index };
    if (from_ids.has(stop.station_id)) from_index = index;
  }
  return undefined;
}
