import { addDays } from '#kit/base/time.ts';
import type { Station, Train } from '../../../timetable/model.ts';
import { MAX_CONNECTION_MIN, minConnectionMin, SAME_STATION_MIN } from '../../../timetable/rules/connection.ts';
import { findRun, runId, type Catalog, type Run } from './catalog.ts';
import type { Found } from './search.ts';

/** A ride, in seconds since midnight of the asked date in Asia/Shanghai. */
export type Leg = Found & { departure_s: number; arrival_s: number };

/** Two rides that connect. */
export type Connection<L extends Leg = Leg> = { first: L; second: L; connection_s: number; min_connection_s: number };

export type Ends = { from: readonly Station[]; to: readonly Station[]; date: string };

/** Pairs looked at for one first ride: more trains than that do not leave a city in the time that one waits. */
const MAX_SECONDS = 2000;
const DAY_S = 86_400;

/** Rides that leave one of `from` on the date, to every place where one could change, none of them passing an end on the way. */
export function firstLegs(catalog: Catalog, ends: Ends): Leg[] {
  const search = prepared(catalog, ends);
  return trainsAt(catalog, ends.from).flatMap((train) => {
    const legs: Leg[] = [];
    let board = -1;
    for (const [index, { station_id }] of train.stops.entries()) {
      if (search.from_ids.has(station_id)) board = index;
      else if (board >= 0 && search.to_ids.has(station_id)) break;
      else if (board >= 0 && search.mayChangeAt(station_id)) legs.push(...search.legsOn(train, board, index, 0, 0));
    }
    return legs;
  });
}

/** Rides to one of `to` that leave where one could change, from the first arrival there until nobody would wait any more; by city, in order of departure. */
export function secondLegs(catalog: Catalog, ends: Ends, firsts: readonly Leg[]): Map<string, Leg[]> {
  const search = prepared(catalog, ends);
  const last_day = firsts.reduce((last, { arrival_s }) => Math.max(last, Math.floor((arrival_s + MAX_CONNECTION_MIN * 60) / DAY_S)), 0);
  const reached = new Set(firsts.map((leg) => cityOf(catalog, leg.run.train, leg.to_index)));
  const by_city = new Map<string, Leg[]>();
  const add = (city: string, legs: readonly Leg[]): void => {
    const known = by_city.get(city);
    if (known === undefined) by_city.set(city, [...legs]);
    else known.push(...legs);
  };
  for (const train of trainsAt(catalog, ends.to)) {
    let alight = -1;
    for (let index = train.stops.length - 1; index >= 0; index -= 1) {
      const { station_id } = train.stops[index]!;
      const city = cityOf(catalog, train, index);
      if (search.to_ids.has(station_id)) alight = index;
      else if (search.from_ids.has(station_id)) alight = -1;
      else if (alight >= 0 && reached.has(city) && search.mayChangeAt(station_id)) add(city, search.legsOn(train, index, alight, 0, last_day));
    }
  }
  for (const legs of by_city.values()) legs.sort((a, b) => a.departure_s - b.departure_s);
  return by_city;
}

/** Every second ride that can be reached after a first one; `asked_min` is how long one wants to have at least, in minutes. */
export function connectionsOf<L extends Leg>(catalog: Catalog, first: L, by_city: ReadonlyMap<string, readonly L[]>, asked_min: number): Connection<L>[] {
  const seconds = by_city.get(cityOf(catalog, first.run.train, first.to_index)) ?? [];
  const found: Connection<L>[] = [];
  const arrival = catalog.stations.get(first.run.train.stops[first.to_index]!.station_id)!;
  const earliest_s = first.arrival_s + Math.max(asked_min, SAME_STATION_MIN) * 60;
  for (let at = firstFrom(seconds, earliest_s); at < seconds.length && found.length < MAX_SECONDS; at += 1) {
    const second = seconds[at]!;
    const connection_s = second.departure_s - first.arrival_s;
    if (connection_s > MAX_CONNECTION_MIN * 60) break;
    if (second.run.run_id === first.run.run_id) continue;
    const departure = catalog.stations.get(second.run.train.stops[second.from_index]!.station_id)!;
    const min_connection_s = Math.max(asked_min, minConnectionMin(arrival, departure)) * 60;
    if (connection_s >= min_connection_s) found.push({ first, second, connection_s, min_connection_s });
  }
  return found;
}

/** What is the same for all trains of a search. Who changes in a city where the journey begins or ends could as well have chosen the whole city. */
function prepared(catalog: Catalog, { from, to, date }: Ends) {
  const end_cities = new Set([...from, ...to].map((station) => station.city_zh));
  const runOn = runsAround(catalog, date);
  return {
    from_ids: new Set(from.map((station) => station.station_id)),
    to_ids: new Set(to.map((station) => station.station_id)),
    mayChangeAt: (station_id: string) => !end_cities.has(catalog.stations.get(station_id)!.city_zh),
    /** The ride on each day, counted from the asked date, on which it is boarded and the train runs. */
    legsOn: (train: Train, from_index: number, to_index: number, first_day: number, last_day: number): Leg[] => {
      const days_later = Math.floor(train.stops[from_index]!.departure_s / DAY_S);
      const legs: Leg[] = [];
      for (let day = first_day - days_later; day <= last_day - days_later; day += 1) {
        const run = runOn(train, day);
        if (run === undefined) continue;
        const [board, alight] = [run.train.stops[from_index]!, run.train.stops[to_index]!];
        legs.push({ run, from_index, to_index, departure_s: day * DAY_S + board.departure_s, arrival_s: day * DAY_S + alight.arrival_s });
      }
      return legs;
    },
  };
}

/** The run of a train on a day counted from a date, each looked up once: all rides on it share it. */
function runsAround(catalog: Catalog, date: string): (train: Train, day: number) => Run | undefined {
  const days = new Map<number, { service_date: string; runs: Map<Train, Run | undefined> }>();
  return (train, day) => {
    const known = days.get(day) ?? { service_date: addDays(date, day), runs: new Map() };
    days.set(day, known);
    if (!known.runs.has(train)) known.runs.set(train, findRun(catalog, runId(train, known.service_date)));
    return known.runs.get(train);
  };
}

function trainsAt(catalog: Catalog, stations: readonly Station[]): Train[] {
  return [...new Set(stations.flatMap(({ station_id }) => (catalog.calls_at.get(station_id) ?? []).map(({ train }) => train)))];
}

function cityOf(catalog: Catalog, train: Train, index: number): string {
  return catalog.stations.get(train.stops[index]!.station_id)!.city_zh;
}

/** Position of the first ride that leaves at `time_s` or later. */
function firstFrom(legs: readonly Leg[], time_s: number): number {
  let [low, high] = [0, legs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (legs[middle]!.departure_s < time_s) low = middle + 1;
    else high = middle;
  }
  return low;
}
