import test from 'ava';
import * as fc from 'fast-check';
import { ManualClock } from './clock.ts';
import { FailureError } from './result.ts';
import { EPOCH_MS, geneOf, GENES, joinSnowflake, SnowflakeGenerator, splitSnowflake, WORKERS } from './snowflake.ts';

const parts = fc.record({ time_ms: fc.integer({ min: EPOCH_MS, max: EPOCH_MS + 2 ** 41 - 1 }), worker: fc.nat(WORKERS - 1), gene: fc.nat(GENES - 1), sequence: fc.nat(127) });

test('every id fits a signed int64 and gives its parts back', (t) => {
  fc.assert(fc.property(parts, (given) => {
    const id = joinSnowflake(given);
    t.true(id >= 0n && id < 1n << 63n);
    t.deepEqual(splitSnowflake(id), given);
    t.is(geneOf(id), given.gene);
  }));
});

test('ids of one worker are different and grow, whatever the clock does', (t) => {
  const step = fc.oneof(fc.record({ kind: fc.constant('make' as const), count: fc.integer({ min: 1, max: 400 }) }), fc.record({ kind: fc.constant('wall' as const), count: fc.integer({ min: -500, max: 500 }) }));
  fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    const clock = new ManualClock();
    const generator = new SnowflakeGenerator({ clock, worker: 3, after_ms: clock.now_ms() - 10_000 });
    let last = 0n;
    for (const { kind, count } of steps) {
      if (kind === 'wall') clock.stepWall(count);
      else for (let made = 0; made < count; made += 1) {
        const id = generator.next(made % GENES);
        // The gene stands above the sequence, so growth is by time and sequence.
        const { time_ms, sequence } = splitSnowflake(id);
        const order = BigInt(time_ms) * 128n + BigInt(sequence);
        t.true(order > last);
        last = order;
      }
    }
  }), { numRuns: 50 });
});

test('a successor makes no id until its predecessor\'s last time has passed', async (t) => {
  const clock = new ManualClock();
  const generator = new SnowflakeGenerator({ clock, worker: 1, after_ms: clock.now_ms() + 250 });
  const refused = t.throws(() => generator.next(0), { instanceOf: FailureError });
  t.is(refused.failure.reason, 'LEASE_LOST');
  const slept: number[] = [];
  await generator.ready(async (ms) => { slept.push(ms); clock.advance(ms); });
  t.deepEqual(slept, [251]);
  t.true(splitSnowflake(generator.next(0)).time_ms > clock.now_ms() - 1);
});

test('a lost lease and a used-up reservation refuse for good', (t) => {
  const clock = new ManualClock();
  const generator = new SnowflakeGenerator({ clock, worker: 1, after_ms: 0, reserved_until_ms: clock.now_ms() + 1000 });
  generator.next(0);
  clock.advance(1001);
  t.is(t.throws(() => generator.next(0), { instanceOf: FailureError }).failure.reason, 'LEASE_LOST');
  generator.extend(clock.now_ms() + 1000);
  const id = generator.next(0);
  t.is(splitSnowflake(id).time_ms, generator.last_ms());
  generator.declareLost();
  generator.extend(clock.now_ms() + 9000);
  t.is(t.throws(() => generator.next(0), { instanceOf: FailureError }).failure.reason, 'LEASE_LOST');
});

test('a burst may run ahead of the clock, but not for long', (t) => {
  const clock = new ManualClock();
  const generator = new SnowflakeGenerator({ clock, worker: 1, after_ms: 0 });
  const refused = t.throws(() => { for (;;) generator.next(0); }, { instanceOf: FailureError });
  t.is(refused.failure.reason, 'OVERLOADED');
  t.true(generator.last_ms() - clock.now_ms() <= 2000);
  clock.advance(3000);
  t.notThrows(() => generator.next(0));
});

test('parts out of range are bugs', (t) => {
  const clock = new ManualClock();
  t.throws(() => new SnowflakeGenerator({ clock, worker: WORKERS, after_ms: 0 }), { instanceOf: RangeError });
  t.throws(() => new SnowflakeGenerator({ clock, worker: 1, after_ms: 0 }).next(GENES), { instanceOf: RangeError });
});
