import { pairIndex } from './remaining.ts';

/** Trips that are possible by changing seats of one class, and the stops at which the next of them changes. */
export type SeatChange = { trips: number; stops: number[] };

export type Counts = {
  /** Stops of the run. */
  stop_count: number;
  /** Seats free on the whole stretch of a pair of stops. */
  left: (pair: number) => number;
};

/**
 * Two or three seats that together cover a trip for which no seat goes through (issue: same-train seat change). At a
 * given place of change as many trips are possible as the shorter part has seats, since parts don't overlap; the best
 * place counts. Inventory takes the seat that reaches furthest each time, which uses up at most one of each part, so
 * that so many single orders do succeed.
 */
export function seatChangeOf(counts: Counts, from: number, to: number): SeatChange | undefined {
  const left = (a: number, b: number): number => counts.left(pairIndex(counts.stop_count, a, b));
  const trips = mostTrips(left, from, to);
  return trips === 0 ? undefined : { trips, stops: stopsOfNext(left, from, to) };
}

type Left = (from: number, to: number) => number;

function mostTrips(left: Left, from: number, to: number): number {
  let most = 0;
  for (let first = from + 1; first < to; first += 1) {
    const before = left(from, first);
    if (before <= most) continue;
    most = Math.max(most, Math.min(before, left(first, to)));
    for (let second = first + 1; second < to; second += 1) {
      most = Math.max(most, Math.min(before, left(first, second), left(second, to)));
    }
  }
  return most;
}

/** As inventory chooses: from each place as far as any seat goes. That needs the fewest changes. */
function stopsOfNext(left: Left, from: number, to: number): number[] {
  const stops: number[] = [];
  for (let at = from; at < to; ) {
    let reach = at + 1;
    while (reach < to && left(at, reach + 1) > 0) reach += 1;
    if (reach < to) stops.push(reach);
    at = reach;
  }
  return stops;
}
