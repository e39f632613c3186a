import test from 'ava';
import fc from 'fast-check';
import { estimate_ms, fullBucket, nextToken_ms, paceOf, QUEUE_CAP, queueCap, refill, takeable, USUAL_LIMITS, type PaceLimits, type Stock } from './pace.ts';
import { priorityOf, scoreOf, SEQUENCE_LIMIT } from './priority.ts';

const stock: fc.Arbitrary<Stock> = fc.record({ seats_at_opening: fc.nat(200_000), seats_free: fc.nat(200_000) });
/** Whatever an operator may have set. */
const limits: fc.Arbitrary<PaceLimits> = fc.record({ max_entries: fc.integer({ min: 1, max: QUEUE_CAP }), drain_share_per_s: fc.double({ min: 0, max: 1, noNaN: true }), max_drain_per_s: fc.integer({ min: 1, max: 2000 }), min_drain_per_s: fc.double({ min: 0.1, max: 2000, noNaN: true }), hold_target_ms: fc.integer({ min: 50, max: 10_000 }), queue_share: fc.double({ min: 0.01, max: 1, noNaN: true }) });
const rateOf = (seats: Stock, set: PaceLimits): number => paceOf(seats, set).drain_per_s;

test('the pace is 2 % of what is free, at most 2000, and never below the floor', (t) => {
  const usual = (seats_at_opening: number, seats_free: number) => rateOf({ seats_at_opening, seats_free }, USUAL_LIMITS);
  t.is(usual(1000, 1000), 20);
  t.is(usual(1000, 10), 20, 'the floor: all of them in 50 s');
  t.is(usual(1000, 5000), 100);
  t.is(usual(500_000, 500_000), 2000);
  t.is(usual(0, 0), 1);
});

test('an operator slows the pace and shortens the queue, down to one of each', (t) => {
  const full = { seats_at_opening: 1000, seats_free: 1000 };
  t.is(rateOf(full, { ...USUAL_LIMITS, drain_share_per_s: 0.005 }), 5, 'the floor goes down with the share');
  t.is(rateOf(full, { ...USUAL_LIMITS, drain_share_per_s: 0 }), 1);
  t.is(rateOf(full, { ...USUAL_LIMITS, max_drain_per_s: 3 }), 3);
  t.is(queueCap(20, { ...USUAL_LIMITS, max_entries: 7 }), 7);
  t.is(queueCap(20, { ...USUAL_LIMITS, max_entries: 10 * QUEUE_CAP }), 18_000);
  fc.assert(fc.property(stock, limits, (seats, set) => {
    const rate = rateOf(seats, set);
    t.true(rate >= Math.min(set.min_drain_per_s, set.max_drain_per_s) && rate <= set.max_drain_per_s);
    t.true(queueCap(rate, set) >= 1 && queueCap(rate, set) <= set.max_entries);
  }));
});

test('nobody is let in who could not be served while the token lives', (t) => {
  fc.assert(fc.property(stock, limits, (seats, set) => {
    const rate = rateOf(seats, set);
    t.true(queueCap(rate, set) <= QUEUE_CAP && queueCap(rate, set) <= Math.max(1, rate * 900));
    t.true(estimate_ms(queueCap(rate, set) - 1, rate) <= 900_000);
  }));
});

test('an idle run makes nobody wait, and the estimate grows with those ahead', (t) => {
  fc.assert(fc.property(stock, limits, fc.nat(50_000), (seats, set, ahead) => {
    const rate = rateOf(seats, set);
    t.is(estimate_ms(0, rate), 0);
    t.true(takeable(fullBucket(rate, 0)) >= 1);
    t.true(estimate_ms(ahead + 1, rate) >= estimate_ms(ahead, rate));
  }));
});

test('over any stretch of time no more leave than the burst and the rate allow', (t) => {
  fc.assert(fc.property(stock, limits, fc.array(fc.nat(700), { maxLength: 60 }), (seats, set, pauses) => {
    const rate = rateOf(seats, set);
    let bucket = fullBucket(rate, 0);
    let [now_ms, left] = [0, 0];
    for (const pause of pauses) {
      now_ms += pause;
      bucket = refill(bucket, rate, now_ms);
      const count = takeable(bucket);
      left += count;
      bucket = { ...bucket, tokens: bucket.tokens - count };
    }
    t.true(left <= Math.max(1, rate) + (now_ms / 1000) * rate + 1e-6);
  }));
});

test('after the time it names there is a token', (t) => {
  fc.assert(fc.property(stock, limits, (seats, set) => {
    const rate = rateOf(seats, set);
    const empty = { tokens: 0, at_ms: 0 };
    t.true(takeable(refill(empty, rate, nextToken_ms(empty, rate))) >= 1);
  }));
});

test('a clock that goes back gives no tokens', (t) => {
  t.is(refill({ tokens: 0, at_ms: 1000 }, 10, 0).tokens, 0);
});

test('entries are served by priority, then by arrival', (t) => {
  fc.assert(fc.property(fc.nat(2), fc.nat(2), fc.maxSafeNat(), fc.maxSafeNat(), (p1, p2, s1, s2) => {
    const [left, right] = [s1 % SEQUENCE_LIMIT, s2 % SEQUENCE_LIMIT];
    t.is(Math.sign(scoreOf(p1, left) - scoreOf(p2, right)), Math.sign(p1 - p2) || Math.sign(left - right));
    t.true(Number.isSafeInteger(scoreOf(p1, left)));
  }));
  t.deepEqual([priorityOf({ member_level: 5, accompanied_need: true }), priorityOf({ member_level: 4, accompanied_need: false }), priorityOf({ member_level: 3, accompanied_need: false })], [0, 1, 2]);
});
