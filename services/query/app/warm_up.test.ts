import test from 'ava';
import { ManualClock } from '#kit/base/clock.ts';
import { parseRfc3339 } from '#kit/base/time.ts';
import { Popular } from './popular.ts';
import { warmUp } from './warm_up.ts';

const openings = () => [{ name: '春运', start: '08:00', lasts_min: 30 }];
const at = (text: string): number => parseRfc3339(text)!;

test('answers are made in the two minutes before an opening, for the last date on sale', async (t) => {
  const dates: string[] = [];
  const ask = async (date: string): Promise<void> => void dates.push(date);
  const look = (time: string) => warmUp({ openings, clock: new ManualClock(at(time)), ask });
  t.false(await look('2026-11-21T07:57:59+08:00'));
  t.true(await look('2026-11-21T07:58:00+08:00'));
  t.true(await look('2026-11-21T07:59:59+08:00'));
  t.false(await look('2026-11-21T08:00:00+08:00'), 'it has begun: everybody asks anyhow');
  t.deepEqual(dates, ['2026-12-05', '2026-12-05']);
});

test('what is asked most comes first, and what is asked once goes when there is no room', (t) => {
  const popular = new Popular();
  for (let index = 0; index < 3; index += 1) popular.note('often');
  popular.note('twice');
  popular.note('twice');
  for (let index = 0; index < 5_000; index += 1) popular.note(`once ${index}`);
  t.deepEqual(popular.top(2), ['often', 'twice']);
  t.true(popular.top(10_000).length < 10);
});
