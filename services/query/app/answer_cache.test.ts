import test from 'ava';
import { seededRandom } from '#kit/base/random.ts';
import { AnswerCache, OLDEST_MS, type Made } from './answer_cache.ts';

function world() {
  const now = { ms: 1_000_000 };
  const clock = { now_ms: () => now.ms, monotonic_ms: () => now.ms };
  const states = new Map<string, object>([['G1', {}], ['G2', {}]]);
  const told = { changes: 0, freshness: 0, timetable: {} };
  const cache = new AnswerCache<string>({ timetable: () => told.timetable, changes: () => told.changes, freshness: () => told.freshness, stateOf: (run_id) => states.get(run_id) }, clock, seededRandom(1));
  const change = (run_id: string): void => {
    states.set(run_id, {});
    told.changes += 1;
  };
  const made = (more: Partial<Made<string>> = {}): Made<string> => ({ value: 'page', size_bytes: 10, run_ids: ['G1'], ends_ms: Infinity, lasting: true, ...more });
  return { now, told, cache, change, made };
}

test('an answer is given again until a run in it changes', (t) => {
  const { cache, change, made } = world();
  cache.put('a', made());
  change('G2');
  t.is(cache.get('a'), 'page', 'another run is none of its business');
  change('G1');
  t.is(cache.get('a'), undefined);
  t.is(cache.size_bytes(), 0);
});

test('a new timetable, or numbers that become stale, end every answer', (t) => {
  const { cache, told, made } = world();
  cache.put('a', made());
  told.freshness += 1;
  t.is(cache.get('a'), undefined);
  cache.put('a', made());
  told.timetable = {};
  t.is(cache.get('a'), undefined);
});

test('it lives for 200 to 500 ms, one that lasts up to twenty seconds, and none beyond the moment that changes it', (t) => {
  const { cache, now, made } = world();
  cache.put('short', made({ lasting: false }));
  cache.put('long', made());
  cache.put('ends', made({ ends_ms: now.ms + 100 }));
  now.ms += 99;
  t.deepEqual(['short', 'long', 'ends'].map((key) => cache.get(key)), ['page', 'page', 'page']);
  now.ms += 100;
  t.deepEqual(['short', 'long', 'ends'].map((key) => cache.get(key)), ['page', 'page', undefined]);
  now.ms += 302;
  t.deepEqual(['short', 'long'].map((key) => cache.get(key)), [undefined, 'page']);
  for (let waited = 0; waited < OLDEST_MS; waited += 1000) {
    cache.get('long');
    now.ms += 1000;
  }
  t.is(cache.get('long'), undefined);
});

test('the room is limited: the oldest go', (t) => {
  const { cache, made } = world();
  for (let index = 0; index < 40; index += 1) cache.put(`k${index}`, made({ size_bytes: 1 << 20 }));
  t.is(cache.size_bytes(), 32 << 20);
  t.is(cache.get('k7'), undefined);
  t.is(cache.get('k8'), 'page');
});
