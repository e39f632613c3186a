import test from 'ava';
import fc from 'fast-check';
import { mostTrips, optimumBounds, type Trip } from './optimum.ts';

const SEGMENTS = 6;

const trips = fc.array(fc.tuple(fc.nat(SEGMENTS - 1), fc.integer({ min: 1, max: SEGMENTS })).map(([from, length]) => ({ from, to: Math.min(SEGMENTS, from + length) })), { maxLength: 10 });

/** Every subset, whether it fits by count on every segment. */
function triedAll(wishes: readonly Trip[], seats: number): number {
  let most = 0;
  for (let subset = 0; subset < 1 << wishes.length; subset += 1) {
    const chosen = wishes.filter((_, index) => ((subset >> index) & 1) === 1);
    const fits = Array.from({ length: SEGMENTS }, (_, segment) => chosen.filter(({ from, to }) => from <= segment && segment < to).length).every((aboard) => aboard <= seats);
    if (fits) most = Math.max(most, chosen.length);
  }
  return most;
}

/** Seats by name: the first that is free, in the order of departure, which is enough for trips that fit by count. */
function seated(wishes: readonly Trip[], seats: number): boolean {
  const free_from = Array.from({ length: seats }, () => 0);
  return wishes.toSorted((left, right) => left.from - right.from).every(({ from, to }) => {
    const seat = free_from.findIndex((at) => at <= from);
    if (seat >= 0) free_from[seat] = to;
    return seat >= 0;
  });
}

test('the most trips are those that trying every subset finds', (t) => {
  fc.assert(fc.property(trips, fc.integer({ min: 0, max: 3 }), (wishes, seats) => {
    t.is(mostTrips(wishes, seats), triedAll(wishes, seats));
  }), { numRuns: 200 });
  t.pass();
});

test('two short trips are worth more than the long one that came first', (t) => {
  t.is(mostTrips([{ from: 0, to: 6 }, { from: 0, to: 3 }, { from: 3, to: 6 }], 1), 2);
});

test('a place that is given back is bounded from both sides', (t) => {
  const wishes = [{ from: 0, to: 6, cancelled: true }, { from: 0, to: 6, cancelled: false }, { from: 0, to: 6, cancelled: false }];
  t.deepEqual(optimumBounds(wishes, 1), { at_most: 2, at_least: 1 });
});

test('what fits by count has seats', (t) => {
  fc.assert(fc.property(trips, fc.integer({ min: 1, max: 3 }), (wishes, seats) => {
    t.is(mostTrips(wishes, seats) === wishes.length, seated(wishes, seats));
  }), { numRuns: 200 });
});
