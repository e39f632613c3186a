import type { ServiceCalendar } from './model.ts';

const DAY_MS = 86_400_000;
/** Ten years: bounds every loop over dates. */
export const MAX_DATES_LISTED = 3_700;

/** Whether a train of the service starts on `service_date` (`YYYY-MM-DD`). Removed dates win over added ones. */
export function runsOn(service: ServiceCalendar, service_date: string): boolean {
  const answers = ANSWERS.get(service) ?? new Map<string, boolean>();
  ANSWERS.set(service, answers);
  const known = answers.get(service_date);
  if (known !== undefined) return known;
  const answer = startsOn(service, service_date);
  if (answers.size < MAX_DATES_LISTED) answers.set(service_date, answer);
  return answer;
}

/** Calendars are never changed, and every search asks about the same few days. */
const ANSWERS = new WeakMap<ServiceCalendar, Map<string, boolean>>();

function startsOn(service: ServiceCalendar, service_date: string): boolean {
  if (service.removed_dates.includes(service_date)) return false;
  if (service.added_dates.includes(service_date)) return true;
  if (service.start_date === '' || service_date < service.start_date || service_date > service.end_date) return false;
  return service.weekdays[weekdayOf(service_date)] === true;
}

/** The service dates in `[from_date, to_date]`, in order; at most `MAX_DATES_LISTED` days are looked at. */
export function serviceDates(service: ServiceCalendar, from_date: string, to_date: string): string[] {
  const dates: string[] = [];
  let date = from_date;
  for (let day = 0; day < MAX_DATES_LISTED && date <= to_date; day += 1) {
    if (runsOn(service, date)) dates.push(date);
    date = addDays(date, 1);
  }
  return dates;
}

/** First and last date the service can run on, or undefined if it never does. */
export function serviceSpan(service: ServiceCalendar): { first: string; last: string } | undefined {
  const ends = service.added_dates.filter((date) => !service.removed_dates.includes(date));
  if (service.start_date !== '' && service.weekdays.includes(true)) {
    const first = firstRunning(service, service.start_date, service.end_date, 1);
    const last = firstRunning(service, service.end_date, service.start_date, -1);
    if (first !== undefined && last !== undefined) ends.push(first, last);
  }
  if (ends.length === 0) return undefined;
  ends.sort();
  return { first: ends[0]!, last: ends.at(-1)! };
}

/** Calendar arithmetic on `YYYY-MM-DD`; no time zone is involved. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** 0 for Monday … 6 for Sunday. */
export function weekdayOf(date: string): number {
  return (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;
}

/** Whether the text is an existing day written `YYYY-MM-DD`. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time_ms = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(time_ms) && new Date(time_ms).toISOString().slice(0, 10) === text;
}

function firstRunning(service: ServiceCalendar, from: string, to: string, step: 1 | -1): string | undefined {
  let date = from;
  for (let day = 0; day < MAX_DATES_LISTED; day += 1) {
    if (runsOn(service, date)) return date;
    if (date === to) return undefined;
    date = addDays(date, step);
  }
  return undefined;
}
