/**
 * The spring rush (春运): forty days, from the fifteenth before the first day of the Chinese year (国家发展改革委's yearly
 * notice; 2024-01-26 to 03-05, 2025-01-14 to 02-22, 2026-02-02 to 03-13).
 */
import { addDays, daysBetween } from '#kit/base/time.ts';

const DAYS_BEFORE = 15;
const DAYS = 40;

/** Whether a day (`YYYY-MM-DD`) lies in it. */
export function isSpringRush(date: string): boolean {
  const day = daysBetween(addDays(newYearOf(date.slice(0, 4)), -DAYS_BEFORE), date);
  return day >= 0 && day < DAYS;
}

const known = new Map<string, string>();
const CHINESE = new Intl.DateTimeFormat('en-u-ca-chinese', { month: 'numeric', day: 'numeric', timeZone: 'UTC' });

/** The first day of the Chinese year that begins in this one; it lies between 21 January and 21 February. */
function newYearOf(year: string): string {
  const found = known.get(year);
  if (found !== undefined) return found;
  let date = `${year}-01-20`;
  while (!isFirstDay(date)) date = addDays(date, 1);
  known.set(year, date);
  return date;
}

function isFirstDay(date: string): boolean {
  const parts = CHINESE.formatToParts(new Date(`${date}T00:00:00Z`));
  return ['month', 'day'].every((wanted) => parts.find(({ type }) => type === wanted)?.value === '1');
}
