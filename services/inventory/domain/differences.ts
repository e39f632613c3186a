import { occupiedMask, type ClassBits } from './bitmap.ts';
import type { HeldPlace } from './hold.ts';
import { segmentMask } from './stretch.ts';

/** A seat on which Redis and ledger disagree, with the segments concerned. */
export type SeatDifference = { class_code: number; index: number; mask: bigint; kind: 'TAKEN_IN_REDIS_ONLY' | 'FREE_IN_REDIS_ONLY' };

export type Occupied = ReadonlyMap<number, ReadonlyMap<number, bigint>>;

/**
 * Compares bitmaps with masks. Places of `pending` (holds that Redis has a record of and the ledger may be about to commit
 * or to free) are no difference where Redis has them taken.
 */
export function compareSeats(classes: ReadonlyMap<number, ClassBits>, occupied: Occupied, pending: readonly HeldPlace[]): SeatDifference[] {
  const differences: SeatDifference[] = [];
  const expected = withPlaces(new Map(), pending);
  for (const [class_code, bits] of classes) {
    for (let index = 0; index < bits.seats; index += 1) {
      const in_redis = occupiedMask(bits, index);
      const in_ledger = occupied.get(class_code)?.get(index) ?? 0n;
      const taken_only = in_redis & ~in_ledger & ~(expected.get(class_code)?.get(index) ?? 0n);
      const free_only = in_ledger & ~in_redis;
      if (taken_only !== 0n) differences.push({ class_code, index, mask: taken_only, kind: 'TAKEN_IN_REDIS_ONLY' });
      if (free_only !== 0n) differences.push({ class_code, index, mask: free_only, kind: 'FREE_IN_REDIS_ONLY' });
    }
  }
  return differences;
}

/** Segments on which the counter of standing places is not what ledger and pending holds make it. */
export function compareStanding(free: readonly number[], used: readonly number[], capacity: number, pending: readonly HeldPlace[]): number[] {
  const expected = standingUsed(used, pending);
  return free.flatMap((count, segment) => (count === capacity - (expected[segment] ?? 0) ? [] : [segment]));
}

/** What is occupied with these places added. */
export function withPlaces(occupied: Occupied, places: readonly HeldPlace[]): Map<number, Map<number, bigint>> {
  const sum = new Map([...occupied].map(([class_code, seats]) => [class_code, new Map(seats)]));
  for (const { class_code, index, from, to } of places) {
    if (index < 0) continue;
    const seats = sum.get(class_code) ?? new Map<number, bigint>();
    sum.set(class_code, seats.set(index, (seats.get(index) ?? 0n) | segmentMask({ from, to })));
  }
  return sum;
}

export function standingUsed(used: readonly number[], places: readonly HeldPlace[]): number[] {
  const sum = [...used];
  for (const { index, from, to } of places) {
    if (index >= 0) continue;
    for (let segment = from; segment < to; segment += 1) sum[segment] = (sum[segment] ?? 0) + 1;
  }
  return sum;
}
