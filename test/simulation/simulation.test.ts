// Thousands of seeds of the saga; `npm run simulate` runs more, and one again with its trace.
import test from 'ava';
import { FAULTS } from './faults.ts';
import { runSeeds } from './many_seeds.ts';
import { PLANTED } from './planted.ts';
import { runSeed } from './run_seed.ts';

const SEEDS = 2200;
const PLANTED_SEEDS = 1000;
/** Each kind of fault at least so often. */
const TIMES = 1000;

test('every seed keeps the promises, and each kind of fault happened a thousand times', async (t) => {
  const sums = await runSeeds({ from: 1, count: SEEDS });
  t.deepEqual(sums.failed, [], 'npm run simulate -- --seed N shows how it came');
  t.log(sums.counts);
  t.log(sums.outcomes);
  for (const fault of FAULTS) t.true(sums.counts[fault] >= TIMES, `${fault}: ${sums.counts[fault]}`);
  // Each road was taken, the plain one most.
  for (const end of ['SUCCESS', 'CLOSED EXPIRED', 'CLOSED CANCELLED', 'CLOSED TICKETING_FAILED', 'CLOSED REFUNDED', 'entry FAILED SOLD_OUT', 'entry LEFT']) t.true((sums.outcomes[end] ?? 0) > 100, end);
});

test('a seed is the same run every time', async (t) => {
  for (const seed of [7, 31, 548]) {
    const [first, second] = [await runSeed(seed, { traced: true }), await runSeed(seed, { traced: true })];
    t.deepEqual(second.trace, first.trace);
    t.true(first.trace!.length > 200);
  }
});

for (const [name, plant] of Object.entries(PLANTED)) {
  test(`planted and found: ${name}`, async (t) => {
    const { failed, seeds } = await runSeeds({ from: 1, count: PLANTED_SEEDS, plant, failures_max: 1 });
    t.is(failed.length, 1, `not found in ${seeds} seeds`);
    t.log(`seed ${failed[0]?.seed}: ${failed[0]?.violations[0]}`);
    // The same seed without the bug is fine, and with it fails again.
    t.deepEqual((await runSeed(failed[0]!.seed)).violations, []);
    t.deepEqual((await runSeed(failed[0]!.seed, { plant })).violations, failed[0]!.violations);
  });
}
