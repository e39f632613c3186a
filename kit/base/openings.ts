import { addDays, parseRfc3339, serviceDateAt, serviceTimeToEpoch_ms } from './time.ts';

/** A declared sale opening (起售时刻): a time at which everybody comes at once, known beforehand. */
export type SaleOpening = {
  /** What people call it; shown where it has an effect. */
  name: string;
  /** `HH:MM` of every day in Asia/Shanghai, or one instant in RFC 3339. */
  start: string;
  lasts_min: number;
};

export type OpeningNow = { name: string; start_ms: number; end_ms: number };

/** The opening that is on at an instant, or that begins within `lead_ms`; the one that ends last where several are. */
export function openingAt(openings: readonly SaleOpening[], now_ms: number, lead_ms = 0): OpeningNow | undefined {
  return openings
    .flatMap(({ name, start, lasts_min }) => startsNear(start, now_ms).map((start_ms) => ({ name, start_ms, end_ms: start_ms + lasts_min * 60_000 })))
    .filter(({ start_ms, end_ms }) => start_ms - lead_ms <= now_ms && now_ms < end_ms)
    .toSorted((a, b) => b.end_ms - a.end_ms)[0];
}

/** Of a daily one: yesterday's, which may last past midnight, today's, and tomorrow's, which may be close. */
function startsNear(start: string, now_ms: number): number[] {
  const daily = /^(\d\d):(\d\d)$/.exec(start);
  if (daily === null) {
    const at_ms = parseRfc3339(start);
    return at_ms === undefined ? [] : [at_ms];
  }
  const today = serviceDateAt(now_ms);
  return [-1, 0, 1].map((days) => serviceTimeToEpoch_ms(addDays(today, days), Number(daily[1]) * 3600 + Number(daily[2]) * 60));
}
