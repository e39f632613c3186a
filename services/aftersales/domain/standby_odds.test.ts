import test from 'ava';
import fc from 'fast-check';
import { calibrated, expectedSeats, fitCalibration, oddsOfAny, poissonAtLeast, rawOdds, type Outcome, type ReleaseRate } from './standby_odds.ts';
import { nextToServe, kindFromText, kindText, type Head, type StandbyKind } from './standby_matching.ts';

const HOUR_MS = 3_600_000;
const RATES: ReleaseRate[] = [{ until_hours: 24, seats_per_hour: 0.4 }, { until_hours: 72, seats_per_hour: 0.1 }, { until_hours: Infinity, seats_per_hour: 0.02 }];

test('seats to come are counted by the hours left before departure', (t) => {
  const at = (hours_left: number, until_hours_left: number) => expectedSeats(RATES, { now_ms: 0, until_ms: (hours_left - until_hours_left) * HOUR_MS, departure_ms: hours_left * HOUR_MS });
  const close = (value: number, expected: number) => t.true(Math.abs(value - expected) < 1e-9, `${value} is not ${expected}`);
  close(at(24, 0), 9.6);
  close(at(10, 5), 2);
  close(at(172, 0), 9.6 + 4.8 + 2);
  close(at(172, 72), 2);
  close(at(24, 24), 0);
});

test('odds are odds: within 0 and 1, better with more seats, worse with more people', (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 60, noNaN: true }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 5 }), (expected_seats, passengers_ahead, size) => {
      const odds = rawOdds({ expected_seats, fit_share: 0.5, passengers_ahead, size });
      t.true(odds >= 0 && odds <= 1);
      t.true(rawOdds({ expected_seats: expected_seats + 1, fit_share: 0.5, passengers_ahead, size }) >= odds - 1e-12);
      t.true(rawOdds({ expected_seats, fit_share: 0.5, passengers_ahead: passengers_ahead + 1, size }) <= odds + 1e-12);
      t.true(oddsOfAny([odds, 0.3]) >= Math.max(odds, 0.3) - 1e-12);
    }),
  );
  t.is(poissonAtLeast(0, 1), 0);
  t.is(poissonAtLeast(0, 0), 1);
  t.true(Math.abs(poissonAtLeast(2, 1) - (1 - Math.exp(-2))) < 1e-12);
});

test('a calibration never falls, and without outcomes the model speaks', (t) => {
  const outcomes = fc.array(fc.record({ raw: fc.double({ min: 0, max: 1, noNaN: true }), succeeded: fc.boolean() }), { maxLength: 400 });
  fc.assert(
    fc.property(outcomes, (known) => {
      const steps = fitCalibration(known);
      t.true(steps.every(({ odds }, index) => odds > 0 && odds < 1 && (index === 0 || odds > steps[index - 1]!.odds)));
    }),
  );
  t.is(calibrated(fitCalibration([]), 0.42), 0.42);
});

