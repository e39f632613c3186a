// Every journey with one change that answers a question, found by looking at every pair of rides, and a judgement of an answer:
// nothing invented, nothing listed that another betters, nothing left out that no listed one equals or betters.
import { ACROSS_CITY_MIN_PER_KM, MAX_CONNECTION_MIN, OTHER_STATION_MIN, SAME_STATION_MIN } from '../../timetable/rules/connection.ts';
import { clockAt, dayOf, instantMs } from './days.ts';
import { askedOf, endOf, expectedOf, fits, inHours, runIdOf, tripsAt, waysOn, type Expected, type StockOf, type Way } from './direct.ts';
import { metresBetween, type Feed, type Trip } from './feed.ts';
import type { Question } from './question.ts';

export type Pair = { first: Expected; second: Expected; first_trip: Trip; second_trip: Trip; wait_s: number; least_s: number; fare_fen: number; available: boolean };

type Ride = Way & { leave_ms: number; arrive_ms: number; expected: () => Expected };

/** Every pair that connects, in no order; `asked_min` is the least time between trains that the question wants. */
export function pairsOf(feed: Feed, stockOf: StockOf, question: Question, now_ms: number, asked_min: number): Pair[] {
  const [from, to] = [endOf(feed, question, 'from'), endOf(feed, question, 'to')];
  const end_cities = new Set([...from, ...to].map((station_id) => feed.places.get(station_id)!.city));
  const isBetween = (trip: Trip, at: number): boolean => !end_cities.has(cityAt(feed, trip, at));
  const isEnd = (trip: Trip, at: number): boolean => from.has(trip.calls[at]!.station_id) || to.has(trip.calls[at]!.station_id);
  const ridesOn = (trip: Trip, board: number, alight: number, day: number): Ride[] => waysOn(trip, board, alight, day).map((way) => rideOf(way, stockOf, question, now_ms));
  const day = dayOf(question.date);
  const firsts = tripsAt(feed, from).flatMap((trip) => steps(trip).flatMap(([i, j]) => {
    const passes_end = trip.calls.some((_, at) => at > i && at <= j && isEnd(trip, at));
    return from.has(trip.calls[i]!.station_id) && isBetween(trip, j) && !passes_end ? ridesOn(trip, i, j, day) : [];
  })).filter(({ leave_ms }) => inHours(question.leaving, leave_ms));
  const last_day = Math.max(day, ...firsts.map(({ arrive_ms }) => clockAt(arrive_ms + MAX_CONNECTION_MIN * 60_000).day));
  const seconds = Map.groupBy(
    tripsAt(feed, to).flatMap((trip) => steps(trip).flatMap(([k, l]) => {
      const passes_end = trip.calls.some((_, at) => at >= k && at < l && isEnd(trip, at));
      if (!to.has(trip.calls[l]!.station_id) || !isBetween(trip, k) || passes_end) return [];
      return Array.from({ length: last_day - day + 1 }, (_, later) => ridesOn(trip, k, l, day + later)).flat();
    })).filter(({ arrive_ms }) => inHours(question.arriving, arrive_ms)),
    ({ trip, from: board }) => cityAt(feed, trip, board),
  );
  return firsts.flatMap((first) => (seconds.get(cityAt(feed, first.trip, first.to)) ?? []).flatMap((second) => pairOf(feed, first, second, question, asked_min) ?? []));
}

/** Whether one journey is at least as good as another in everything that counts. */
export function isAsGood(one: Pair, other: Pair): boolean {
  return one.first.leave_ms >= other.first.leave_ms && one.second.arrive_ms <= other.second.arrive_ms && one.fare_fen <= other.fare_fen && (one.available || !other.available);
}

export function isEqual(one: Pair, other: Pair): boolean {
  return isAsGood(one, other) && isAsGood(other, one);
}

function pairOf(feed: Feed, first: Ride, second: Ride, question: Question, asked_min: number): Pair | undefined {
  const wait_s = (second.leave_ms - first.arrive_ms) / 1000;
  if (wait_s < SAME_STATION_MIN * 60 || wait_s > MAX_CONNECTION_MIN * 60 || runIdOf(first) === runIdOf(second)) return undefined;
  const [a, b] = [feed.places.get(first.trip.calls[first.to]!.station_id)!, feed.places.get(second.trip.calls[second.from]!.station_id)!];
  const by_rule_min = a === b ? SAME_STATION_MIN : OTHER_STATION_MIN + Math.ceil((metresBetween(a, b) / 1000) * ACROSS_CITY_MIN_PER_KM);
  const least_s = Math.max(by_rule_min, asked_min) * 60;
  if (wait_s < least_s || !fits(first.trip, first.expected(), question) || !fits(second.trip, second.expected(), question)) return undefined;
  const classes = [first, second].map((ride) => askedOf(ride.expected().classes, question));
  const fare_fen = classes.reduce((sum, own) => sum + Math.min(...own.map((one) => one.fare_fen)), 0);
  const available = classes.every((own) => own.some(({ left, changes }) => left + changes > 0));
  return { first: first.expected(), second: second.expected(), first_trip: first.trip, second_trip: second.trip, wait_s, least_s, fare_fen, available };
}

function rideOf(way: Way, stockOf: StockOf, question: Question, now_ms: number): Ride {
  let known: Expected | undefined;
  const at = (call: number, time: 'leave_s' | 'arrive_s'): number => instantMs(way.day, way.trip.calls[call]![time]);
  return { ...way, leave_ms: at(way.from, 'leave_s'), arrive_ms: at(way.to, 'arrive_s'), expected: () => (known ??= expectedOf(way, stockOf, question, now_ms)) };
}

/** Every pair of calls of a trip, the earlier first. */
function steps(trip: Trip): [number, number][] {
  return trip.calls.flatMap((_, i) => trip.calls.slice(i + 1).map((__, offset): [number, number] => [i, i + 1 + offset]));
}

function cityAt(feed: Feed, trip: Trip, call: number): string {
  return feed.places.get(trip.calls[call]!.station_id)!.city;
}
