import test from 'ava';
import * as fc from 'fast-check';
import { BERTH_LEVELS, TRAIN_TYPES, type SeatClass, type TrainType } from '../model.ts';
import { seatClassesOf } from './coaches.ts';
import { FARE_STEP_FEN, fareFen, isSold, PASSENGER_TYPES, type FareQuery } from './fares.ts';

const adult = (train_type: TrainType, seat_class: SeatClass, km: number, more: Partial<FareQuery> = {}): number =>
  fareFen({ train_type, seat_class, distance_m: km * 1000, passenger_type: 'adult', ...more });

test('high-speed fares fall with distance by the published tiers', (t) => {
  // 0.46 × (500 + 0.9 × 500 + 0.8 × 318) = 554.02 yuan, to half a yuan.
  t.is(adult('G', 'second', 1318), 55_400);
  t.is(adult('G', 'second', 100), 4_600);
  t.is(adult('G', 'first', 100), 7_400);
  t.is(adult('G', 'business', 100), 13_800);
});

test('fares of D and C trains do not fall with distance', (t) => {
  t.is(adult('D', 'second', 1000), 30_850);
  t.is(adult('D', 'second', 2000), 61_700);
  t.is(adult('C', 'second', 100), 3_100);
});

test('hauled fares are base, air conditioning, speed and berth, raised for the stock', (t) => {
  // 5.861 fen × (200 + 0.9 × 300 + 0.8 × 500) = 50.99 yuan base at 1,000 km; × 1.65 × 1.5 and × (1.65 + 1.30) × 1.5.
  t.is(adult('T', 'hard_seat', 1000), 12_600);
  t.is(adult('T', 'hard_sleeper', 1000, { berth: 'lower' }), 22_550);
  t.is(adult('K', 'hard_seat', 1000), 11_100);
  t.is(adult('other', 'hard_seat', 1000), 6_350);
  t.true(adult('Z', 'hard_sleeper', 1000, { berth: 'upper' }) < adult('Z', 'hard_sleeper', 1000, { berth: 'middle' }));
  t.is(adult('Z', 'soft_sleeper', 800), adult('Z', 'soft_sleeper', 800, { berth: 'lower' }));
});

test('short journeys pay the minimum and a begun kilometre counts', (t) => {
  t.is(adult('G', 'second', 3), adult('G', 'second', 20));
  t.is(adult('K', 'hard_sleeper', 50), adult('K', 'hard_sleeper', 400));
  t.is(fareFen({ train_type: 'G', seat_class: 'first', distance_m: 100_001, passenger_type: 'adult' }), adult('G', 'first', 101));
});

test('passenger types: child half, student three quarters of second and half of the hard seat, berths never reduced', (t) => {
  t.is(adult('G', 'second', 1000, { passenger_type: 'child' }), 21_850);
  t.is(adult('G', 'second', 1000, { passenger_type: 'student' }), 32_800);
  t.is(adult('G', 'first', 1000, { passenger_type: 'student' }), adult('G', 'first', 1000));
  t.is(adult('T', 'hard_seat', 1000, { passenger_type: 'student' }), 6_300);
  t.is(adult('T', 'soft_sleeper', 1000, { passenger_type: 'student' }), adult('T', 'soft_sleeper', 1000));
  const berth = adult('T', 'hard_sleeper', 1000) - adult('T', 'hard_seat', 1000);
  t.true(adult('T', 'hard_sleeper', 1000, { passenger_type: 'child' }) > berth);
});

test('standing costs what the seat costs', (t) => {
  t.is(adult('D', 'standing', 300), adult('D', 'second', 300));
  t.is(adult('K', 'standing', 300), adult('K', 'hard_seat', 300));
  t.is(adult('K', 'standing', 300, { passenger_type: 'student' }), adult('K', 'hard_seat', 300, { passenger_type: 'student' }));
});

test('a class the train does not carry and a distance that is none are bugs', (t) => {
  t.false(isSold('G', 'hard_seat'));
  t.throws(() => adult('G', 'hard_seat', 100), { instanceOf: RangeError });
  for (const distance_m of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => fareFen({ train_type: 'G', seat_class: 'second', distance_m, passenger_type: 'adult' }), { instanceOf: RangeError });
  }
});

test('every fare is positive, in half yuan, never falls with distance, and no reduction costs more than full', (t) => {
  const anyQuery = fc.constantFrom(...TRAIN_TYPES).chain((train_type) =>
    fc.record({
      train_type: fc.constant(train_type),
      seat_class: fc.constantFrom<SeatClass>(...seatClassesOf(train_type), 'standing'),
      berth: fc.constantFrom(...BERTH_LEVELS, undefined),
      distance_m: fc.integer({ min: 1, max: 6_000_000 }),
      passenger_type: fc.constantFrom(...PASSENGER_TYPES),
    }),
  );
  fc.assert(
    fc.property(anyQuery, fc.integer({ min: 0, max: 500_000 }), ({ berth, ...rest }, more_m) => {
      const query: FareQuery = berth === undefined ? rest : { ...rest, berth };
      const fare = fareFen(query);
      t.true(Number.isSafeInteger(fare) && fare > 0 && fare % FARE_STEP_FEN === 0);
      t.true(fareFen({ ...query, distance_m: query.distance_m + more_m }) >= fare);
      t.true(fareFen({ ...query, passenger_type: 'adult' }) >= fare);
    }),
    { numRuns: 500 },
  );
});
