import test from 'ava';
import fc from 'fast-check';
import { seededRandom } from '#kit/base/random.ts';
import { decide, type Observation } from './advance.ts';
import { judge } from './judge.ts';
import { LIMITS } from './limits.ts';
import { add, NOTHING, quantile_ms, since, slowerThan, type Sample } from './sample.ts';
import { binomialAtLeast, fisherWorse } from './statistics.ts';

const BOUNDS = [1, 5, 10, 25, 50, 100, 250];

function sample(requests: number, errors: number, took_ms: readonly number[] = []): Sample {
  return { requests, errors, within: new Map(BOUNDS.map((bound) => [bound, took_ms.filter((took) => took <= bound).length])) };
}

const times = (count: number, took_ms: number) => Array.from({ length: count }, () => took_ms);

test("Fisher's test agrees with tables", (t) => {
  // The lady tasting tea: 3 of 4 right, 17 of 70 ways are at least as good (Fisher 1935).
  t.true(Math.abs(fisherWorse(3, 4, 1, 4) - 17 / 70) < 1e-12);
  t.true(Math.abs(fisherWorse(4, 4, 0, 4) - 1 / 70) < 1e-12);
  t.is(fisherWorse(0, 10, 5, 10), 1);
  t.is(fisherWorse(0, 0, 5, 10), 1);
  // 200 hits of 100,000 against 1,000 of 100,000: nothing overflows.
  t.true(fisherWorse(1_000, 100_000, 200, 100_000) < 1e-50);
});

test('the binomial tail agrees with what can be counted', (t) => {
  t.true(Math.abs(binomialAtLeast(2, 3, 0.5) - 0.5) < 1e-12);
  t.true(Math.abs(binomialAtLeast(1, 10, 0.05) - (1 - 0.95 ** 10)) < 1e-12);
  t.is(binomialAtLeast(0, 10, 0.05), 1);
  t.is(binomialAtLeast(11, 10, 0.05), 0);
});

test('probabilities are probabilities, and more errors are never less suspicious', (t) => {
  const counts = fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 4_000 }), fc.nat(400), fc.nat(4_000));
  t.notThrows(() => fc.assert(fc.property(counts, ([requests, others, errors, other_errors]) => {
    const [mine, theirs] = [Math.min(errors, requests), Math.min(other_errors, others)];
    const p = fisherWorse(mine, requests, theirs, others);
    const worse = mine < requests ? fisherWorse(mine + 1, requests, theirs, others) : 0;
    return p >= 0 && p <= 1 && worse <= p + 1e-9;
  })));
});

test('one error alone is never enough; few of few are, where the old version has none', (t) => {
  t.is(judge(sample(1, 1), sample(10_000, 0), LIMITS).kind, 'good');
  t.is(judge(sample(2, 2), sample(200, 0), LIMITS).kind, 'bad');
  t.is(judge(sample(50, 2), sample(5_000, 0), LIMITS).kind, 'bad');
  t.is(judge(sample(100, 2), sample(400, 1), LIMITS).kind, 'good');
});

test('when both fail alike the canary is not blamed, up to the cap', (t) => {
  t.is(judge(sample(1_000, 20), sample(10_000, 200), LIMITS).kind, 'good');
  const verdict = judge(sample(1_000, 120), sample(10_000, 1_200), LIMITS);
  t.is(verdict.kind, 'bad');
  t.regex(verdict.kind === 'bad' ? verdict.why.en : '', /more than 5 % may/);
});

test('latency is judged by how many exceed what the old version allows', (t) => {
  const stable = sample(1_000, 0, [...times(960, 5), ...times(40, 10)]);
  t.is(judge(sample(200, 0, times(200, 25)), stable, LIMITS).kind, 'good', 'within factor and floor');
  t.is(judge(sample(200, 0, [...times(150, 5), ...times(50, 250)]), stable, LIMITS).kind, 'bad');
  t.is(judge(sample(4, 0, [5, 5, 5, 250]), stable, LIMITS).kind, 'good', 'one slow one of four');
  t.is(judge(sample(200, 0, times(200, 250)), sample(20, 0, times(20, 1)), LIMITS).kind, 'good', 'too little to compare with');
});

