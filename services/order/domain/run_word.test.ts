import test from 'ava';
import type { Journey } from './order.ts';
import { takeWord } from './run_change.ts';
import { isCancelled, journeyUnder, latestArrival_ms, nextNews, type RunWord } from './run_word.ts';
import { journey, NOW_MS, sampleOrder } from './samples.ts';

const REASON = { zh: '暴雨', en: 'heavy rain' };
const common = (revision: number) => ({ run_id: journey.run_id, revision, reason: { ...REASON, en: `rain ${revision}` }, part: 1, parts: 1, orders: [] });
const times = (revision: number, from_ms: number | undefined, to_ms: number | undefined): RunWord => ({
  ...common(revision), kind: 'times', stops: [
    ...(from_ms === undefined ? [] : [{ index: 0, arrival_ms: 1, departure_ms: journey.departure_ms + from_ms }]),
    { index: 2, arrival_ms: 2, departure_ms: 3 },
    ...(to_ms === undefined ? [] : [{ index: 3, arrival_ms: journey.arrival_ms + to_ms, departure_ms: 4 }]),
  ],
});
const running = (revision: number, kind: 'cancelled' | 'restored'): RunWord => ({ ...common(revision), kind });
const coaches = (revision: number, seats: string[], more: { part?: number; parts?: number } = {}): RunWord => ({ ...common(revision), ...more, kind: 'coaches', orders: seats.length === 0 ? [] : [{ order_id: '100', seats }] });

/** What an order knows in the end when words come one by one and it is told of each. */
function afterAll(words: readonly RunWord[]): Journey {
  return words.reduce((known, _, index) => journeyUnder('100', known, words.slice(0, index + 1)), journey);
}

function permutations<T>(list: readonly T[]): T[][] {
  return list.length < 2 ? [[...list]] : list.flatMap((one, index) => permutations(list.toSpliced(index, 1)).map((rest) => [one, ...rest]));
}

test('in whatever order words come, and however often, an order ends at the same times, state and seats', (t) => {
  const words = [times(10, 60_000, 120_000), times(12, undefined, 600_000), running(11, 'cancelled'), running(13, 'restored'), coaches(14, ['01-1A SECOND']), coaches(15, [])];
  const wanted = { departure_ms: journey.departure_ms + 60_000, arrival_ms: journey.arrival_ms + 600_000 };
  for (const some of permutations(words)) {
    const ended = afterAll([...some, ...some]);
    t.like(ended, wanted);
    t.like(ended.change, { cancelled: false, gone: [], ordered: { departure_ms: journey.departure_ms, arrival_ms: journey.arrival_ms } });
    t.is(nextNews('100', ended, some), undefined, 'it knows all of it');
  }
});

test('words that the order was placed with, of other runs and of other stops say nothing to it', (t) => {
  t.is(nextNews('100', { ...journey, revision: 12 }, [times(12, 60_000, 0), running(11, 'cancelled')]), undefined);
  t.like(nextNews('100', { ...journey, revision: 12 }, [times(13, 60_000, undefined)]), { kind: 'TIMES', revision: 13 });
  t.is(nextNews('100', { ...journey, run_id: 'G2.20260116' }, [times(13, 60_000, 0)]), undefined);
  t.is(nextNews('100', journey, [times(13, undefined, undefined)]), undefined);
});

test('a train that would arrive before it leaves waits for the word between', (t) => {
  const late = times(12, 86_400_000, undefined);
  t.is(nextNews('100', journey, [late]), undefined);
  t.like(nextNews('100', journey, [late, times(11, 86_000_000, 86_400_000)]), { kind: 'TIMES', journey: { departure_ms: journey.departure_ms + 86_400_000, arrival_ms: journey.arrival_ms + 86_400_000 } });
});

test('while it is cancelled nothing else is told; when it runs again, what was said meanwhile is', (t) => {
  const cancelled = nextNews('100', journey, [running(11, 'cancelled')])!;
  t.like(cancelled, { kind: 'CANCELLED', revision: 11, journey: { change: { cancelled: true, cancelled_revision: 11 } } });
  const words = [running(11, 'cancelled'), times(12, 60_000, 60_000)];
  t.is(nextNews('100', cancelled.journey, words), undefined);
  const restored = nextNews('100', cancelled.journey, [...words, running(13, 'restored')])!;
  t.like(restored, { kind: 'RESTORED', revision: 13, journey: { change: { cancelled: false, cancelled_revision: 11 } } });
  t.is(nextNews('100', restored.journey, [...words, running(13, 'restored')])!.kind, 'TIMES');
  t.is(nextNews('100', cancelled.journey, []), undefined, 'without words nothing is taken back');
  t.true(isCancelled(words));
  t.false(isCancelled([...words, running(13, 'restored')]));
});

test('that a seat is back is known when all parts of the last word are', (t) => {
  const gone = journeyUnder('100', journey, [coaches(10, ['01-1A SECOND'])]);
  t.deepEqual(gone.change!.gone, ['01-1A SECOND']);
  t.is(nextNews('100', gone, [coaches(10, ['01-1A SECOND']), coaches(11, [], { part: 2, parts: 2 })]), undefined);
  t.like(nextNews('100', gone, [coaches(10, ['01-1A SECOND']), coaches(11, [], { part: 2, parts: 2 }), coaches(11, [], { parts: 2 })]), { kind: 'SEATS', journey: { change: { gone: [] } } });
});

test('an order takes a word without a move of its items; one that is over, or owes a refund by its version, takes none', (t) => {
  const change = takeWord(sampleOrder('SUCCESS', 'REFUND', 'CLOSED'), [times(12, 60_000, 60_000)], NOW_MS)!;
  t.deepEqual([change.moves, change.after.version, change.news!.item_nos], [[], 2, [1, 2]]);
  t.deepEqual(change.after.items, change.before.items);
  for (const state of ['CLOSED', 'FAIL'] as const) t.is(takeWord(sampleOrder(state), [times(12, 60_000, 60_000)], NOW_MS), undefined);
});

test('tickets have to count until the latest arrival that was ever said', (t) => {
  t.is(latestArrival_ms([times(12, 0, 0), times(11, 0, 60_000)]), journey.arrival_ms + 60_000);
  t.is(latestArrival_ms([running(11, 'cancelled')]), undefined);
});
