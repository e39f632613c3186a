import test from 'ava';
import * as fc from 'fast-check';
import { addDays, daysBetween, epochToServiceSeconds, formatClockTime, formatRfc3339, fromCompactDate, isoWeekday, isServiceDate, parseRfc3339, serviceDateAt, serviceTimeToEpoch_ms, toCompactDate } from './time.ts';

const instant = fc.integer({ min: Date.UTC(1992, 0, 1), max: Date.UTC(2100, 0, 1) });

test('only existing days are service dates', (t) => {
  for (const good of ['2026-01-31', '2024-02-29', '2000-02-29']) t.true(isServiceDate(good), good);
  for (const bad of ['2026-02-30', '2023-02-29', '1900-02-29', '2026-13-01', '2026-00-10', '2026-1-1', '20260101', '2026-01-01T00:00', '', '0026-01-01']) t.false(isServiceDate(bad), bad);
});

test('the day in China begins at 16:00 UTC', (t) => {
  t.is(serviceDateAt(Date.UTC(2026, 0, 14, 15, 59, 59, 999)), '2026-01-14');
  t.is(serviceDateAt(Date.UTC(2026, 0, 14, 16)), '2026-01-15');
});

test('what the platform says about Asia/Shanghai is what we compute', (t) => {
  const platform = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', dateStyle: 'short', timeStyle: 'medium' });
  fc.assert(fc.property(instant, (epoch_ms) => formatRfc3339(epoch_ms).slice(0, 19).replace('T', ' ') === platform.format(epoch_ms)));
  t.pass();
});

test('seconds beyond 24:00 belong to the following days', (t) => {
  t.is(formatRfc3339(serviceTimeToEpoch_ms('2026-02-28', 25 * 3600 + 60)), '2026-03-01T01:01:00.000+08:00');
  t.is(epochToServiceSeconds('2026-02-28', serviceTimeToEpoch_ms('2026-02-28', 90_000)), 90_000);
  t.is(formatClockTime(25 * 3600 + 65), '01:01');
  t.is(formatClockTime(29_100), '08:05');
  t.throws(() => serviceTimeToEpoch_ms('2026-02-30', 0), { instanceOf: RangeError });
});

test('days are counted over months and years', (t) => {
  t.is(addDays('2025-12-31', 1), '2026-01-01');
  t.is(addDays('2024-03-01', -1), '2024-02-29');
  t.is(daysBetween('2025-12-31', '2026-01-15'), 15);
  t.deepEqual(['2026-01-12', '2026-01-18', '1969-12-31'].map(isoWeekday), [1, 7, 3]);
});

test('GTFS dates', (t) => {
  t.is(toCompactDate('2026-01-15'), '20260115');
  t.is(fromCompactDate('20260115'), '2026-01-15');
  t.is(fromCompactDate('20260230'), undefined);
  t.is(fromCompactDate('2026-01-15'), undefined);
});

test('RFC 3339 with any offset comes back as the same instant', (t) => {
  fc.assert(fc.property(instant, (epoch_ms) => parseRfc3339(formatRfc3339(epoch_ms)) === epoch_ms));
  t.is(parseRfc3339('2026-01-15T04:00:00Z'), parseRfc3339('2026-01-15T12:00:00+08:00'));
  for (const bad of ['2026-01-15', '2026-01-15T12:00:00', '2026-02-30T12:00:00Z', 'Thu, 15 Jan 2026', '2026-01-15T25:00:00Z']) t.is(parseRfc3339(bad), undefined, bad);
});
