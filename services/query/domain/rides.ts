import type { Station, Train } from '../../../timetable/model.ts';
import type { Call } from './catalog.ts';

/** A train between two of its stops, whatever the day. */
export type Ride = { train: Train; from_index: number; to_index: number };

type CallsAt = ReadonlyMap<string, readonly Call[]>;
/** At which of its stops a train calls at a place, in order. */
type Calls = ReadonlyMap<Train, readonly number[]>;

/** Rides that are remembered, over all pairs of places: some 60 bytes each. Beyond it all are forgotten and found again. */
const MAX_RIDES = 500_000;
const MAX_PLACES = 20_000;

const REMEMBERED = new WeakMap<CallsAt, Rides>();

/**
 * The rides between two places, each train once: it is boarded at the last stop of `from` before the first of `to`, the
 * shortest ride. Asked again, the same list.
 */
export function ridesBetween(calls_at: CallsAt, from: readonly Station[], to: readonly Station[]): readonly Ride[] {
  const rides = REMEMBERED.get(calls_at) ?? new Rides(calls_at);
  REMEMBERED.set(calls_at, rides);
  return rides.between(from, to);
}

class Rides {
  readonly #calls_at: CallsAt;
  readonly #places = new Map<string, Calls>();
  readonly #pairs = new Map<string, readonly Ride[]>();
  #remembered = 0;

  constructor(calls_at: CallsAt) {
    this.#calls_at = calls_at;
  }

  between(from: readonly Station[], to: readonly Station[]): readonly Ride[] {
    const [from_key, to_key] = [keyOf(from), keyOf(to)];
    const key = `${from_key} ${to_key}`;
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const rides = ridesOf(this.#callsOf(from_key, from), this.#callsOf(to_key, to));
    if (this.#remembered > MAX_RIDES) {
      this.#pairs.clear();
      this.#remembered = 0;
    }
    // A pair without rides takes room, too.
    this.#remembered += rides.length + 1;
    this.#pairs.set(key, rides);
    return rides;
  }

  #callsOf(key: string, stations: readonly Station[]): Calls {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const calls = new Map<Train, number[]>();
    for (const { station_id } of stations) {
      for (const { train, index } of this.#calls_at.get(station_id) ?? []) {
        const indices = calls.get(train);
        if (indices === undefined) calls.set(train, [index]);
        else indices.push(index);
      }
    }
    for (const indices of calls.values()) indices.sort((a, b) => a - b);
    if (this.#places.size >= MAX_PLACES) this.#places.clear();
    this.#places.set(key, calls);
    return calls;
  }
}

function ridesOf(from: Calls, to: Calls): Ride[] {
  const rides: Ride[] = [];
  const fewer = from.size <= to.size ? from : to;
  for (const train of fewer.keys()) {
    const stretch = shortestStretch(from.get(train), to.get(train));
    if (stretch !== undefined) rides.push({ train, ...stretch });
  }
  return rides;
}

/** The first arrival that a departure comes before, and the last such departure. */
function shortestStretch(from: readonly number[] | undefined, to: readonly number[] | undefined): { from_index: number; to_index: number } | undefined {
  const first = from?.[0];
  if (first === undefined) return undefined;
  const to_index = to?.find((index) => index > first);
  if (to_index === undefined) return undefined;
  return { from_index: from!.findLast((index) => index < to_index)!, to_index };
}

function keyOf(stations: readonly Station[]): string {
  return stations.length === 1 ? stations[0]!.station_id : stations.map(({ station_id }) => station_id).join();
}
