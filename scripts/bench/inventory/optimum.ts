/**
 * How many of the wishes for one class of a run could be served by somebody who knew all of them before.
 *
 * Without cancellations: seats of a class are all alike, so a set of trips fits exactly when on no segment there are
 * more of them than seats (an interval graph needs as many colours as its largest clique). The largest such set is
 * found by going through the stops and, wherever too many are aboard, leaving out the one that would travel furthest
 * (U. Faigle and W. M. Nawijn 1995, Note on scheduling intervals on-line; M. C. Carlisle and E. L. Lloyd 1995, On the
 * k-coloring of intervals).
 */
export type Trip = { from: number; to: number };

/** The largest number of trips that fit on so many seats. */
export function mostTrips(trips: readonly Trip[], seats: number): number {
  const by_start = trips.toSorted((left, right) => left.from - right.from);
  let aboard: Trip[] = [];
  let left_out = 0;
  for (const trip of by_start) {
    aboard = aboard.filter(({ to }) => to > trip.from);
    aboard.push(trip);
    if (aboard.length <= seats) continue;
    const furthest = aboard.reduce((far, one) => (one.to > far.to ? one : far));
    aboard.splice(aboard.indexOf(furthest), 1);
    left_out += 1;
  }
  return trips.length - left_out;
}

export type Wished = Trip & { cancelled: boolean };

/**
 * Bounds of what is possible where some of those who are served give their place back later. Nobody can serve more than
 * `at_most`: every one who cancels, as if they took no room, and the most of those who stay, who must fit together at the
 * end. Somebody who knows the future serves `at_least` without using a single place twice: the most of all wishes.
 */
export function optimumBounds(wishes: readonly Wished[], seats: number): { at_most: number; at_least: number } {
  const stay = wishes.filter(({ cancelled }) => !cancelled);
  return { at_most: wishes.length - stay.length + mostTrips(stay, seats), at_least: mostTrips(wishes, seats) };
}
