import { countPairs, pairIndex, withoutSeats, type ClassBits } from './bitmap.ts';
import { mayBuy, type Buyer, type Channel, type ClosedQuota, type PassengerType, type Quota } from './quota.ts';

/** Counts for buyers of a channel or type that may buy more than others; undefined where any will do. */
export type QuotaCounts = { channel?: Channel; passenger_type?: PassengerType; remaining: number[] };

/** Seats of a class that the buyer of a trip may not have. */
export function keptFrom(closed: readonly ClosedQuota[], quotas: readonly Quota[], buyer: Buyer, stretch: { from: number; to: number }): ClosedQuota[] {
  return closed.filter(({ number }) => {
    // A number that this process has not heard of keeps its seats from everybody.
    const quota = quotas.find((candidate) => candidate.number === number);
    return quota === undefined || !mayBuy(quota, buyer, stretch);
  });
}

/** What a buyer can have for every pair of stops, in the order of `countPairs`. */
export function countPairsFor(bits: ClassBits, closed: readonly ClosedQuota[], quotas: readonly Quota[], buyer: Buyer): number[] {
  if (closed.length === 0) return countPairs(bits);
  // Most pairs are kept from the same quotas, so the class is counted once for each such set.
  const counted = new Map<string, number[]>();
  const counts: number[] = [];
  for (let from = 0; from < bits.segments; from += 1) {
    for (let to = from + 1; to <= bits.segments; to += 1) {
      const kept = keptFrom(closed, quotas, buyer, { from, to });
      const key = kept.map(({ number }) => number).join(',');
      const list = counted.get(key) ?? countPairs(withoutSeats(bits, kept));
      counted.set(key, list);
      counts.push(list[pairIndex(bits.segments, from, to)]!);
    }
  }
  return counts;
}

/** The counts of all kinds of buyers that may have more than an adult of no channel. */
export function countsByBuyer(bits: ClassBits, closed: readonly ClosedQuota[], quotas: readonly Quota[], usual: readonly number[]): QuotaCounts[] {
  const live = quotas.filter(({ number }) => closed.some((one) => one.number === number));
  const channels = [undefined, ...new Set(live.flatMap((quota) => quota.channels))];
  const types = [undefined, ...new Set(live.flatMap((quota) => quota.passenger_types))];
  const counts: QuotaCounts[] = [];
  for (const channel of channels) {
    for (const passenger_type of types) {
      if (channel === undefined && passenger_type === undefined) continue;
      const remaining = countPairsFor(bits, closed, quotas, { channel, passenger_type });
      if (remaining.some((count, pair) => count !== usual[pair])) counts.push({ channel, passenger_type, remaining });
    }
  }
  return counts;
}
