import test from 'ava';
import { decide, tightened, track, type Crossings, type Protection, type ProtectionLimits, type Seen, type Signals } from './protection.ts';
import { worstOf, type Report } from './signals.ts';

const LIMITS: ProtectionLimits = { latency_p95_ms: 1000, error_share: 0.1, queue_entries: 100, min_calls: 10, after_s: 5, leave_share: 0.5, min_stay_s: 60 };
const OFF: Protection = { active: false, reason: 'NONE', detail: '', since_ms: 0 };
const slow = (value: number): Signals => ({ latency_p95_ms: { value, service: 'order' } });

/** Time as the evaluator sees it: a second a step. */
function watching(start_ms = 1_000_000) {
  let now_ms = start_ms;
  let state = OFF;
  let crossings: Crossings = {};
  const switches: string[] = [];
  return {
    switches,
    state: () => state,
    pass(seconds: number, signals: Signals | undefined, seen: Partial<Seen> = {}) {
      for (let second = 0; second < seconds; second += 1) {
        crossings = track(crossings, signals, LIMITS, now_ms);
        const next = decide(state, { mode: 'auto', opening: undefined, signals, crossings, ...seen }, LIMITS, now_ms);
        if (next.active !== state.active) switches.push(`${next.active ? 'on' : 'off'} ${next.reason}`);
        state = next;
        now_ms += 1000;
      }
      return state;
    },
  };
}

test('a limit that stays crossed switches on, and says which and since when', (t) => {
  const time = watching();
  t.false(time.pass(5, slow(2000)).active, 'not yet');
  t.like(time.pass(1, slow(2000)), { active: true, reason: 'LATENCY', detail: 'latency_p95_ms 2000 > 1000 (order)', since_ms: 1_005_000 });
  for (const [signals, reason] of [[{ error_share: { value: 0.2, service: 'payment' } }, 'ERRORS'], [{ queue_entries: { value: 101, service: 'order' } }, 'QUEUE']] as const) {
    t.is(watching().pass(6, signals).reason, reason);
  }
});

test('a short peak, and one that is over now and then, switches nothing on', (t) => {
  const time = watching();
  for (let round = 0; round < 20; round += 1) {
    time.pass(5, slow(2000));
    time.pass(1, slow(900));
  }
  t.deepEqual(time.switches, []);
});

test('it stays its shortest time, then until all is well below the limit: nothing flutters', (t) => {
  const time = watching();
  time.pass(6, slow(2000));
  t.true(time.pass(59, slow(100)).active, 'the shortest stay');
  t.false(time.pass(1, slow(100)).active);
  t.deepEqual(time.switches, ['on LATENCY', 'off NONE']);
  time.pass(6, slow(2000));
  t.true(time.pass(600, slow(900)).active, 'below the limit, but not calm');
  t.true(time.pass(60, { ...slow(100), error_share: { value: 0.09, service: 'order' } }).active, 'another signal is not calm');
  t.false(time.pass(1, slow(500)).active);
});

test('silence switches nothing on, and what a measurement switched on stays until somebody measures again', (t) => {
  const time = watching();
  t.false(time.pass(1000, undefined).active);
  time.pass(4, slow(2000));
  time.pass(1, undefined);
  t.false(time.pass(4, slow(2000)).active, 'a gap is not a crossing that lasts');
  time.pass(2, slow(2000));
  t.true(time.pass(1000, undefined).active);
  t.false(time.pass(1, slow(1)).active);
});

test('an opening switches on at once, and off after it when nothing else is wrong', (t) => {
  const time = watching();
  t.like(time.pass(1, undefined, { opening: 'morning' }), { active: true, reason: 'OPENING', detail: 'morning' });
  time.pass(100, undefined, { opening: 'morning' });
  t.false(time.pass(1, undefined).active, 'with nobody who measures the clock is enough');
  time.pass(1, slow(1), { opening: 'noon' });
  t.true(time.pass(60, slow(800)).active);
  t.like(time.pass(6, slow(2000)), { active: true, reason: 'LATENCY' });
  t.false(time.pass(1, slow(1)).active);
});

test('operators have the last word, both ways, and give it back', (t) => {
  const time = watching();
  t.like(time.pass(1, undefined, { mode: 'on' }), { active: true, reason: 'FORCED' });
  t.like(time.pass(1, undefined), { active: false, reason: 'NONE' });
  t.like(time.pass(100, slow(9000), { mode: 'off', opening: 'morning' }), { active: false, reason: 'FORCED' });
  t.like(time.pass(1, slow(9000)), { active: true, reason: 'LATENCY' });
});

test('limits under protection are stricter and never nothing', (t) => {
  t.deepEqual(tightened({ per_s: 3, burst: 10 }, 0.5), { per_s: 1.5, burst: 5 });
  t.deepEqual(tightened({ per_s: 3, burst: 1 }, 0.01), { per_s: 0.03, burst: 1 });
});

const report = (service: string, process: string, counts: [number, number, number], more: Partial<Report> = {}): Report => ({
  service, process, calls: counts.reduce((a, b) => a + b), failed: 0, latency_bounds_ms: [100, 1000], latency_counts: counts, ...more,
});

test('processes of a service are judged together, services each by itself', (t) => {
  t.is(worstOf([], 1), undefined);
  const one_of_many = [report('order', 'a', [990, 0, 0]), report('order', 'b', [0, 10, 0])];
  t.deepEqual(worstOf(one_of_many, 10)?.latency_p95_ms, { value: 100, service: 'order' });
  t.deepEqual(worstOf([...one_of_many, report('payment', 'c', [0, 0, 10], { failed: 3 })], 10), {
    latency_p95_ms: { value: 2000, service: 'payment' }, error_share: { value: 0.3, service: 'payment' },
  });
});

test('few calls measure nothing, and a shared queue is counted once', (t) => {
  t.deepEqual(worstOf([report('order', 'a', [0, 0, 9], { failed: 9 })], 10), {});
  t.deepEqual(worstOf([report('order', 'a', [0, 0, 0], { queue_entries: 70 }), report('order', 'b', [0, 0, 0], { queue_entries: 80 })], 10), { queue_entries: { value: 80, service: 'order' } });
});
