import { stableHash32 } from '#kit/base/hash.ts';

/** First and last time of day at which some station's tickets go on sale, and the steps between, in minutes after midnight. */
export const FIRST_SALE_MIN = 8 * 60;
export const LAST_SALE_MIN = 18 * 60;
export const SALE_STEP_MIN = 30;

/**
 * When tickets from a station go on sale on the first day of their sale window (起售时间), in minutes after midnight in
 * Asia/Shanghai: one time for all trains that are boarded there, so that the country does not come all at once.
 *
 * Source: 12306 起售时间: half hours between 8:00 and 18:00 by station of boarding. No feed says which station has which;
 * they are spread evenly by the station's id, which is our own rule.
 */
export function saleTimeMin(station_id: string): number {
  const known = KNOWN.get(station_id);
  if (known !== undefined) return known;
  const steps = (LAST_SALE_MIN - FIRST_SALE_MIN) / SALE_STEP_MIN + 1;
  const time_min = FIRST_SALE_MIN + (stableHash32(station_id) % steps) * SALE_STEP_MIN;
  if (KNOWN.size >= MAX_STATIONS_KNOWN) KNOWN.clear();
  KNOWN.set(station_id, time_min);
  return time_min;
}

/** Asked for every train of every search. */
const KNOWN = new Map<string, number>();
const MAX_STATIONS_KNOWN = 20_000;
