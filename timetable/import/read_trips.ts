import type { Archive } from './archive.ts';
import type { Problems } from './problems.ts';
import { readTable } from './table.ts';
import { Cells } from './values.ts';

/** A trip on rails, before its stops are known. */
export interface Trip {
  line: number;
  trip_id: string;
  train_no: string;
  service_id: string;
}

export interface TripsRead {
  trips: Map<string, Trip>;
  /** Trips of buses and ferries: their stop times are not looked at. */
  other_trips: Set<string>;
}

const ROUTES = 'routes.txt';
const TRIPS = 'trips.txt';
const FREQUENCIES = 'frequencies.txt';

interface Route {
  is_rail: boolean;
  route_short_name: string;
}

/** Reads routes.txt and trips.txt. Rail is route_type 2, or 100 to 117 of the extended types (101 high speed). */
export async function readTrips(
  archive: Archive,
  problems: Problems,
  service_ids: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<TripsRead> {
  const routes = await readRoutes(archive, problems, signal);
  const read: TripsRead = { trips: new Map(), other_trips: new Set() };
  const cells = new Cells(TRIPS, problems);
  await readTable(archive, TRIPS, problems, { required_columns: ['route_id', 'service_id', 'trip_id'], signal }, (row) => {
    const trip_id = cells.text(row, 'trip_id');
    const route_id = cells.text(row, 'route_id');
    const service_id = cells.text(row, 'service_id');
    if (trip_id === undefined || route_id === undefined || service_id === undefined) return;
    if (read.trips.has(trip_id) || read.other_trips.has(trip_id)) {
      problems.error(TRIPS, row.line, 'duplicate_id', `trip_id ${trip_id} appears twice`, 'trip_id');
      return;
    }
    const route = routes.get(route_id);
    if (route === undefined) problems.error(TRIPS, row.line, 'unknown_reference', `route_id ${route_id} does not exist`, 'route_id');
    if (!service_ids.has(service_id)) {
      problems.error(TRIPS, row.line, 'unknown_reference', `service_id ${service_id} does not exist`, 'service_id');
    }
    if (route?.is_rail === false) {
      read.other_trips.add(trip_id);
      return;
    }
    const train_no = [row.value('trip_short_name'), route?.route_short_name ?? '', trip_id].find((text) => text !== '')!;
    read.trips.set(trip_id, { line: row.line, trip_id, train_no, service_id });
  });
  if (read.trips.size === 0 && !problems.failed) problems.error(TRIPS, 0, 'no_trains', 'the feed has no trip on rails');
  if (archive.has(FREQUENCIES)) await refuseFrequencies(archive, problems, read.trips, signal);
  return read;
}

async function readRoutes(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<Map<string, Route>> {
  const routes = new Map<string, Route>();
  const cells = new Cells(ROUTES, problems);
  await readTable(archive, ROUTES, problems, { required_columns: ['route_id', 'route_type'], signal }, (row) => {
    const route_id = cells.text(row, 'route_id');
    const route_type = cells.integer(row, 'route_type', 0, 1799);
    if (route_id === undefined) return;
    if (routes.has(route_id)) problems.error(ROUTES, row.line, 'duplicate_id', `route_id ${route_id} appears twice`, 'route_id');
    const is_rail = route_type === undefined || route_type === 2 || (route_type >= 100 && route_type <= 117);
    if (!is_rail) problems.warn(ROUTES, row.line, 'not_rail', `route ${route_id} is not rail and is left out`, 'route_type');
    routes.set(route_id, { is_rail, route_short_name: row.value('route_short_name') });
  });
  return routes;
}

/** A train of a frequency has no number and no seats of its own: it cannot be sold. */
async function refuseFrequencies(archive: Archive, problems: Problems, trips: ReadonlyMap<string, Trip>, signal?: AbortSignal): Promise<void> {
  await readTable(archive, FREQUENCIES, problems, { required_columns: ['trip_id'], signal }, (row) => {
    if (!trips.has(row.value('trip_id'))) return;
    problems.error(FREQUENCIES, row.line, 'unsupported_frequencies', 'trains by frequency cannot be sold by seat', 'trip_id');
  });
}
