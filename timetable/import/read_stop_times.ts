import { MAX_SEGMENTS_PER_TRAIN } from '../model.ts';
import type { Archive } from './archive.ts';
import { MAX_DWELL_S } from './limits.ts';
import type { Problems } from './problems.ts';
import type { TripsRead } from './read_trips.ts';
import { readTable, type Row } from './table.ts';
import { Cells } from './values.ts';

/** A row of stop_times.txt. Times may be left out between the ends, to be interpolated. */
export interface RawStop {
  line: number;
  station_id: string;
  sequence: number;
  arrival_s: number | undefined;
  departure_s: number | undefined;
  shape_distance: number | undefined;
}

/** A raw stop whose times are known. */
export interface TimedStop extends RawStop {
  arrival_s: number;
  departure_s: number;
}

export const STOP_TIMES = 'stop_times.txt';
const MAX_SEQUENCE = 1_000_000;
const MAX_SHAPE_DISTANCE = 1e9;

/** The stops of every trip in order of their sequence, checked one by one but not yet against each other. */
export async function readStopTimes(
  archive: Archive,
  problems: Problems,
  trips: TripsRead,
  station_of_stop: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<Map<string, RawStop[]>> {
  const cells = new Cells(STOP_TIMES, problems);
  const stops_of = new Map<string, RawStop[]>();
  const required_columns = ['trip_id', 'arrival_time', 'departure_time', 'stop_id', 'stop_sequence'];
  await readTable(archive, STOP_TIMES, problems, { required_columns, signal }, (row) => {
    const trip_id = cells.text(row, 'trip_id');
    if (trip_id === undefined || trips.other_trips.has(trip_id)) return;
    if (!trips.trips.has(trip_id)) {
      problems.error(STOP_TIMES, row.line, 'unknown_reference', `trip_id ${trip_id} does not exist`, 'trip_id');
      return;
    }
    const stop = readStop(row, cells, problems, station_of_stop);
    if (stop === undefined) return;
    const stops = stops_of.get(trip_id);
    if (stops === undefined) {
      stops_of.set(trip_id, [stop]);
      return;
    }
    stops.push(stop);
    // Reported once per train, when the first stop too many arrives.
    if (stops.length === MAX_SEGMENTS_PER_TRAIN + 2) {
      problems.error(STOP_TIMES, row.line, 'too_many_segments', `trip ${trip_id} has more than ${MAX_SEGMENTS_PER_TRAIN} segments`, 'trip_id');
    }
  });
  for (const stops of stops_of.values()) stops.sort((a, b) => a.sequence - b.sequence || a.line - b.line);
  return stops_of;
}

function readStop(row: Row, cells: Cells, problems: Problems, station_of_stop: ReadonlyMap<string, string>): RawStop | undefined {
  const optionalTime = (column: string): number | undefined => (row.value(column) === '' ? undefined : cells.time(row, column));
  const arrival_s = optionalTime('arrival_time');
  const departure_s = optionalTime('departure_time');
  const stop_id = cells.text(row, 'stop_id');
  const sequence = cells.integer(row, 'stop_sequence', 0, MAX_SEQUENCE);
  const shape_distance =
    row.value('shape_dist_traveled') === '' ? undefined : cells.decimal(row, 'shape_dist_traveled', 0, MAX_SHAPE_DISTANCE, 'bad_value');
  if (stop_id === undefined || sequence === undefined) return undefined;
  const station_id = station_of_stop.get(stop_id);
  if (station_id === undefined) {
    problems.error(STOP_TIMES, row.line, 'unknown_reference', `stop_id ${stop_id} does not exist`, 'stop_id');
    return undefined;
  }
  return { line: row.line, station_id, sequence, arrival_s: arrival_s ?? departure_s, departure_s: departure_s ?? arrival_s, shape_distance };
}

/**
 * Checks the stops of one trip against each other and fills times left out between the ends evenly.
 * Undefined when something was wrong, which has been reported.
 */
export function checkedStops(trip_id: string, stops: readonly RawStop[], problems: Problems): TimedStop[] | undefined {
  const errors_before = problems.errors.length;
  const fail = (stop: RawStop, code: Parameters<Problems['error']>[2], message: string, column: string): void =>
    problems.error(STOP_TIMES, stop.line, code, `trip ${trip_id}: ${message}`, column);
  const ends = [stops[0]!, stops.at(-1)!];
  for (const end of ends) {
    if (end.arrival_s === undefined) fail(end, 'missing_value', 'the first and last stop need times', 'arrival_time');
  }
  if (problems.errors.length > errors_before) return undefined;
  const timed = withTimes(stops, trip_id, problems);
  for (const [at, stop] of timed.entries()) {
    const before = timed[at - 1];
    if (stop.departure_s < stop.arrival_s) fail(stop, 'times_not_monotone', 'departure is before arrival', 'departure_time');
    if (stop.departure_s - stop.arrival_s > MAX_DWELL_S) {
      problems.warn(STOP_TIMES, stop.line, 'implausible_dwell', `trip ${trip_id}: the stop lasts longer than ${MAX_DWELL_S} s`, 'departure_time');
    }
    if (before === undefined) continue;
    if (stop.sequence === before.sequence) fail(stop, 'duplicate_sequence', `stop_sequence ${stop.sequence} appears twice`, 'stop_sequence');
    if (stop.arrival_s < before.departure_s) fail(stop, 'times_not_monotone', 'arrival is before the departure at the previous stop', 'arrival_time');
    if (stop.station_id === before.station_id) fail(stop, 'repeated_station', 'calls twice in a row at one station', 'stop_id');
    if (stop.shape_distance !== undefined && before.shape_distance !== undefined && stop.shape_distance <= before.shape_distance) {
      fail(stop, 'distance_not_monotone', 'shape_dist_traveled does not grow', 'shape_dist_traveled');
    }
  }
  // A full list no longer grows, so comparing lengths alone would let a bad train pass.
  return problems.errors.length > errors_before || problems.full ? undefined : timed;
}

function withTimes(stops: readonly RawStop[], trip_id: string, problems: Problems): TimedStop[] {
  const timed: TimedStop[] = [];
  let known = 0;
  for (const [at, stop] of stops.entries()) {
    if (stop.arrival_s !== undefined && stop.departure_s !== undefined) {
      known = at;
      timed.push({ ...stop, arrival_s: stop.arrival_s, departure_s: stop.departure_s });
      continue;
    }
    const next = stops.findIndex((later, later_at) => later_at > at && later.arrival_s !== undefined);
    const from_s = stops[known]!.departure_s!;
    const time_s = Math.round(from_s + ((stops[next]!.arrival_s! - from_s) * (at - known)) / (next - known));
    problems.warn(STOP_TIMES, stop.line, 'interpolated_time', `trip ${trip_id}: time between stops was filled in`, 'arrival_time');
    timed.push({ ...stop, arrival_s: time_s, departure_s: time_s });
  }
  return timed;
}