/** A small generator with a seed (mulberry32): the same requests every time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Asked = { rank: number; kinds: (StandbyKind | undefined)[]; deadline_hours_left: number; raw: number; succeeded: boolean };

const [RUNS, SEGMENTS, SEATS, HOURS] = [2, 4, 60, 240];
const TRUE_RATES: ReleaseRate[] = [{ until_hours: 24, seats_per_hour: 0.35 }, { until_hours: 96, seats_per_hour: 0.09 }, { until_hours: Infinity, seats_per_hour: 0.03 }];

/** Two runs with one class, from ten days before departure on: people ask, others give tickets back, the matching serves. */
function simulate(seed: number, rates: readonly ReleaseRate[], fit_share: number): { asked: Asked[]; released: number[] } {
  const random = randomOf(seed);
  const integer = (below: number): number => Math.floor(random() * below);
  const free = Array.from({ length: RUNS }, () => Array.from({ length: SEATS }, () => 0));
  const asked: Asked[] = [];
  const released = TRUE_RATES.map(() => 0);
  let waiting: Asked[] = [];
  // How much is given back differs from train to train: nobody knows that before.
  const demand = 0.5 + random();
  const keen = Array.from({ length: RUNS }, () => 0.6 + 0.8 * random());
  for (let left = HOURS; left > 0; left -= 1) {
    waiting = waiting.filter(({ deadline_hours_left }) => deadline_hours_left < left);
    if (random() < 0.1 * demand) {
      const one = ask(left);
      asked.push(one);
      waiting.push(one);
    }
    const bucket = TRUE_RATES.findIndex(({ until_hours }) => left <= until_hours);
    for (let run = 0; run < RUNS; run += 1) {
      if (random() >= TRUE_RATES[bucket]!.seats_per_hour * keen[run]!) continue;
      released[bucket]! += 1;
      const from = integer(SEGMENTS);
      free[run]![integer(SEATS)]! |= maskOf(from, from + 1 + integer(SEGMENTS - from));
      serve(run);
      // What nobody wants is sold.
      free[run]!.fill(0);
    }
  }
  return { asked, released };

  function ask(left: number): Asked {
    const size = random() < 0.8 ? 1 : 2;
    const from = integer(SEGMENTS);
    const kind: StandbyKind = { classes: ['SECOND'], from, to: from + 1 + integer(SEGMENTS - from), size: size === 2 && random() < 0.2 ? 2 : 1, changes: false };
    const first = integer(RUNS);
    const both = random() < 0.4;
    const kinds = Array.from({ length: RUNS }, (_, run) => (run === first || both ? kind : undefined));
    const deadline_hours_left = Math.floor(random() * left * 0.5);
    const expected_seats = expectedSeats(rates, { now_ms: (HOURS - left) * HOUR_MS, until_ms: (HOURS - deadline_hours_left) * HOUR_MS, departure_ms: HOURS * HOUR_MS });
    const ahead = (run: number): number => waiting.reduce((sum, one) => sum + (one.kinds[run] === undefined ? 0 : one.kinds[run]!.size / one.kinds.filter((any) => any !== undefined).length), 0);
    const raws = kinds.flatMap((wish, run) => (wish === undefined ? [] : [rawOdds({ expected_seats, fit_share: fit_share / (wish.to - wish.from), passengers_ahead: Math.round(ahead(run) * 0.5), size: wish.size })]));
    return { rank: asked.length, kinds, deadline_hours_left, raw: oddsOfAny(raws), succeeded: false };
  }

  function serve(run: number): void {
    const seats = free[run]!;
    const fits = (from: number, to: number) => seats.filter((bits) => (bits & maskOf(from, to)) === maskOf(from, to)).length;
    const first = (): Head | undefined => nextToServe(headsOf(run), (_, from, to) => fits(from, to))[0];
    for (let next = first(); next !== undefined; next = first()) {
      const { from, to, size } = kindFromText(next.kind);
      for (let taken = 0; taken < size; taken += 1) seats[seats.findIndex((bits) => (bits & maskOf(from, to)) === maskOf(from, to))]! &= ~maskOf(from, to);
      const served = waiting.find(({ rank }) => rank === next.rank)!;
      served.succeeded = true;
      waiting = waiting.filter((one) => one !== served);
    }
  }

  function headsOf(run: number): Head[] {
    const heads = new Map<string, Head>();
    for (const { rank, kinds } of waiting) if (kinds[run] !== undefined && !heads.has(kindText(kinds[run]))) heads.set(kindText(kinds[run]), { kind: kindText(kinds[run]), rank, wish_no: 0 });
    return [...heads.values()];
  }
}

function maskOf(from: number, to: number): number {
  return (1 << to) - (1 << from);
}

function simulated(first_seed: number, count: number, rates: readonly ReleaseRate[]): { asked: Asked[]; released: number[]; worlds: number } {
  const asked: Asked[] = [];
  const released = TRUE_RATES.map(() => 0);
  let worlds = 0;
  for (let seed = first_seed; asked.length < count; seed += 1) {
    const world = simulate(seed, rates, 0.9);
    asked.push(...world.asked);
    world.released.forEach((number, bucket) => (released[bucket]! += number));
    worlds += 1;
  }
  return { asked: asked.slice(0, count), released, worlds };
}

test('[calibration] of requests that are told 70–80 %, 65–85 % succeed, over 5,000 that nothing was fitted to', (t) => {
  // Rates are measured first, then the odds told by them are compared with what became of them, then both are used on others.
  const measured = simulated(1, 5000, RATES);
  const hours = [24, 72, HOURS - 96];
  const rates = TRUE_RATES.map(({ until_hours }, bucket): ReleaseRate => ({ until_hours, seats_per_hour: measured.released[bucket]! / (measured.worlds * RUNS * hours[bucket]!) }));
  const calibration = fitCalibration(simulated(100_000, 5000, rates).asked.map(({ raw, succeeded }): Outcome => ({ raw, succeeded })));
  const others = simulated(200_000, 5000, rates).asked;
  const bins = Array.from({ length: 10 }, (_, bin) => others.filter(({ raw }) => Math.min(9, Math.floor(calibrated(calibration, raw) * 10)) === bin));
  for (const [bin, told] of bins.entries()) t.log(`${bin * 10}–${bin * 10 + 10} %: ${told.length} told, ${Math.round((100 * told.filter(({ succeeded }) => succeeded).length) / Math.max(1, told.length))} % succeeded`);
  const told = bins[7]!;
  t.true(told.length >= 100, 'enough of them to say something');
  const share = told.filter(({ succeeded }) => succeeded).length / told.length;
  t.true(share >= 0.65 && share <= 0.85, `${share} of ${told.length}`);
});
