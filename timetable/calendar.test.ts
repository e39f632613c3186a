import test from 'ava';
import { addDays, isDate, runsOn, serviceDates, serviceSpan, weekdayOf } from './calendar.ts';
import type { ServiceCalendar } from './model.ts';

const WORKDAYS: ServiceCalendar = {
  service_id: 'work',
  start_date: '2026-02-02',
  end_date: '2026-02-15',
  weekdays: [true, true, true, true, true, false, false],
  added_dates: ['2026-02-14', '2026-03-01'],
  removed_dates: ['2026-02-02'],
};

test('a service runs on its weekdays within its dates, with exceptions added and removed', (t) => {
  t.false(runsOn(WORKDAYS, '2026-02-02'), 'removed Monday');
  t.true(runsOn(WORKDAYS, '2026-02-03'));
  t.false(runsOn(WORKDAYS, '2026-02-07'), 'Saturday');
  t.true(runsOn(WORKDAYS, '2026-02-14'), 'added Saturday');
  t.false(runsOn(WORKDAYS, '2026-02-16'), 'after the end');
  t.true(runsOn(WORKDAYS, '2026-03-01'), 'added after the end');
  t.deepEqual(serviceDates(WORKDAYS, '2026-02-12', '2026-02-20'), ['2026-02-12', '2026-02-13', '2026-02-14']);
  t.deepEqual(serviceSpan(WORKDAYS), { first: '2026-02-03', last: '2026-03-01' });
});

test('a service without a running day has no span', (t) => {
  t.is(serviceSpan({ ...WORKDAYS, weekdays: WORKDAYS.weekdays.map(() => false), added_dates: [] }), undefined);
});

test('dates are days that exist', (t) => {
  t.true(isDate('2028-02-29'));
  for (const text of ['2026-02-29', '2026-13-01', '2026-1-1', '20260101', '', '2026-02-30']) t.false(isDate(text), text);
  t.is(addDays('2026-02-28', 1), '2026-03-01');
  t.is(addDays('2026-01-01', -1), '2025-12-31');
  t.is(weekdayOf('2026-02-16'), 0);
});
