import { openingAt, type SaleOpening } from '#kit/base/openings.ts';
import { formatRfc3339, SHANGHAI_OFFSET_MS } from '#kit/base/time.ts';

/** Why a heavy job does not start now, in the words that operators read. */
export type Held = { zh: string; en: string };

export type SaleTimes = { openings: readonly SaleOpening[]; peak_hours: readonly (readonly [from: number, to: number])[]; protected: boolean };

/** A job that begins now would still run when the doors open. */
const LEAD_MS = 15 * 60_000;

/** What keeps any heavy job from starting: a declared opening, or machines that are busy already. */
export function heldBySale({ openings, protected: is_protected }: SaleTimes, now_ms: number): Held | undefined {
  const opening = openingAt(openings, now_ms, LEAD_MS);
  if (opening !== undefined) {
    const until = clockTime(opening.end_ms);
    return { zh: `起售窗口“${opening.name}”，${until} 结束`, en: `sale opening "${opening.name}", over at ${until}` };
  }
  return is_protected ? { zh: '系统处于保护模式', en: 'protection mode is on' } : undefined;
}

/** The same for jobs that start by schedule, which stay out of the busy hours of every day as well (requirements: 批任务错峰调度). */
export function heldBySchedule(times: SaleTimes, now_ms: number): Held | undefined {
  const sale = heldBySale(times, now_ms);
  if (sale !== undefined) return sale;
  const hour = new Date(now_ms + SHANGHAI_OFFSET_MS).getUTCHours();
  const peak = times.peak_hours.find(([from, to]) => hour >= from && hour < to);
  return peak === undefined ? undefined : { zh: `高峰时段 ${peak[0]}–${peak[1]} 时`, en: `peak hours, ${peak[0]} to ${peak[1]} o'clock` };
}

function clockTime(epoch_ms: number): string {
  return formatRfc3339(epoch_ms).slice(11, 16);
}
