import { SHANGHAI_OFFSET_MS } from '#kit/base/time.ts';

/** Until when somebody waits: so many hours before the last of the trains leaves, or a moment of one's own. */
export type DeadlineChoice = { lead_h: number } | { at_ms: number };

/** Offered, the longest wait first. 0: until the last train leaves, which is as late as the service allows. */
export const LEADS_H: readonly number[] = [0, 2, 6, 24];

/** Who is served two hours before departure can still pay and go to the station. */
const USUAL_LEAD_H = 2;

/** The moment that a choice means, not later than the last departure, or than `closes_ms`: from then on a ticket that is held can't be changed. */
export function deadlineAt(choice: DeadlineChoice, last_departure_ms: number, closes_ms = last_departure_ms): number {
  return Math.min('lead_h' in choice ? last_departure_ms - choice.lead_h * HOUR_MS : choice.at_ms, last_departure_ms, closes_ms);
}

/** The choices that leave time to wait. */
export function leadsLeft(last_departure_ms: number, now_ms: number): number[] {
  return LEADS_H.filter((lead_h) => deadlineAt({ lead_h }, last_departure_ms) > now_ms + WAIT_MIN_MS);
}

/** What is chosen unless somebody chooses: the usual one while it leaves time, else as late as possible. */
export function usualDeadline(last_departure_ms: number, now_ms: number): DeadlineChoice {
  return { lead_h: leadsLeft(last_departure_ms, now_ms).includes(USUAL_LEAD_H) ? USUAL_LEAD_H : 0 };
}

/** `2026-01-28T08:05` in China, as a field for date and time has it, whatever zone the browser is in. */
export function toCivil(at_ms: number): string {
  return new Date(at_ms + SHANGHAI_OFFSET_MS).toISOString().slice(0, 16);
}

/** The moment of such a text; undefined while it is not complete. */
export function fromCivil(text: string): number | undefined {
  const utc_ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text) ? Date.parse(`${text}:00Z`) : Number.NaN;
  return Number.isNaN(utc_ms) ? undefined : utc_ms - SHANGHAI_OFFSET_MS;
}

const HOUR_MS = 3_600_000;
/** Less than this is not worth a request. */
const WAIT_MIN_MS = 600_000;
