const EARTH_RADIUS_M = 6_371_000;

/**
 * A line is longer than the great circle between its stations. Source: our own estimate; 京沪高速线 is 1,318 km by rail
 * and about 1,220 km as the sum of great circles between its stations (1.08); older lines wind more, and feeds that
 * lack distances rarely list the stations passed without a stop.
 */
export const DETOUR_FACTOR = 1.12;

/** No train in service is faster than this; a longer stretch means a wrong coordinate in the feed. */
export const MAX_TRAIN_SPEED_KMH = 350;
/** Adjacent stops are never closer, so that distances grow strictly and no fare is for nothing. */
export const MIN_SEGMENT_M = 1_000;

/** Great-circle distance in metres (haversine). */
export function greatCircleM(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
    Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/**
 * Distance along the line of a segment that the feed gives no distance for: great circle × detour factor, at most what
 * the train can cover in the time between departure and arrival, at least `MIN_SEGMENT_M`. Whole metres.
 */
export function segmentDistanceM(from: { lat: number; lon: number }, to: { lat: number; lon: number }, running_s: number): number {
  const line_m = greatCircleM(from, to) * DETOUR_FACTOR;
  const reachable_m = (Math.max(60, running_s) * MAX_TRAIN_SPEED_KMH) / 3.6;
  return Math.max(MIN_SEGMENT_M, Math.round(Math.min(line_m, reachable_m)));
}
