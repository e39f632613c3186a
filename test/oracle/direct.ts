// Every direct train that answers a question, found by looking at every pair of calls of every trip, and all that an answer
// has to say about it.
import { saleTimeMin } from '../../timetable/rules/sale_times.ts';
import { clockAt, dayOf, instantMs, textOf } from './days.ts';
import type { Feed, Trip } from './feed.ts';
import { stationsOf, type Hours, type Question } from './question.ts';
import type { Told } from './stock.ts';
import { isHoliday, tariffFen } from './tariff.ts';

export type Way = { trip: Trip; from: number; to: number; /** Day on which the trip starts. */ day: number };

export type ExpectedClass = { seat_class: string; left: number; fare_fen: number; reduced: boolean; changes: number; change_at: number[] };

export type Expected = {
  run_id: string; from_index: number; to_index: number; leave_ms: number; arrive_ms: number;
  sale: 'BEFORE' | 'OPEN' | 'CLOSED'; sale_start_ms: number; version: bigint; classes: ExpectedClass[];
};

export type StockOf = (run_id: string, trip: Trip) => Told | undefined;

/** Days of sale before that of travel. */
const WINDOW_DAYS = 14;
const LONGEST_TRIP_DAYS = 4;

/** The trains that answer, in no order. */
export function directTrains(feed: Feed, stockOf: StockOf, question: Question, now_ms: number): Expected[] {
  const [from, to] = [endOf(feed, question, 'from'), endOf(feed, question, 'to')];
  const ways = tripsAt(feed, from).flatMap((trip) => {
    const pairs = trip.calls.flatMap((a, i) => trip.calls.flatMap((b, j) => (i < j && from.has(a.station_id) && to.has(b.station_id) ? [{ i, j }] : [])));
    const first_arrival = Math.min(...pairs.map(({ j }) => j));
    const boarding = Math.max(...pairs.filter(({ j }) => j === first_arrival).map(({ i }) => i));
    return pairs.length === 0 ? [] : waysOn(trip, boarding, first_arrival, dayOf(question.date));
  });
  return ways.map((way) => expectedOf(way, stockOf, question, now_ms)).filter((one, index) => fits(ways[index]!.trip, one, question) && inHours(question.leaving, one.leave_ms) && inHours(question.arriving, one.arrive_ms));
}

/** Every trip that calls at one of the stations, once. */
export function tripsAt(feed: Feed, station_ids: ReadonlySet<string>): Trip[] {
  return [...new Set([...station_ids].flatMap((station_id) => feed.trips_at.get(station_id) ?? []))];
}

/** The stations of an end, without those that the question leaves out. */
export function endOf(feed: Feed, question: Question, end: 'from' | 'to'): Set<string> {
  const only = end === 'from' ? question.from_only : question.to_only;
  return new Set(stationsOf(feed, question[end]).filter((station_id) => only.length === 0 || only.includes(station_id)));
}

/** The ride on the trip that starts so that it is boarded on the day, where there is one. */
export function waysOn(trip: Trip, from: number, to: number, boarding_day: number): Way[] {
  return Array.from({ length: LONGEST_TRIP_DAYS }, (_, back) => boarding_day - back)
    .filter((day) => clockAt(instantMs(day, trip.calls[from]!.leave_s)).day === boarding_day && trip.runsOn(day))
    .map((day) => ({ trip, from, to, day }));
}

export function runIdOf({ trip, day }: Way): string {
  return `${trip.trip_id}.${textOf(day)}`;
}

export function fits(trip: Trip, { classes }: Expected, question: Question): boolean {
  return (question.letters.length === 0 || question.letters.includes(trip.letter)) && askedOf(classes, question).length > 0;
}

/** Classes that the question is about: of the named ones, those that can be bought where it asks for that. */
export function askedOf(classes: readonly ExpectedClass[], question: Question): ExpectedClass[] {
  return classes.filter(({ seat_class, left, changes }) => (question.classes.length === 0 || question.classes.includes(seat_class)) && (!question.only_available || left + changes > 0));
}

export function inHours(hours: Hours | undefined, instant_ms: number): boolean {
  const minute = clockAt(instant_ms).time_s / 60;
  return hours === undefined || (hours.from_min <= minute && minute < hours.to_min);
}

export function expectedOf(way: Way, stockOf: StockOf, question: Pick<Question, 'channel' | 'passenger'>, now_ms: number): Expected {
  const { trip, from, to, day } = way;
  const run_id = runIdOf(way);
  const stock = stockOf(run_id, trip);
  const leave_ms = instantMs(day, trip.calls[from]!.leave_s);
  const boarding_day = clockAt(leave_ms).day;
  const sale_start_ms = instantMs(boarding_day - WINDOW_DAYS, saleTimeMin(trip.calls[from]!.station_id) * 60);
  const is_early = sale_start_ms > now_ms || stock === undefined;
  const sale = leave_ms <= now_ms ? 'CLOSED' : is_early ? 'BEFORE' : stock.open ? 'OPEN' : 'CLOSED';
  const metres = trip.calls[to]!.metres - trip.calls[from]!.metres;
  const payer = question.passenger === 'student' && !isHoliday(textOf(boarding_day, '-')) ? 'adult' : question.passenger;
  const classes = trip.classes.map((seat_class) => {
    const fare_fen = tariffFen(trip.letter, seat_class, metres, payer);
    const has = sale === 'OPEN' ? seatsOf(stock!, seat_class, question, way) : { left: 0, changes: 0, change_at: [] };
    return { seat_class, fare_fen, reduced: fare_fen < tariffFen(trip.letter, seat_class, metres, 'adult'), ...has };
  });
  return { run_id, from_index: from, to_index: to, leave_ms, arrive_ms: instantMs(day, trip.calls[to]!.arrive_s), sale, sale_start_ms, version: stock?.version ?? 0n, classes };
}

function seatsOf(told: Told, seat_class: string, buyer: Pick<Question, 'channel' | 'passenger'>, { from, to }: Way): Pick<ExpectedClass, 'left' | 'changes' | 'change_at'> {
  const left = (a: number, b: number): number => told.left(seat_class, buyer, a, b);
  const through = left(from, to);
  if (through > 0) return { left: through, changes: 0, change_at: [] };
  const changes = Math.max(0, ...cuts(from, to, 3).map((stops) => Math.min(...stops.slice(1).map((stop, at) => left(stops[at]!, stop)))));
  return { left: 0, changes, change_at: changes === 0 ? [] : furthest(left, from, to) };
}

/** Every way to cut a ride into at most so many parts: the stops of each, both ends included. */
function cuts(from: number, to: number, parts: number): number[][] {
  if (parts === 1 || to - from === 1) return [[from, to]];
  const earlier = Array.from({ length: to - from - 1 }, (_, offset) => from + 1 + offset);
  return [[from, to], ...earlier.flatMap((stop) => cuts(stop, to, parts - 1).map((rest) => [from, ...rest]))];
}

/** Where one changes who always takes the seat that reaches furthest. */
function furthest(left: (a: number, b: number) => number, from: number, to: number): number[] {
  const reach = Array.from({ length: to - from }, (_, offset) => to - offset).find((stop) => left(from, stop) > 0) ?? to;
  return reach === to ? [] : [reach, ...furthest(left, reach, to)];
}

