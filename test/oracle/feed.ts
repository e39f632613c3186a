// What a railway's raw GTFS files say, worked out anew from the written rules for what feeds lack (timetable/rules): no code of
// the query service and none of the importer. Only the city of a station whose feed names none is taken from the gazetteer,
// since there is nothing to work it out from.
import { cityOf } from '../../timetable/rules/city.ts';
import { readTables, type Row } from './csv.ts';
import { textOf, weekdayOf } from './days.ts';

export type Place = { station_id: string; name: string; city: string; lat: number; lon: number };

/** Seconds since midnight of the day on which the trip starts; metres from there. */
export type Call = { station_id: string; arrive_s: number; leave_s: number; metres: number };

export type Trip = {
  trip_id: string;
  train_no: string;
  /** G, D, C, Z, T, K or other. */
  letter: string;
  calls: readonly Call[];
  /** Classes on board, by the words of the timetable. */
  classes: readonly string[];
  runsOn: (day: number) => boolean;
};

export type Feed = { places: ReadonlyMap<string, Place>; trips: readonly Trip[]; trips_at: ReadonlyMap<string, readonly Trip[]> };

export async function readFeed(zip: Uint8Array): Promise<Feed> {
  const tables = await readTables(zip);
  const rows = (file: string): Row[] => tables.get(file) ?? [];
  const places = placesOf(rows);
  const calls = callsOf(rows('stop_times.txt'), places);
  const days = calendarOf(rows);
  const rail = new Map(rows('routes.txt').map((route) => [route['route_id']!, isRail(Number(route['route_type']))]));
  const numbers = new Map(rows('routes.txt').map((route) => [route['route_id']!, route['route_short_name'] ?? '']));
  const extras = new Map(rows('chunyun_trains.txt').map((row) => [row['trip_id']!, row]));
  const consists = Map.groupBy(rows('chunyun_coaches.txt'), (row) => row['consist_id']!);
  const trips = rows('trips.txt').filter((trip) => rail.get(trip['route_id']!) === true).map((trip): Trip => {
    const trip_id = trip['trip_id']!;
    const train_no = [trip['trip_short_name'], numbers.get(trip['route_id']!), trip_id].find((text) => text !== undefined && text !== '')!;
    const extra = extras.get(trip_id);
    const own_calls = calls.get(trip_id)!;
    const letter = extra?.['train_type'] ?? letterOf(train_no);
    const classes = extra === undefined ? classesByRule(letter, own_calls) : classesOf(consists.get(extra['consist_id']!)!, Number(extra['standing_capacity']));
    return { trip_id, train_no, letter, calls: own_calls, classes, runsOn: days.get(trip['service_id']!)! };
  });
  const trips_at = new Map<string, Trip[]>();
  for (const trip of trips) for (const { station_id } of trip.calls) trips_at.set(station_id, [...(trips_at.get(station_id) ?? []), trip]);
  return { places, trips, trips_at };
}

type Rows = (file: string) => Row[];

function placesOf(rows: Rows): Map<string, Place> {
  const cities = new Map(rows('chunyun_stations.txt').map((row) => [row['stop_id']!, row['city_zh']!]));
  const places = new Map<string, Place>();
  for (const stop of rows('stops.txt')) {
    if ((stop['parent_station'] ?? '') !== '') throw new Error('the oracle knows no platforms');
    const [station_id, name] = [stop['stop_id']!, stop['stop_name']!];
    places.set(station_id, { station_id, name, city: cities.get(station_id) ?? cityOf(name), lat: Number(stop['stop_lat']), lon: Number(stop['stop_lon']) });
  }
  return places;
}

function callsOf(stop_times: readonly Row[], places: ReadonlyMap<string, Place>): Map<string, Call[]> {
  const by_trip = Map.groupBy(stop_times, (row) => row['trip_id']!);
  return new Map([...by_trip].map(([trip_id, rows]) => {
    const sorted = rows.toSorted((a, b) => Number(a['stop_sequence']) - Number(b['stop_sequence']));
    const calls: Call[] = [];
    for (const row of sorted) {
      const call = { station_id: row['stop_id']!, arrive_s: secondsOf(row['arrival_time']!), leave_s: secondsOf(row['departure_time']!), metres: 0 };
      const before = calls.at(-1);
      calls.push(before === undefined ? call : { ...call, metres: Math.max(printedMetres(row, sorted[0]!) ?? before.metres + guessedMetres(before, call, places), before.metres + 1000) });
    }
    return [trip_id, calls];
  }));
}

