import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { MoneySchema } from '#gen/rail/type/v1/money_pb.ts';
import { clockTime, countdown, dateAndTime, duration, fullDate, midnightsBetween, price, saleWindow, waitEstimate, weekdayOrNear } from './format.ts';
import { zh } from './zh.ts';

const at = (text: string) => timestampFromMs(Date.parse(text));

test('[web] times are China’s whatever zone the browser is in', (t) => {
  t.is(clockTime(at('2026-01-27T23:30:00Z')), '07:30');
  t.is(dateAndTime(at('2026-01-27T16:00:00Z')), '01-28 00:00');
  t.is(clockTime(undefined), '--:--');
});

test('[web] an arrival after midnight in China counts as the next day', (t) => {
  t.is(midnightsBetween(at('2026-01-28T15:59:00Z'), at('2026-01-28T16:01:00Z')), 1);
  t.is(midnightsBetween(at('2026-01-27T16:00:00Z'), at('2026-01-28T15:59:00Z')), 0);
});

test('[web] prices show cents only where there are any', (t) => {
  t.is(price(create(MoneySchema, { amountFen: 55_300n })), '¥553');
  t.is(price(create(MoneySchema, { amountFen: 132_350n })), '¥1,323.50');
  t.is(price(undefined), '--');
});

test('[web] dates, days and durations', (t) => {
  t.is(fullDate('2026-02-16', zh), '2026年2月16日 周一');
  t.is(weekdayOrNear('2026-02-17', '2026-02-16', zh), '明天');
  t.is(weekdayOrNear('2026-02-19', '2026-02-16', zh), '周四');
  t.is(duration(16_560, zh), '4时36分');
  const days = saleWindow('2026-02-20');
  t.deepEqual([days.length, days[0], days.at(-1)], [15, '2026-02-20', '2026-03-06']);
});

test('[web] the countdown never shows less than nothing', (t) => {
  t.is(countdown(599_001), '10:00');
  t.is(countdown(59_000), '00:59');
  t.is(countdown(-5_000), '00:00');
});

test('[web] waits are told as roughly as they are known', (t) => {
  t.is(waitEstimate(4_000, zh), '预计不到一分钟');
  t.is(waitEstimate(42_000, zh), '预计等待 约 40 秒');
  t.is(waitEstimate(200_000, zh), '预计等待 约 3 分钟');
});
