import test from 'ava';
import { expectedNext, inOrder } from './explain.ts';
import { isPeak } from './job.ts';

const at = (hour: number): number => Date.parse(`2026-01-15T${String(hour).padStart(2, '0')}:30:00+08:00`);

test('heavy jobs stay out of sale openings and the day', (t) => {
  t.deepEqual([0, 8, 12, 18].map((hour) => isPeak(at(hour))), [true, true, true, true]);
  t.deepEqual([1, 3, 7, 19, 23].map((hour) => isPeak(at(hour))), [false, false, false, false, false]);
});

test('a final state expects nothing, every other says what comes', (t) => {
  t.deepEqual(expectedNext('CLOSED'), { zh: '', en: '' });
  t.deepEqual(expectedNext('SUCCESS'), { zh: '', en: '' });
  for (const state of ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'FAIL', 'REFUND', 'CHANGE']) t.not(expectedNext(state).zh, '');
});

test('what happened is told in order of time', (t) => {
  const happening = (time_ms: number) => ({ time_ms, service: '', what: String(time_ms), text_zh: '', text_en: '', trace_id: '' });
  t.deepEqual(inOrder([happening(3), happening(1), happening(2)]).map(({ what }) => what), ['1', '2', '3']);
});
