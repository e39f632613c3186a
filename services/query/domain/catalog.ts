import { addDays, isServiceDate, serviceTimeToEpoch_ms, toCompactDate, fromCompactDate } from '#kit/base/time.ts';
import { runsOn } from '../../../timetable/calendar.ts';
import type { Station, StopTime, Timetable, Train } from '../../../timetable/model.ts';
import type { RunOverlay, RunOverlays } from './run_changes.ts';
import { buildStationIndex, type StationIndex } from '../../../timetable/search/stations.ts';

/** A train on a service date; `train` as it runs on that day. */
export type Run = { run_id: string; train: Train; service_date: string; overlay?: RunOverlay };

/** A call of a train at a station. */
export type Call = { train: Train; index: number };

/** A timetable with everything that searches need to find, built once per version. */
export type Catalog = {
  timetable: Timetable;
  stations: ReadonlyMap<string, Station>;
  stations_of_city: ReadonlyMap<string, readonly Station[]>;
  calls_at: ReadonlyMap<string, readonly Call[]>;
  trains: ReadonlyMap<string, Train>;
  index: StationIndex;
  /** Runs that differ from the timetable by word of the railway. */
  overlays: RunOverlays;
  /** When this timetable became active. */
  revision: number;
};

/** The same timetable with other changes of runs: cheap, since nothing is searched by what may change. */
export function withOverlays(catalog: Catalog, overlays: RunOverlays): Catalog {
  return { ...catalog, overlays };
}

export function buildCatalog(timetable: Timetable, { overlays = new Map(), revision = 0 }: { overlays?: RunOverlays; revision?: number } = {}): Catalog {
  const calls_at = new Map<string, Call[]>();
  for (const train of timetable.trains) {
    for (const [index, stop] of train.stops.entries()) {
      const calls = calls_at.get(stop.station_id) ?? [];
      calls.push({ train, index });
      calls_at.set(stop.station_id, calls);
    }
  }
  return {
    timetable,
    stations: new Map(timetable.stations.map((station) => [station.station_id, station])),
    stations_of_city: Map.groupBy(timetable.stations, (station) => station.city_zh),
    calls_at,
    trains: new Map(timetable.trains.map((train) => [train.train_id, train])),
    index: buildStationIndex(timetable),
    overlays,
    revision,
  };
}

/** A train on a date on which it runs, as the railway says of that day. */
export function runOf(catalog: Pick<Catalog, 'overlays'>, train: Train, service_date: string): Run {
  const run_id = runId(train, service_date);
  const overlay = catalog.overlays.get(run_id);
  return overlay === undefined ? { run_id, train, service_date } : { run_id, train: overlay.train, service_date, overlay };
}

/** The greater revision is the newer word on the run. */
export function revisionOf(catalog: Pick<Catalog, 'revision'>, run: Run): number {
  return Math.max(catalog.revision, run.overlay?.revision ?? 0);
}

/** `<train_id>.<yyyymmdd>`. */
export function runId(train: Train, service_date: string): string {
  const ids = RUN_IDS.get(train) ?? new Map<string, string>();
  RUN_IDS.set(train, ids);
  const known = ids.get(service_date);
  if (known !== undefined) return known;
  const run_id = `${train.train_id}.${toCompactDate(service_date)}`;
  if (ids.size >= MAX_RUN_IDS) ids.clear();
  ids.set(service_date, run_id);
  return run_id;
}

/** Of the sale window and a little more. One text for all: looked up by it, a run's hash is known already. */
const MAX_RUN_IDS = 32;
const RUN_IDS = new WeakMap<Train, Map<string, string>>();

/** The run of an id; undefined when there is no such train or it does not run on that date. */
export function findRun(catalog: Catalog, run_id: string): Run | undefined {
  const dot = run_id.lastIndexOf('.');
  const train = catalog.trains.get(run_id.slice(0, Math.max(0, dot)));
  const service_date = fromCompactDate(run_id.slice(dot + 1));
  if (train === undefined || service_date === undefined || !isServiceDate(service_date)) return undefined;
  return runsOn(train.service, service_date) ? runOf(catalog, train, service_date) : undefined;
}

/** All runs of a service date. */
export function runsOfDate(catalog: Catalog, service_date: string): Run[] {
  return catalog.timetable.trains.filter((train) => runsOn(train.service, service_date)).map((train) => runOf(catalog, train, service_date));
}

/** The date on which a train must start to leave a stop on `date`: stops may lie a day or more later. */
export function serviceDateFor(stop: StopTime, date: string): string {
  return addDays(date, -Math.floor(stop.departure_s / 86_400));
}

export function departureMs(run: Run, index: number): number {
  return serviceTimeToEpoch_ms(run.service_date, run.train.stops[index]!.departure_s);
}

export function arrivalMs(run: Run, index: number): number {
  return serviceTimeToEpoch_ms(run.service_date, run.train.stops[index]!.arrival_s);
}