test('a version like the old one is hardly ever sent back, however often it is looked at', (t) => {
  const random = seededRandom(7);
  let sent_back = 0;
  for (let run = 0; run < 400; run += 1) {
    const [canary, stable] = [{ requests: 0, errors: 0 }, { requests: 0, errors: 0 }];
    for (let look = 0; look < 60; look += 1) {
      for (const [one, count] of [[canary, 20], [stable, 80]] as const) {
        one.requests += count;
        for (let request = 0; request < count; request += 1) one.errors += random.unit() < 0.003 ? 1 : 0;
      }
      if (judge({ ...canary, within: new Map() }, { ...stable, within: new Map() }, LIMITS).kind === 'bad') {
        sent_back += 1;
        break;
      }
    }
  }
  t.true(sent_back <= 8, `${sent_back} of 400`);
});

const WELL: Observation = { percent: 5, reachable: true, since_begin_ms: LIMITS.dwell_ms, blind_ms: 0, canary: sample(100, 0), stable: sample(2_000, 0), reference: NOTHING, canary_ready: 2, stable_ready: 2, freeze: undefined };

test('a step goes on after its time and its requests, and not before', (t) => {
  t.is(decide(WELL, LIMITS).kind, 'go_on');
  t.is(decide({ ...WELL, since_begin_ms: LIMITS.dwell_ms - 1 }, LIMITS).kind, 'wait');
  t.is(decide({ ...WELL, canary: sample(LIMITS.requests_min - 1, 0) }, LIMITS).kind, 'wait');
  t.is(decide({ ...WELL, canary: NOTHING, reachable: false, percent: 0 }, LIMITS).kind, 'go_on', 'nothing can come');
  t.is(decide({ ...WELL, stable_ready: 0 }, LIMITS).kind, 'wait', 'there would be no way back');
  t.is(decide({ ...WELL, canary: sample(100, 2), stable: sample(900, 1) }, LIMITS).kind, 'wait', 'not sure yet');
});

test('bad news does not wait for the step', (t) => {
  const first = { ...WELL, since_begin_ms: 0 };
  for (const worse of [{ canary_ready: 0 }, { canary: sample(3, 3) }, { blind_ms: LIMITS.blind_ms + 1 }, { freeze: { en: 'sale', zh: '开售' } }]) t.is(decide({ ...first, ...worse }, LIMITS).kind, 'roll_back', JSON.stringify(worse));
});

test('what is undecided at its limit goes back', (t) => {
  const late = { ...WELL, since_begin_ms: LIMITS.step_within_ms };
  t.is(decide({ ...late, canary: sample(3, 0) }, LIMITS).kind, 'roll_back');
  t.is(decide({ ...late, canary: sample(100, 2), stable: sample(900, 1) }, LIMITS).kind, 'roll_back');
  t.is(decide(late, LIMITS).kind, 'go_on');
});

test('at 100 % the old version is known by what it did before', (t) => {
  const all = { ...WELL, percent: 100, stable: NOTHING, canary: sample(500, 10) };
  t.is(decide({ ...all, reference: sample(5_000, 1) }, LIMITS).kind, 'roll_back');
  t.is(decide({ ...all, reference: sample(5_000, 100) }, LIMITS).kind, 'go_on');
});

test('counters that begin anew count from nothing', (t) => {
  t.deepEqual(since(sample(10, 1, [5]), sample(4, 0)), sample(6, 1, [5]));
  t.deepEqual(since(sample(3, 1, [5]), sample(10, 0, [5, 5])), sample(3, 1, [5]));
});

test('a quantile is the bound of its bucket, and what exceeds a limit is counted beyond the next bound', (t) => {
  const some = sample(100, 0, [...times(94, 4), ...times(6, 30)]);
  t.deepEqual([quantile_ms(some, 0.5), quantile_ms(some, 0.95), quantile_ms(NOTHING, 0.95)], [5, 50, undefined]);
  t.deepEqual([slowerThan(some, 5), slowerThan(some, 6), slowerThan(some, 26), slowerThan(some, 1_000)], [6, 6, 0, 0]);
  t.is(add(some, some).requests, 200);
});
