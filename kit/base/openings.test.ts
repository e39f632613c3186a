import test from 'ava';
import { openingAt } from './openings.ts';

const at = (text: string): number => Date.parse(`${text}+08:00`);
const daily = { name: 'morning', start: '08:00', lasts_min: 30 };

test('a daily opening is on from its minute until it is over, each day anew', (t) => {
  for (const day of ['2026-01-15', '2026-02-28']) {
    t.is(openingAt([daily], at(`${day}T07:59:59.999`)), undefined);
    t.like(openingAt([daily], at(`${day}T08:00:00`)), { name: 'morning', end_ms: at(`${day}T08:30:00`) });
    t.is(openingAt([daily], at(`${day}T08:30:00`)), undefined);
  }
});

test('what lasts past midnight is still yesterday’s, and what begins soon may count already', (t) => {
  const late = { name: 'late', start: '23:50', lasts_min: 20 };
  t.like(openingAt([late], at('2026-01-16T00:05:00')), { start_ms: at('2026-01-15T23:50:00') });
  const midnight = { name: 'midnight', start: '00:00', lasts_min: 5 };
  t.is(openingAt([midnight], at('2026-01-15T23:50:00')), undefined);
  t.like(openingAt([midnight], at('2026-01-15T23:50:00'), 15 * 60_000), { start_ms: at('2026-01-16T00:00:00') });
});

test('an opening of one day is on once; of several the one that ends last is named', (t) => {
  const once = { name: 'festival', start: '2026-01-15T08:10:00+08:00', lasts_min: 60 };
  t.is(openingAt([daily, once], at('2026-01-15T08:15:00'))?.name, 'festival');
  t.is(openingAt([once], at('2026-01-16T08:15:00')), undefined);
});