/** Our own feeds are in metres; others have none. */
function printedMetres(row: Row, first: Row): number | undefined {
  const [here, start] = [row['shape_dist_traveled'] ?? '', first['shape_dist_traveled'] ?? ''];
  return here === '' || start === '' ? undefined : Math.round(Number(here) - Number(start));
}

/** A line is 1.12 times as long as the great circle, but no train is faster than 350 km/h. */
function guessedMetres(from: Call, to: Call, places: ReadonlyMap<string, Place>): number {
  const line_m = 1.12 * metresBetween(places.get(from.station_id)!, places.get(to.station_id)!);
  const fastest_m = (Math.max(60, to.arrive_s - from.leave_s) * 350) / 3.6;
  return Math.max(1000, Math.round(Math.min(line_m, fastest_m)));
}

/** Along a great circle of a globe of 6,371 km (haversine). */
export function metresBetween(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const half = (degrees: number): number => Math.sin((degrees * Math.PI) / 360) ** 2;
  const chord = half(b.lat - a.lat) + Math.cos((a.lat * Math.PI) / 180) * Math.cos((b.lat * Math.PI) / 180) * half(b.lon - a.lon);
  return 2 * 6_371_000 * Math.asin(Math.sqrt(Math.min(1, chord)));
}

function secondsOf(time: string): number {
  const [hours, minutes, seconds] = time.split(':').map(Number);
  if (hours === undefined || minutes === undefined || seconds === undefined) throw new Error(`the oracle fills in no times: "${time}"`);
  return hours * 3600 + minutes * 60 + seconds;
}

const WEEK = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

function calendarOf(rows: Rows): Map<string, (day: number) => boolean> {
  const weeks = new Map(rows('calendar.txt').map((row) => [row['service_id']!, row]));
  const exceptions = new Map(rows('calendar_dates.txt').map((row) => [`${row['service_id']} ${row['date']}`, row['exception_type']]));
  const services = new Set([...weeks.keys(), ...rows('calendar_dates.txt').map((row) => row['service_id']!)]);
  return new Map([...services].map((service_id) => [service_id, (day) => {
    const date = textOf(day);
    const exception = exceptions.get(`${service_id} ${date}`);
    if (exception !== undefined) return exception === '1';
    const week = weeks.get(service_id);
    return week !== undefined && week['start_date']! <= date && date <= week['end_date']! && week[WEEK[weekdayOf(day)]!] === '1';
  }]));
}

function isRail(route_type: number): boolean {
  return route_type === 2 || (route_type >= 100 && route_type <= 117);
}

function letterOf(train_no: string): string {
  return /^[GDCZTK](?=\d)/.exec(train_no)?.[0] ?? 'other';
}

function classesOf(coaches: readonly Row[], standing: number): string[] {
  return [...new Set(coaches.map((coach) => coach['seat_class']!)), ...(standing > 0 ? ['standing'] : [])];
}

/** What trains of a type are made of where the feed says nothing. */
function classesByRule(letter: string, calls: readonly Call[]): string[] {
  if (letter === 'D') {
    const is_night_train = calls[0]!.leave_s >= 18 * 3600 && calls.at(-1)!.arrive_s >= 28 * 3600;
    return is_night_train ? ['second', 'soft_sleeper'] : ['first', 'second', 'standing'];
  }
  const table: Record<string, string> = {
    G: 'business first second', C: 'first second standing', Z: 'hard_seat soft_sleeper hard_sleeper standing',
    T: 'hard_seat soft_seat soft_sleeper hard_sleeper standing', K: 'hard_seat soft_sleeper hard_sleeper standing', other: 'hard_seat standing',
  };
  return table[letter]!.split(' ');
}
