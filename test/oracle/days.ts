// Railway time in the oracle's own words: a day is a count since 1970, an instant is milliseconds, China is eight hours ahead.
const DAY_S = 86_400;
const CHINA_S = 8 * 3600;

export function dayOf(date: string): number {
  return Math.round(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)) - 1, Number(date.slice(8, 10))) / (DAY_S * 1000));
}

/** `20260115` or, with a dash between, `2026-01-15`. */
export function textOf(day: number, between = ''): string {
  const date = new Date(day * DAY_S * 1000);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()].map((part) => String(part).padStart(2, '0')).join(between);
}

/** 0 is Monday. The first of January 1970 was a Thursday. */
export function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7;
}

export function instantMs(day: number, time_s: number): number {
  return (day * DAY_S - CHINA_S + time_s) * 1000;
}

/** The day in China at an instant, and the seconds since its midnight. */
export function clockAt(instant_ms: number): { day: number; time_s: number } {
  const china_s = instant_ms / 1000 + CHINA_S;
  const day = Math.floor(china_s / DAY_S);
  return { day, time_s: china_s - day * DAY_S };
}
