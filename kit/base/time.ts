/**
 * Railway time. All of China keeps UTC+8 without daylight saving (since 1991), so days are plain arithmetic. A
 * `service_date` is the day of departure at the first stop (`YYYY-MM-DD`); seconds count from its midnight and may pass
 * 24:00 (GTFS stop_times).
 */
export const DAY_MS = 86_400_000;
export const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

/** True for an existing day written `YYYY-MM-DD`, 1900 … 2199. */
export function isServiceDate(text: string): boolean {
  return dayNumber(text) !== undefined;
}

/** The civil day in China at an instant. */
export function serviceDateAt(epoch_ms: number): string {
  return new Date(epoch_ms + SHANGHAI_OFFSET_MS).toISOString().slice(0, 10);
}

/** Milliseconds since 1970 of a second of a service date; seconds beyond 86,400 are the following days. */
export function serviceTimeToEpoch_ms(service_date: string, seconds: number): number {
  return requireDay(service_date) * DAY_MS - SHANGHAI_OFFSET_MS + seconds * 1000;
}

/** The other way: the seconds from midnight of a service date to an instant (negative before it). */
export function epochToServiceSeconds(service_date: string, epoch_ms: number): number {
  return (epoch_ms - serviceTimeToEpoch_ms(service_date, 0)) / 1000;
}

export function addDays(service_date: string, days: number): string {
  const day = requireDay(service_date);
  return days === 0 ? service_date : dateOfDay(day + days);
}

/** Whole days from one date to another: 1 for tomorrow. */
export function daysBetween(from_date: string, to_date: string): number {
  return requireDay(to_date) - requireDay(from_date);
}

/** 1 = Monday … 7 = Sunday (ISO 8601). */
export function isoWeekday(service_date: string): number {
  return ((((requireDay(service_date) + 3) % 7) + 7) % 7) + 1;
}

/** `20260115`, as GTFS writes dates. */
export function toCompactDate(service_date: string): string {
  requireDay(service_date);
  return service_date.replaceAll('-', '');
}

/** From `20260115`; undefined when that is no day. */
export function fromCompactDate(text: string): string | undefined {
  if (!/^\d{8}$/.test(text)) return undefined;
  const date = `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`;
  return isServiceDate(date) ? date : undefined;
}

/** RFC 3339 with milliseconds and China's offset: `2026-01-15T12:00:00.000+08:00`. */
export function formatRfc3339(epoch_ms: number): string {
  return `${new Date(epoch_ms + SHANGHAI_OFFSET_MS).toISOString().slice(0, -1)}+08:00`;
}

/** Milliseconds since 1970 of an RFC 3339 text with any offset; undefined for anything else. */
export function parseRfc3339(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  if (!isServiceDate(text.slice(0, 10))) return undefined;
  const epoch_ms = Date.parse(text.toUpperCase());
  return Number.isNaN(epoch_ms) ? undefined : epoch_ms;
}

/** `08:05` for 29,100 s, also for the next days (`24:05` is shown as `00:05`): what stands on a ticket. */
export function formatClockTime(seconds: number): string {
  const minutes = Math.floor(seconds / 60) % 1440;
  return `${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

/** Days since 1970-01-01, or undefined when the text is no existing day. */
function dayNumber(text: string): number | undefined {
  const known = DAY_NUMBERS.get(text);
  if (known !== undefined) return known;
  const day = readDay(text);
  if (day === undefined) return undefined;
  if (DAY_NUMBERS.size >= MAX_DAYS_KNOWN) DAY_NUMBERS.clear();
  DAY_NUMBERS.set(text, day);
  return day;
}

/** The same few days are asked about all the time, and reading one takes a microsecond. */
const DAY_NUMBERS = new Map<string, number>();
const MAX_DAYS_KNOWN = 2_000;

function readDay(text: string): number | undefined {
  if (!/^(19|20|21)\d\d-\d\d-\d\d$/.test(text)) return undefined;
  const epoch_ms = Date.parse(`${text}T00:00:00Z`);
  // Date.parse turns 02-30 into 03-02; only an existing day comes back unchanged.
  if (Number.isNaN(epoch_ms) || new Date(epoch_ms).toISOString().slice(0, 10) !== text) return undefined;
  return epoch_ms / DAY_MS;
}

function dateOfDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

function requireDay(service_date: string): number {
  const day = dayNumber(service_date);
  if (day === undefined) throw new RangeError(`no service date: ${service_date}`);
  return day;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
