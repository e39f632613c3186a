import { fail, ok, type Result } from '#kit/base/result.ts';
import { findRun, type Catalog, type Run } from '../domain/catalog.ts';
import type { Found } from '../domain/search.ts';

export function requireRun(catalog: Catalog, run_id: string): Result<Run> {
  const run = findRun(catalog, run_id);
  return run === undefined ? fail('TRAIN_RUN_NOT_FOUND', { metadata: { run_id: run_id.slice(0, 64) } }) : ok(run);
}

/** A stretch of a run by its stations. STATION_UNKNOWN, SAME_STATION, STOPS_NOT_ON_RUN. */
export function requireStretch(catalog: Catalog, run_id: string, from_station_id: string, to_station_id: string): Result<Found> {
  const run = requireRun(catalog, run_id);
  if (!run.ok) return run;
  for (const [field, station_id] of [['from_station_id', from_station_id], ['to_station_id', to_station_id]] as const) {
    if (!catalog.stations.has(station_id)) return fail('STATION_UNKNOWN', { metadata: { field } });
  }
  if (from_station_id === to_station_id) return fail('SAME_STATION');
  const from_index = run.value.train.stops.findIndex((stop) => stop.station_id === from_station_id);
  const to_index = run.value.train.stops.findIndex((stop, index) => index > from_index && stop.station_id === to_station_id);
  if (from_index < 0 || to_index < 0) return fail('STOPS_NOT_ON_RUN');
  return ok({ run: run.value, from_index, to_index });
}
