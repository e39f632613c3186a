import type { Sort } from './filter.ts';
import type { Connection, Leg } from './transfers.ts';

/** A journey of two rides and what it is judged by. */
export type Candidate<L extends Leg = Leg> = Connection<L> & {
  /** Cheapest sum of both rides, in fen. */
  fare_fen: number;
  /** Both rides can be bought now. */
  available: boolean;
};

/**
 * The candidates that no other betters: leaving no earlier, arriving no later, costing no more and being no less available
 * (Pareto's front). Whatever they are sorted by, the best of all is among them. Of equals the one with the shorter way
 * between the trains stays, then the one with more time for it.
 */
export function undominated<C extends Candidate>(candidates: readonly C[]): C[] {
  const kept: C[] = [];
  for (const candidate of candidates.toSorted(compareForFront)) if (!kept.some((other) => isNoWorse(other, candidate))) kept.push(candidate);
  return kept;
}

/** Ties end by arrival, later departure and trains, so that pages do not shift. Who changes trains asks when one is there. */
export function compareTransfers(sort: Sort): (a: Candidate, b: Candidate) => number {
  const key: Record<Sort, (candidate: Candidate) => number> = {
    DEPARTURE: ({ second }) => second.arrival_s,
    ARRIVAL: ({ second }) => second.arrival_s,
    DURATION: ({ first, second }) => second.arrival_s - first.departure_s,
    PRICE: ({ fare_fen }) => fare_fen,
  };
  return (a, b) => key[sort](a) - key[sort](b) || compareForFront(a, b);
}

function isNoWorse(one: Candidate, other: Candidate): boolean {
  return one.first.departure_s >= other.first.departure_s && one.second.arrival_s <= other.second.arrival_s && one.fare_fen <= other.fare_fen && (one.available || !other.available);
}

/** Whatever betters another comes before it, so that one look back is enough. */
function compareForFront(a: Candidate, b: Candidate): number {
  return (
    a.second.arrival_s - b.second.arrival_s ||
    b.first.departure_s - a.first.departure_s ||
    a.fare_fen - b.fare_fen ||
    Number(b.available) - Number(a.available) ||
    a.min_connection_s - b.min_connection_s ||
    b.connection_s - a.connection_s ||
    compareText(`${a.first.run.run_id} ${a.second.run.run_id}`, `${b.first.run.run_id} ${b.second.run.run_id}`) ||
    a.first.to_index - b.first.to_index ||
    a.second.from_index - b.second.from_index
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
