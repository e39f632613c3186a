import { greatCircleM } from './distance.ts';

/** Getting off, changing platform and boarding: the gates close five minutes before departure (停止检票). */
export const SAME_STATION_MIN = 20;
/** Leaving one station and entering another, with the security check, without the way between. */
export const OTHER_STATION_MIN = 45;
/** Twenty kilometres an hour across a city, as the crow flies. */
export const ACROSS_CITY_MIN_PER_KM = 3;

/** Who changes trains does not wait longer than this, in minutes. */
export const MAX_CONNECTION_MIN = 360;

type Site = { station_id: string; lat: number; lon: number };

/**
 * The least whole minutes between arriving at one station and leaving from it, or from another of the same city.
 * Source: our own rule, somewhat above the railway's advice for changes at one station (便捷换乘) and the usual travel
 * times of city traffic (北京南 to 北京西 63 minutes, 上海虹桥 to 上海 about an hour and a half).
 */
export function minConnectionMin(from: Site, to: Site): number {
  if (from.station_id === to.station_id) return SAME_STATION_MIN;
  return OTHER_STATION_MIN + Math.ceil((greatCircleM(from, to) / 1000) * ACROSS_CITY_MIN_PER_KM);
}
