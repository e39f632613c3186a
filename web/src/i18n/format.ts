import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Money } from '#gen/rail/type/v1/money_pb.ts';
import { formatFen } from '#kit/base/money.ts';
import { SHANGHAI_OFFSET_MS, addDays, daysBetween, isoWeekday, serviceDateAt } from '#kit/base/time.ts';
import type { Dictionary } from './zh.ts';

/** `08:05` in China at an instant, whatever zone the browser is in. */
export function clockTime(time: Timestamp | number | undefined): string {
  return time === undefined ? '--:--' : shanghai(time).slice(11, 16);
}

/** `01-28 08:05` in China. */
export function dateAndTime(time: Timestamp | number | undefined): string {
  return time === undefined ? '' : `${shanghai(time).slice(5, 10)} ${clockTime(time)}`;
}

/** The civil day in China of an instant. */
export function dayOf(time: Timestamp): string {
  return serviceDateAt(timestampMs(time));
}

/** How many midnights lie between two instants in China: the `+1` of an arrival. */
export function midnightsBetween(from: Timestamp | undefined, to: Timestamp | undefined): number {
  return from === undefined || to === undefined ? 0 : daysBetween(dayOf(from), dayOf(to));
}

/** `¥553` where there are no cents, else `¥553.50`. */
export function price(money: Money | undefined): string {
  return money === undefined ? '--' : shortFen(money.amountFen);
}

export function shortFen(amount_fen: bigint | number): string {
  return formatFen(amount_fen).replace(/\.00$/, '');
}

/** `4时36分`. */
export function duration(seconds: number, text: Dictionary): string {
  const minutes = Math.round(seconds / 60);
  return text.results.duration(Math.floor(minutes / 60), minutes % 60);
}

/** `1月28日`. */
export function shortDate(date: string, text: Dictionary): string {
  return text.date.day(Number(date.slice(5, 7)), Number(date.slice(8)));
}

/** `周三`, or `今天`, `明天`, `后天`. */
export function weekdayOrNear(date: string, today: string, text: Dictionary): string {
  const near = [text.date.today, text.date.tomorrow, text.date.day_after][daysBetween(today, date)];
  return near ?? weekday(date, text);
}

export function weekday(date: string, text: Dictionary): string {
  return text.date.weekdays[isoWeekday(date) - 1] ?? '';
}

/** `2026年1月28日 周三`. */
export function fullDate(date: string, text: Dictionary): string {
  return text.date.full(Number(date.slice(0, 4)), Number(date.slice(5, 7)), Number(date.slice(8)), weekday(date, text));
}

/** Days that can be bought, today first. */
export function saleWindow(today: string): string[] {
  return Array.from({ length: SALE_WINDOW_DAYS }, (_, index) => addDays(today, index));
}

/** `09:59`, never negative. */
export function countdown(left_ms: number): string {
  const seconds = Math.max(0, Math.ceil(left_ms / 1000));
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

/** `预计等待 约 3 分钟`. */
export function waitEstimate(estimate_ms: number, text: Dictionary): string {
  if (estimate_ms < 10_000) return text.queue.estimate_soon;
  const waiting = estimate_ms < 90_000 ? text.queue.seconds(Math.round(estimate_ms / 5000) * 5) : text.queue.minutes(Math.round(estimate_ms / 60_000));
  return text.queue.estimate(waiting);
}

function shanghai(time: Timestamp | number): string {
  return new Date((typeof time === 'number' ? time : timestampMs(time)) + SHANGHAI_OFFSET_MS).toISOString();
}

/** Today and the fourteen days after it. */
export const SALE_WINDOW_DAYS = 15;
