import test from 'ava';
import fc from 'fast-check';
import { coach } from '../../../timetable/seats.ts';
import { countFree, countPairs, freeBits, leastOfPairs, occupiedMask, pairIndex } from './bitmap.ts';
import { compareSeats, compareStanding } from './differences.ts';
import { freeParts } from './free_parts.ts';
import { seatClaims, standingClaims } from './hold.ts';
import { layoutForRedis, layoutHash, layoutOfCoaches, layoutProblem } from './layout.ts';
import { findSeat, NO_SEAT, seatNameOf } from './place.ts';
import { placesWithout } from './places_without.ts';
import { isRetired, planProblem, runBucket } from './run.ts';
import { decodeSeats, encodeSeats, seatBytes } from './seat_bytes.ts';
import { segmentMask, stretchBetween, stretchesOf } from './stretch.ts';

const quiet = (value: boolean) => ({ quiet: value });
const COACHES = [{ ...coach(1, 'business', 9), ...quiet(false) }, { ...coach(2, 'second', 90), ...quiet(true) }, { ...coach(3, 'hard_sleeper', 66), ...quiet(false) }];

test('every seat has a name of the contract, and the name leads back to its bit', (t) => {
  const layout = layoutOfCoaches(COACHES);
  t.is(layout.seat_count, 165);
  for (const entry of layout.classes) {
    for (const { index } of entry.seats) {
      const { coach_no, seat_no } = seatNameOf(layout, entry.code, index);
      t.deepEqual(findSeat(layout, coach_no, seat_no), { class_code: entry.code, index });
    }
  }
  t.like(seatNameOf(layout, 5, 0), { coach_no: '03', seat_no: '01下', berth: 'lower' });
  t.like(seatNameOf(layout, 3, 0), { coach_no: '02', seat_no: '01A' });
});

test('equal coaches are one layout, and what differs is another', (t) => {
  t.is(layoutHash(COACHES), layoutHash(structuredClone(COACHES)));
  t.not(layoutHash(COACHES), layoutHash(COACHES.map((one) => ({ ...one, quiet: false }))));
  t.is(layoutHash(COACHES).length, 19);
  const known = JSON.parse(layoutForRedis(layoutOfCoaches(COACHES))) as Record<string, { n: number; flag: number[] }>;
  t.deepEqual(Object.entries(known).map(([code, { n }]) => [code, n]), [['1', 9], ['3', 90], ['5', 66]]);
  t.is(known['3']!.flag[0], 1 | 32, 'window in a quiet coach');
  t.regex(layoutProblem(Array.from({ length: 15 }, (_, index) => ({ ...coach(index + 1, 'second', 200), ...quiet(false) }))) ?? '', /at most/);
});

test('a class is read as it was written, with the bits behind its last seat taken', (t) => {
  for (const [seats, segments] of [[1, 1], [32, 5], [41, 33], [70, 64]] as const) {
    const masks = new Map([[0, 1n], [seats - 1, 1n << BigInt(segments - 1)]]);
    const encoded = encodeSeats(freeBits(seats, segments, masks));
    t.is(encoded.length, seatBytes(seats, segments));
    const bits = decodeSeats(encoded, seats, segments);
    for (let seat = 0; seat < seats; seat += 1) t.is(occupiedMask(bits, seat), seats === 1 ? 1n : (masks.get(seat) ?? 0n));
    if (seats % 32 !== 0) t.is(encoded.at(-1)! & 0x80, 0x80);
  }
});

test('counting pairs is counting each pair', (t) => {
  const occupied = fc.array(fc.tuple(fc.nat(69), fc.bigInt(0n, 2n ** 7n - 1n)), { maxLength: 100 });
  fc.assert(
    fc.property(occupied, (taken) => {
      const masks = new Map<number, bigint>();
      for (const [seat, mask] of taken) masks.set(seat, (masks.get(seat) ?? 0n) | mask);
      const bits = decodeSeats(encodeSeats(freeBits(70, 7, masks)), 70, 7);
      t.deepEqual(bits, freeBits(70, 7, masks));
      const pairs = countPairs(bits);
      t.is(pairs.length, 28);
      for (let from = 0; from < 7; from += 1) {
        for (let to = from + 1; to <= 7; to += 1) {
          const expected = Array.from({ length: 70 }, (_, seat) => masks.get(seat) ?? 0n).filter((mask) => (mask & segmentMask({ from, to })) === 0n).length;
          t.is(pairs[pairIndex(7, from, to)], expected);
          t.is(countFree(bits, from, to), expected);
        }
      }
      for (const [seat, mask] of masks) t.is(occupiedMask(bits, seat), mask);
    }),
    { numRuns: 30 },
  );
  t.throws(() => decodeSeats(new Uint8Array(3), 70, 7), { instanceOf: RangeError });
  t.deepEqual(leastOfPairs([3, 1, 2]), [3, 1, 1, 1, 1, 2]);
});

