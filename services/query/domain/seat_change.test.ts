import fc from 'fast-check';
import test from 'ava';
import { buildCatalog, runId, type Run } from './catalog.ts';
import { matches } from './filter.ts';
import { classesOf, offerOf, type OfferContext } from './offer.ts';
import { pairIndex } from './remaining.ts';
import { seatChangeOf } from './seat_change.ts';
import { addDays } from '#kit/base/time.ts';
import { generateTimetable } from '../../../timetable/generate/generate.ts';
import { runsOn } from '../../../timetable/calendar.ts';

const MAX_PARTS = 3;

/** Which seats are free on which segment: seats × segments. */
type Seats = boolean[][];

test('as many trips as are promised can be bought one after another, and the first changes where it was said', (t) => {
  let offers = 0;
  fc.assert(
    fc.property(soldThrough(), ({ seats, from, to }) => {
      const change = seatChangeOf(countsOf(seats), from, to);
      if ((change === undefined) !== (mostBySplits(seats, from, to) === 0)) return false;
      if (change === undefined) return chain(seats, from, to) === undefined;
      offers += 1;
      if (change.trips !== mostBySplits(seats, from, to)) return false;
      for (let trip = 0; trip < change.trips; trip += 1) {
        const parts = chain(seats, from, to);
        if (parts === undefined) return false;
        if (trip === 0 && parts.slice(1).join() !== change.stops.join()) return false;
      }
      return true;
    }),
    { numRuns: 2000 },
  );
  t.true(offers > 300, 'most of the runs tried have something to offer');
});

test('a stretch of one segment and a class that is gone somewhere have no offer', (t) => {
  const counts = (left: (from: number, to: number) => number) => ({ stop_count: 4, left: byPair(4, left) });
  t.is(seatChangeOf(counts(() => 5), 1, 2), undefined);
  t.is(seatChangeOf(counts((from, to) => (from <= 1 && to > 1 ? 0 : 5)), 0, 3), undefined);
  t.deepEqual(seatChangeOf(counts((from, to) => (to - from === 1 ? 2 : 0)), 0, 3), { trips: 2, stops: [1, 2] });
});

test('an offer counts changes of seats only for a class that nothing else is left of, while the run is on sale', (t) => {
  const { found, context, last } = longRun();
  const [gone, plenty] = classesOf(found);
  const state = (open: boolean) => ({
    run_id: found.run.run_id, bucket: 1, epoch: 1, version: 1n, open,
    classes: new Map([[gone!, triangle(last + 1, (from, to) => (to - from < last ? 4 : 0))], [plenty!, triangle(last + 1, () => 7)]]),
  });
  const classesWhen = (open: boolean) => new Map(offerOf(found, context(state(open))).classes.map((entry) => [entry.seat_class, entry]));
  t.like(classesWhen(true).get(gone!), { remaining: 0, seat_change: { trips: 4, stops: [last - 1] } });
  t.like(classesWhen(true).get(plenty!), { remaining: 7 });
  t.is(classesWhen(true).get(plenty!)!.seat_change, undefined);
  t.is(classesWhen(false).get(gone!)!.seat_change, undefined);
  const only_gone = { ...offerOf(found, context(state(true))), classes: [classesWhen(true).get(gone!)!] };
  const filter = { train_types: [], seat_classes: [], departure: undefined, arrival: undefined, only_available: true };
  t.true(matches(only_gone, filter), 'who wants only trains with places gets this one');
});

function longRun() {
  const timetable = generateTimetable({ seed: 7, scale: 0.05 });
  const catalog = buildCatalog(timetable);
  const today = '2026-06-10';
  const date = addDays(today, 3);
  const train = timetable.trains.find((one) => runsOn(one.service, date) && one.stops.length > 3 && new Set(one.coaches.map((coach) => coach.seat_class)).size > 1)!;
  const run: Run = { run_id: runId(train, date), train, service_date: date };
  const last = train.stops.length - 1;
  const context = (state: ReturnType<OfferContext['remainingOf']>): OfferContext => ({
    buyer: { channel: 'web', passenger_type: 'adult' }, now_ms: Date.parse(`${today}T09:00:00+08:00`), remainingOf: () => state, isStale: () => false,
  });
  return { catalog, found: { run, from_index: 0, to_index: last }, context, last };
}

/** Runs on which no seat goes through from `from` to `to`. */
function soldThrough() {
  return fc
    .integer({ min: 2, max: 7 })
    .chain((segments) => fc.record({ seats: fc.array(fc.array(fc.boolean(), { minLength: segments, maxLength: segments }), { minLength: 1, maxLength: 6 }), ends: fc.uniqueArray(fc.integer({ min: 0, max: segments }), { minLength: 2, maxLength: 2 }) }))
    .map(({ seats, ends }) => ({ seats: seats.map((seat) => [...seat]), from: Math.min(...ends), to: Math.max(...ends) }))
    .filter(({ seats, from, to }) => free(seats, from, to).length === 0);
}

function free(seats: Seats, from: number, to: number): boolean[][] {
  return seats.filter((seat) => seat.slice(from, to).every(Boolean));
}

/** Every way to cut the trip into two or three parts, tried. */
function mostBySplits(seats: Seats, from: number, to: number, parts = MAX_PARTS): number {
  if (to <= from) return 0;
  const through = free(seats, from, to).length;
  if (parts === 1) return through;
  const cut = Array.from({ length: to - from - 1 }, (_, offset) => from + 1 + offset).map((stop) => Math.min(free(seats, from, stop).length, mostBySplits(seats, stop, to, parts - 1)));
  return Math.max(through, ...cut, 0);
}

/** Takes seats as inventory does: each time one that reaches furthest. The stops at which the parts begin. */
function chain(seats: Seats, from: number, to: number): number[] | undefined {
  const taken: { seat: boolean[]; at: number; reach: number }[] = [];
  for (let at = from; at < to; ) {
    if (taken.length === MAX_PARTS) return undefined;
    const reach = Array.from({ length: to - at }, (_, offset) => to - offset).find((stop) => free(seats, at, stop).length > 0);
    if (reach === undefined) return undefined;
    taken.push({ seat: free(seats, at, reach)[0]!, at, reach });
    at = reach;
  }
  for (const { seat, at, reach } of taken) seat.fill(false, at, reach);
  return taken.map(({ at }) => at);
}

function countsOf(seats: Seats) {
  const stop_count = seats[0]!.length + 1;
  return { stop_count, left: byPair(stop_count, (from, to) => free(seats, from, to).length) };
}

function byPair(stop_count: number, left: (from: number, to: number) => number): (pair: number) => number {
  const counts = triangle(stop_count, left);
  return (pair) => counts[pair]!;
}

function triangle(stop_count: number, left: (from: number, to: number) => number): number[] {
  const counts: number[] = [];
  for (let from = 0; from < stop_count; from += 1) for (let to = from + 1; to < stop_count; to += 1) counts[pairIndex(stop_count, from, to)] = left(from, to);
  return counts;
}
