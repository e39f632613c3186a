import type { Station } from '../model.ts';
import { greatCircleM, MAX_TRAIN_SPEED_KMH, MIN_SEGMENT_M, segmentDistanceM } from '../rules/distance.ts';
import { STOP_TIMES, type TimedStop } from './read_stop_times.ts';
import type { Problems } from './problems.ts';

/** Metres in one unit of shape_dist_traveled, which GTFS leaves open. */
const UNITS_M = [1, 1000, 1609.344, 0.3048] as const;
const SAMPLE_TRAINS = 500;

/**
 * The unit a feed measures shape_dist_traveled in, found by comparing with great circles over a sample of trains:
 * the median ratio is nearest to one unit, since lines are between one and two times as long as the great circle.
 */
export function shapeUnitM(trains: Iterable<readonly TimedStop[]>, stations: ReadonlyMap<string, Station>): number {
  const ratios: number[] = [];
  for (const stops of trains) {
    if (ratios.length >= SAMPLE_TRAINS) break;
    if (!hasShapeDistances(stops)) continue;
    let circle_m = 0;
    for (let at = 1; at < stops.length; at += 1) {
      circle_m += greatCircleM(stations.get(stops[at - 1]!.station_id)!, stations.get(stops[at]!.station_id)!);
    }
    const shape = stops.at(-1)!.shape_distance! - stops[0]!.shape_distance!;
    if (circle_m > 0 && shape > 0) ratios.push(circle_m / shape);
  }
  if (ratios.length === 0) return 1;
  const median = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)]!;
  const off = (unit_m: number): number => Math.abs(Math.log(median / unit_m));
  return UNITS_M.reduce((best, unit_m) => (off(unit_m) < off(best) ? unit_m : best));
}

/** Metres since the origin for each stop: the feed's own where every stop has one, else from coordinates. */
export function distancesOf(stops: readonly TimedStop[], stations: ReadonlyMap<string, Station>, unit_m: number, problems: Problems): number[] {
  const distances = [0];
  const by_shape = hasShapeDistances(stops);
  for (let at = 1; at < stops.length; at += 1) {
    const before = stops[at - 1]!;
    const stop = stops[at]!;
    const from = stations.get(before.station_id)!;
    const to = stations.get(stop.station_id)!;
    const running_s = stop.arrival_s - before.departure_s;
    if (greatCircleM(from, to) > (Math.max(60, running_s) * MAX_TRAIN_SPEED_KMH) / 3.6) {
      problems.warn(STOP_TIMES, stop.line, 'implausible_speed', `${from.name_zh} to ${to.name_zh} is too far for the time; check coordinates`);
    }
    const previous_m = distances.at(-1)!;
    const shape_m = by_shape ? Math.round((stop.shape_distance! - stops[0]!.shape_distance!) * unit_m) : undefined;
    distances.push(shape_m === undefined ? previous_m + segmentDistanceM(from, to, running_s) : Math.max(shape_m, previous_m + MIN_SEGMENT_M));
  }
  return distances;
}

function hasShapeDistances(stops: readonly TimedStop[]): boolean {
  return stops.every((stop) => stop.shape_distance !== undefined);
}