test('masks and stretches are the same thing', (t) => {
  t.is(segmentMask({ from: 0, to: 64 }), 2n ** 64n - 1n);
  t.is(segmentMask({ from: 2, to: 4 }), 0b1100n);
  t.deepEqual(stretchesOf(0b1101n), [{ from: 0, to: 1 }, { from: 2, to: 4 }]);
  t.deepEqual(freeParts({ item_id: '1', class_code: 3, index: 0, from: 0, to: 4 }, 0b0010n).map(({ from, to }) => [from, to]), [[0, 1], [2, 4]]);
});

test('what places have that others have not: by seat and segment, standing by number', (t) => {
  const place = (index: number, from: number, to: number) => ({ item_id: '1', class_code: index < 0 ? 8 : 3, index, from, to });
  const parts = (places: ReturnType<typeof place>[], others: ReturnType<typeof place>[]) => placesWithout(places, others).map(({ index, from, to }) => [index, from, to]);
  t.deepEqual(parts([place(1, 0, 5), place(2, 0, 2)], [place(1, 1, 2), place(1, 3, 4)]), [[1, 0, 1], [1, 2, 3], [1, 4, 5], [2, 0, 2]]);
  t.deepEqual(parts([{ ...place(1, 0, 2), class_code: 2 }], [place(1, 0, 2)]), [[1, 0, 2]], 'the same number in another class is another seat');
  t.deepEqual(parts([place(NO_SEAT, 0, 3), place(NO_SEAT, 0, 3)], [place(NO_SEAT, 1, 4)]), [[NO_SEAT, 0, 1], [NO_SEAT, 0, 3]], 'one of two is used up');
});

test('a train that calls at a station twice is entered late and left early', (t) => {
  t.deepEqual(stretchBetween(['a', 'b', 'a', 'c', 'c'], 'a', 'c'), { from: 2, to: 3 });
  t.is(stretchBetween(['a', 'b'], 'b', 'a'), undefined);
  t.is(stretchBetween(['a', 'b'], 'a', 'a'), undefined);
});

test('claims are merged by seat in locking order; an overlap is a bug', (t) => {
  const place = (index: number, from: number, to: number) => ({ item_id: '1', class_code: 3, index, from, to });
  const claims = seatClaims([{ run_no: 2n, places: [place(5, 0, 1)] }, { run_no: 1n, places: [place(9, 0, 1), place(4, 2, 3), place(4, 0, 1)] }]);
  t.deepEqual(claims.map(({ run_no, index, mask }) => [run_no, index, mask]), [[1n, 4, 0b101n], [1n, 9, 1n], [2n, 5, 1n]]);
  t.throws(() => seatClaims([{ run_no: 1n, places: [place(4, 0, 2), place(4, 1, 3)] }]), { message: /two holds claim/ });
  t.deepEqual(standingClaims([{ run_no: 1n, places: [place(NO_SEAT, 0, 2), place(NO_SEAT, 1, 2)] }]).map(({ segment, count }) => [segment, count]), [[0, 1], [1, 2]]);
});

test('differences: what Redis lacks is told, what a hold under way has taken is not', (t) => {
  const classes = new Map([[3, freeBits(4, 3, new Map([[0, 0b011n], [1, 0b100n]]))]]);
  const pending = [{ item_id: '1', class_code: 3, index: 0, from: 0, to: 1 }];
  t.deepEqual(compareSeats(classes, new Map([[3, new Map([[2, 0b1n]])]]), pending), [
    { class_code: 3, index: 0, mask: 0b010n, kind: 'TAKEN_IN_REDIS_ONLY' },
    { class_code: 3, index: 1, mask: 0b100n, kind: 'TAKEN_IN_REDIS_ONLY' },
    { class_code: 3, index: 2, mask: 0b1n, kind: 'FREE_IN_REDIS_ONLY' },
  ]);
  t.deepEqual(compareStanding([5, 4], [0, 0], 5, []), [1]);
});

test('a run keeps its bucket, and what cannot be carried is told before it is opened', (t) => {
  t.is(runBucket('G1', '2026-01-15', 64), runBucket('G1', '2026-01-15', 64));
  const stops = Array.from({ length: 3 }, (_, index) => ({ station_id: `s${index}`, departure_ms: index }));
  const plan = { run_id: 'G1.20260115', train_id: 'G1', service_date: '2026-01-15', timetable_version: '1', stops, coaches: COACHES, standing_capacity: 0, sale_start_ms: 0 };
  t.is(planProblem(plan), undefined);
  t.regex(planProblem({ ...plan, stops: stops.slice(0, 1) }) ?? '', /two stops/);
  t.regex(planProblem({ ...plan, stops: [{ station_id: 'x' }, ...stops] }) ?? '', /departure/);
  t.regex(planProblem({ ...plan, coaches: [{ ...COACHES[0]!, layout_id: 'none' }] }) ?? '', /unknown layout/);
  t.false(isRetired({ sale_end_ms: 0 }, 3_600_000));
  t.true(isRetired({ sale_end_ms: 0 }, 24 * 3_600_000));
});
