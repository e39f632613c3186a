import { addDays, serviceSpan } from '../calendar.ts';
import type { ServiceCalendar } from '../model.ts';
import type { Archive } from './archive.ts';
import { MAX_FEED_DAYS } from './limits.ts';
import type { Problems } from './problems.ts';
import { readTable } from './table.ts';
import { Cells } from './values.ts';

const CALENDAR = 'calendar.txt';
const DATES = 'calendar_dates.txt';
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

/** Services by id from calendar.txt and calendar_dates.txt, of which at least one must be there. */
export async function readServices(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<Map<string, ServiceCalendar>> {
  const services = new Map<string, ServiceCalendar>();
  if (!archive.has(CALENDAR) && !archive.has(DATES)) {
    problems.error(CALENDAR, 0, 'missing_file', `neither ${CALENDAR} nor ${DATES} is in the feed`);
    return services;
  }
  if (archive.has(CALENDAR)) await readWeekly(archive, problems, services, signal);
  if (archive.has(DATES)) await readDates(archive, problems, services, signal);
  checkSpan(services, problems);
  return services;
}

async function readWeekly(archive: Archive, problems: Problems, services: Map<string, ServiceCalendar>, signal?: AbortSignal): Promise<void> {
  const cells = new Cells(CALENDAR, problems);
  const required_columns = ['service_id', ...WEEKDAYS, 'start_date', 'end_date'];
  await readTable(archive, CALENDAR, problems, { required_columns, signal }, (row) => {
    const service_id = cells.text(row, 'service_id');
    const weekdays = WEEKDAYS.map((day) => cells.flag(row, day));
    const start_date = cells.date(row, 'start_date');
    const end_date = cells.date(row, 'end_date');
    if (service_id === undefined) return;
    if (services.has(service_id)) problems.error(CALENDAR, row.line, 'duplicate_id', `service_id ${service_id} appears twice`, 'service_id');
    if (start_date !== undefined && end_date !== undefined) {
      if (end_date < start_date) problems.error(CALENDAR, row.line, 'bad_date', 'end_date is before start_date', 'end_date');
      if (addDays(start_date, MAX_FEED_DAYS) < end_date) {
        problems.error(CALENDAR, row.line, 'bad_date', `the service lasts longer than ${MAX_FEED_DAYS} days`, 'end_date');
      }
    }
    // A weekly pattern without a day says nothing; only its exceptions count, and content alone makes the version.
    // A date that could not be read is reported; the service stays known so that its trips are not reported too.
    const is_weekly = weekdays.includes(true) && start_date !== undefined && end_date !== undefined;
    services.set(service_id, {
      service_id,
      start_date: is_weekly ? start_date : '',
      end_date: is_weekly ? end_date : '',
      weekdays: weekdays.map((runs) => is_weekly && runs === true),
      added_dates: [],
      removed_dates: [],
    });
  });
}

async function readDates(archive: Archive, problems: Problems, services: Map<string, ServiceCalendar>, signal?: AbortSignal): Promise<void> {
  const cells = new Cells(DATES, problems);
  const exceptions = new Map<string, Map<string, number>>();
  const required_columns = ['service_id', 'date', 'exception_type'];
  await readTable(archive, DATES, problems, { required_columns, signal }, (row) => {
    const service_id = cells.text(row, 'service_id');
    const date = cells.date(row, 'date');
    const type = cells.integer(row, 'exception_type', 1, 2);
    if (service_id === undefined || date === undefined || type === undefined) return;
    const dates = exceptions.get(service_id) ?? new Map<string, number>();
    if (dates.has(date)) problems.error(DATES, row.line, 'duplicate_id', `${service_id} has two exceptions on ${date}`, 'date');
    dates.set(date, type);
    exceptions.set(service_id, dates);
  });
  for (const [service_id, dates] of exceptions) {
    const service = services.get(service_id) ?? withoutWeek(service_id);
    const ofType = (type: number): string[] => [...dates].filter((entry) => entry[1] === type).map((entry) => entry[0]).toSorted();
    services.set(service_id, { ...service, added_dates: ofType(1), removed_dates: ofType(2) });
  }
}

function checkSpan(services: ReadonlyMap<string, ServiceCalendar>, problems: Problems): void {
  for (const service of services.values()) {
    const span = serviceSpan(service);
    if (span !== undefined && addDays(span.first, MAX_FEED_DAYS) < span.last) {
      problems.error(DATES, 0, 'bad_date', `service ${service.service_id} lasts longer than ${MAX_FEED_DAYS} days`);
    }
  }
}

function withoutWeek(service_id: string): ServiceCalendar {
  return { service_id, start_date: '', end_date: '', weekdays: WEEKDAYS.map(() => false), added_dates: [], removed_dates: [] };
}
