import { serviceSpan } from '../calendar.ts';
import { timetableOf } from '../checksum.ts';
import type { FeedInfo, ServiceCalendar, Station, Timetable, Train } from '../model.ts';
import { consistFor } from '../rules/coaches.ts';
import { trainTypeOf } from '../rules/train_type.ts';
import { ARCHIVE, openArchive, type Archive } from './archive.ts';
import { distancesOf, shapeUnitM } from './distances.ts';
import { Problems, type FeedProblem } from './problems.ts';
import { checkFares, readTrainExtras, type TrainExtra } from './read_coaches.ts';
import { checkAgencies, readFeedInfo } from './read_feed_info.ts';
import { readServices } from './read_services.ts';
import { readStations } from './read_stations.ts';
import { checkedStops, readStopTimes, type RawStop, type TimedStop } from './read_stop_times.ts';
import { readTrips, type Trip } from './read_trips.ts';

export type ImportResult =
  | { ok: true; value: Timetable; warnings: FeedProblem[] }
  | { ok: false; errors: FeedProblem[]; warnings: FeedProblem[] };

export interface ImportOptions {
  /** The deadline of the caller; an aborted import answers with the error `cancelled`. */
  signal?: AbortSignal;
}

const REQUIRED_FILES = ['agency.txt', 'stops.txt', 'routes.txt', 'trips.txt', 'stop_times.txt'];

/**
 * Reads a GTFS zip, given by path or as bytes, into a timetable. A feed with any error is refused whole; the errors
 * say file, line and column, at most `MAX_ERRORS` of them. Never throws for what a feed contains.
 * What the feed lacks (train type, coaches, distances, cities, readings) comes from `rules/`.
 */
export async function importFeed(source: string | Uint8Array, options: ImportOptions = {}): Promise<ImportResult> {
  const problems = new Problems();
  const archive = await openArchive(source, problems);
  if (archive === undefined) return refused(problems);
  try {
    const timetable = await readFeed(archive, problems, options.signal);
    if (timetable === undefined || problems.failed) return refused(problems);
    return { ok: true, value: timetable, warnings: problems.warnings };
  } finally {
    archive.close();
  }
}

function refused(problems: Problems): ImportResult {
  return { ok: false, errors: problems.errors, warnings: problems.warnings };
}

async function readFeed(archive: Archive, problems: Problems, signal: AbortSignal | undefined): Promise<Timetable | undefined> {
  if (signal?.aborted === true) problems.error(ARCHIVE, 0, 'cancelled', 'the import was cancelled');
  for (const file of REQUIRED_FILES) {
    if (!archive.has(file)) problems.error(file, 0, 'missing_file', `${file} is not in the feed`);
  }
  if (problems.failed) return undefined;
  await checkAgencies(archive, problems, signal);
  const feed = await readFeedInfo(archive, problems, signal);
  const { stations, station_of_stop } = await readStations(archive, problems, signal);
  const services = await readServices(archive, problems, signal);
  // References into a file that could not be read at all would each be a problem; the first one says enough.
  if (problems.errors.some((error) => FATAL.has(error.code))) return undefined;
  const trips = await readTrips(archive, problems, new Set(services.keys()), signal);
  if (problems.errors.some((error) => FATAL.has(error.code))) return undefined;
  const extras = await readTrainExtras(archive, problems, trips, signal);
  await checkFares(archive, problems, signal);
  const raw_stops = await readStopTimes(archive, problems, trips, station_of_stop, signal);
  const timed_stops = checkTrips(trips.trips, raw_stops, problems);
  if (problems.failed) return undefined;
  const trains = buildTrains(trips.trips, timed_stops, { stations, services, extras }, problems);
  const filled = withDates(feed, trains);
  if (filled === undefined) {
    problems.error('trips.txt', 0, 'no_service_days', 'no train runs on any day');
    return undefined;
  }
  return timetableOf(filled, servedStations(trains, stations), trains);
}

const FATAL: ReadonlySet<string> = new Set([
  'corrupt_zip', 'cancelled', 'missing_file', 'empty_file', 'missing_column', 'duplicate_column', 'bad_csv', 'too_many_rows',
]);

function checkTrips(trips: ReadonlyMap<string, Trip>, raw_stops: ReadonlyMap<string, RawStop[]>, problems: Problems): Map<string, TimedStop[]> {
  const timed = new Map<string, TimedStop[]>();
  for (const trip of trips.values()) {
    if (problems.full) break;
    const stops = raw_stops.get(trip.trip_id) ?? [];
    if (stops.length < 2) {
      problems.error('trips.txt', trip.line, 'too_few_stops', `trip ${trip.trip_id} has ${stops.length} usable stops, needs two`, 'trip_id');
      continue;
    }
    const checked = checkedStops(trip.trip_id, stops, problems);
    if (checked !== undefined) timed.set(trip.trip_id, checked);
  }
  return timed;
}

interface Parts {
  stations: ReadonlyMap<string, Station>;
  services: ReadonlyMap<string, ServiceCalendar>;
  extras: ReadonlyMap<string, TrainExtra>;
}

function buildTrains(trips: ReadonlyMap<string, Trip>, timed: ReadonlyMap<string, TimedStop[]>, parts: Parts, problems: Problems): Train[] {
  const unit_m = shapeUnitM(timed.values(), parts.stations);
  const trains: Train[] = [];
  for (const trip of trips.values()) {
    const raw = timed.get(trip.trip_id)!;
    const distances = distancesOf(raw, parts.stations, unit_m, problems);
    const stops = raw.map(({ station_id, arrival_s, departure_s }, at) => ({
      station_id, stop_sequence: at, arrival_s, departure_s, distance_m: distances[at]!,
    }));
    const extra = parts.extras.get(trip.trip_id);
    const train_type = extra?.train_type ?? trainTypeOf(trip.train_no);
    if (extra === undefined && parts.extras.size > 0) {
      problems.warn('trips.txt', trip.line, 'no_coaches', `trip ${trip.trip_id} has no coaches in the feed; the rule's were taken`);
    }
    const { coaches, standing_capacity } = extra ?? consistFor(train_type, stops);
    const service = parts.services.get(trip.service_id)!;
    trains.push({ train_id: trip.trip_id, train_no: trip.train_no, train_type, stops, coaches, standing_capacity, service });
  }
  return trains;
}

function servedStations(trains: readonly Train[], stations: ReadonlyMap<string, Station>): Station[] {
  const served = new Set(trains.flatMap((train) => train.stops.map((stop) => stop.station_id)));
  return [...served].map((station_id) => stations.get(station_id)!);
}

/** The feed's own dates, or the first and last day any train runs; undefined if none ever does. */
function withDates(feed: FeedInfo, trains: readonly Train[]): FeedInfo | undefined {
  const services = new Set(trains.map((train) => train.service));
  const spans = [...services].map(serviceSpan).filter((span) => span !== undefined);
  if (spans.length === 0) return undefined;
  const first = spans.map((span) => span.first).toSorted()[0]!;
  const last = spans.map((span) => span.last).toSorted().at(-1)!;
  return { ...feed, start_date: feed.start_date === '' ? first : feed.start_date, end_date: feed.end_date === '' ? last : feed.end_date };
}
