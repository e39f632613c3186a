import test from 'ava';
import fc from 'fast-check';
import { capacityShare, latencyAt, measured, type HoldLatency } from './capacity.ts';

const TARGET_MS = 1000;
const after = (latencies_ms: number[], known?: HoldLatency): HoldLatency => latencies_ms.reduce<HoldLatency | undefined>((so_far, latency_ms, index) => measured(so_far, latency_ms, index * 100), known)!;

test('a queue keeps its pace while places are held in time', (t) => {
  t.is(capacityShare(undefined, TARGET_MS, 0), 1);
  t.is(capacityShare(after([5, 300, 999]), TARGET_MS, 200), 1);
});

test('five slow calls halve the pace, and one does not', (t) => {
  const steady = after([50, 50, 50]);
  t.is(capacityShare(measured(steady, 2500, 300), TARGET_MS, 300), 1);
  const slow = [2500, 2500, 2500, 2500, 2500].reduce((so_far, latency_ms) => measured(so_far, latency_ms, 300), steady);
  t.true(capacityShare(slow, TARGET_MS, 300) < 0.55);
});

test('it recovers by itself: with fast calls, and with time', (t) => {
  const slow = after([3000, 3000, 3000]);
  t.true(capacityShare(slow, TARGET_MS, 200) < 0.4);
  t.is(capacityShare([10, 10, 10, 10, 10].reduce((so_far, latency_ms) => measured(so_far, latency_ms, 200), slow), TARGET_MS, 200), 1);
  t.is(capacityShare(slow, TARGET_MS, 10_000), 1);
  t.true(latencyAt(slow, 5200) < 1600 && latencyAt(slow, 5200) > 1400);
});

test('whatever is measured, some go and never more than all', (t) => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 30 }), fc.integer({ min: 50, max: 10_000 }), (latencies_ms, target_ms) => {
    const share = capacityShare(after(latencies_ms), target_ms, latencies_ms.length * 100);
    t.true(share > 0 && share <= 1);
    if (latencies_ms.every((latency_ms) => latency_ms <= target_ms)) t.is(share, 1);
  }));
});
