import test from 'ava';
import fc from 'fast-check';
import { DAY_MS, serviceDateAt } from '#kit/base/time.ts';
import { claimsOf, daysOf, overlaps } from './claim.ts';

const span = fc.tuple(fc.integer({ min: 0, max: 5 * DAY_MS }), fc.integer({ min: 1, max: 3 * DAY_MS })).map(([start_ms, length]) => ({ start_ms, end_ms: start_ms + length }));

test('a journey over midnight claims both days of China, one that ends at midnight only the first', (t) => {
  const at = (day: number, hour: number) => Date.UTC(2026, 0, day, hour - 8);
  t.deepEqual(daysOf({ start_ms: at(15, 22), end_ms: at(16, 2) }), ['2026-01-15', '2026-01-16']);
  t.deepEqual(daysOf({ start_ms: at(15, 22), end_ms: at(16, 0) }), ['2026-01-15']);
  t.deepEqual(daysOf({ start_ms: at(15, 1), end_ms: at(15, 3) }), ['2026-01-15']);
  t.throws(() => daysOf({ start_ms: 1, end_ms: 1 }));
});

test('a journey may begin when another one ends', (t) => {
  t.false(overlaps({ start_ms: 0, end_ms: 10 }, { start_ms: 10, end_ms: 20 }));
  t.true(overlaps({ start_ms: 0, end_ms: 11 }, { start_ms: 10, end_ms: 20 }));
});

test('overlapping is mutual, and journeys that overlap share a day: so the lock of a day finds every conflict', (t) => {
  fc.assert(fc.property(span, span, (left, right) => {
    t.is(overlaps(left, right), overlaps(right, left));
    t.true(overlaps(left, left));
    if (overlaps(left, right)) t.true(daysOf(left).some((day) => daysOf(right).includes(day)));
    t.is(overlaps(left, right), left.start_ms < right.end_ms && right.start_ms < left.end_ms);
  }));
});

test('claims name every person and day once, in one order whatever the order of passengers', (t) => {
  fc.assert(fc.property(span, fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{4}$/), { minLength: 1, maxLength: 5 }), (time, people) => {
    const passengers = people.map((person, index) => ({ person, item_no: index + 1 }));
    const claims = claimsOf(passengers, time);
    t.is(claims.length, people.length * daysOf(time).length);
    const keys = claims.map((claim) => `${claim.person} ${claim.travel_date}`);
    t.deepEqual(keys, [...new Set(keys)].toSorted());
    t.deepEqual(claimsOf(passengers.toReversed(), time), claims);
    t.true(claims.every((claim) => claim.travel_date >= serviceDateAt(time.start_ms)));
  }));
});
