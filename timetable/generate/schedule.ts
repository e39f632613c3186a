import type { StopTime, TrainType } from '../model.ts';
import { GAZETTEER } from '../rules/city.ts';
import { LINE_SPEED_KMH } from './corridors.ts';
import type { Path } from './network.ts';
import type { Random } from './random.ts';

const MINUTE_S = 60;
/** Well under the 65 the ledger allows; slow trains skip small places to stay there. */
const MAX_STOPS = 42;

/** What each type of train can run, and how willingly it stops at a hub, a city, a small place. */
const HABITS: Record<TrainType, { top_kmh: number; stops: [number, number, number]; dwell_min: [number, number] }> = {
  G: { top_kmh: 300, stops: [0.92, 0.5, 0.16], dwell_min: [2, 4] },
  D: { top_kmh: 210, stops: [0.96, 0.62, 0.3], dwell_min: [2, 5] },
  C: { top_kmh: 180, stops: [1, 0.9, 0.6], dwell_min: [1, 3] },
  Z: { top_kmh: 122, stops: [0.85, 0.3, 0.03], dwell_min: [4, 10] },
  T: { top_kmh: 112, stops: [1, 0.6, 0.12], dwell_min: [3, 10] },
  K: { top_kmh: 98, stops: [1, 0.92, 0.55], dwell_min: [3, 14] },
  other: { top_kmh: 80, stops: [1, 1, 1], dwell_min: [2, 6] },
};
/** Braking, standing still and gathering speed again cost this much beside the dwell. */
const STOP_PENALTY_S = 150;
const NIGHT_STOPS_FACTOR = 0.35;

/** Which stations of the path the train calls at: indices into `path.stations`, ends included. */
export function chooseStops(path: Path, train_type: TrainType, sleeper: boolean, random: Random): number[] {
  const eagerness = 0.6 + random.next() * 0.8;
  const last = path.stations.length - 1;
  const inner: { at: number; rank: number }[] = [];
  for (let at = 1; at < last; at += 1) {
    const rank = GAZETTEER.get(path.stations[at]!)!.rank;
    const willing = HABITS[train_type].stops[rank - 1]! * (rank === 1 ? 1 : eagerness) * (sleeper ? NIGHT_STOPS_FACTOR : 1);
    if (random.chance(willing)) inner.push({ at, rank });
  }
  const kept = inner.toSorted((a, b) => a.rank - b.rank || a.at - b.at).slice(0, MAX_STOPS - 2);
  return [0, ...kept.map((entry) => entry.at).toSorted((a, b) => a - b), last];
}

/** Times at the chosen stops from a departure, whole minutes, with distances along every station passed. */
export function schedule(
  path: Path,
  stops_at: readonly number[],
  train_type: TrainType,
  departure_s: number,
  stationId: (name_zh: string) => string,
  random: Random,
): StopTime[] {
  const { top_kmh, dwell_min } = HABITS[train_type];
  const slack = 1.03 + random.next() * 0.09;
  const stops: StopTime[] = [
    { station_id: stationId(path.stations[0]!), stop_sequence: 0, arrival_s: departure_s, departure_s, distance_m: 0 },
  ];
  for (let stop = 1; stop < stops_at.length; stop += 1) {
    const previous = stops.at(-1)!;
    let running_s = STOP_PENALTY_S;
    let distance_m = previous.distance_m;
    for (const edge of path.edges.slice(stops_at[stop - 1], stops_at[stop])) {
      distance_m += edge.distance_m;
      running_s += ((edge.distance_m * 3.6) / Math.min(top_kmh, LINE_SPEED_KMH[edge.kind])) * slack;
    }
    const arrival_s = previous.departure_s + Math.ceil(running_s / MINUTE_S) * MINUTE_S;
    const is_last = stop === stops_at.length - 1;
    const rank = GAZETTEER.get(path.stations[stops_at[stop]!]!)!.rank;
    const dwell_s = is_last ? 0 : (rank === 1 ? random.int(dwell_min[0] + 1, dwell_min[1]) : dwell_min[0]) * MINUTE_S;
    stops.push({
      station_id: stationId(path.stations[stops_at[stop]!]!),
      stop_sequence: stop,
      arrival_s,
      departure_s: arrival_s + dwell_s,
      distance_m,
    });
  }
  return stops;
}

const DAY_START_S = 6 * 3600;
const DAY_END_S = 24 * 3600 - 20 * MINUTE_S;

/**
 * When the n-th of `count` trains leaves, or undefined if none can: multiple units run by day and reach their terminus
 * before midnight, sleepers leave in the evening, expresses after lunch, the others at any hour.
 */
export function departureOf(
  train_type: TrainType,
  sleeper: boolean,
  duration_s: number,
  n: number,
  count: number,
  random: Random,
): number | undefined {
  let from_s = 0;
  let to_s = 24 * 3600 - MINUTE_S;
  if (sleeper) {
    from_s = 18.6 * 3600;
    to_s = 22 * 3600;
  } else if (train_type === 'G' || train_type === 'D' || train_type === 'C') {
    from_s = DAY_START_S;
    to_s = DAY_END_S - duration_s;
  } else if (train_type === 'Z') {
    from_s = 13 * 3600;
    to_s = 23 * 3600;
  }
  if (to_s < from_s) return undefined;
  const slot_s = (to_s - from_s) / count;
  return Math.floor((from_s + slot_s * (n + random.next())) / MINUTE_S) * MINUTE_S;
}
