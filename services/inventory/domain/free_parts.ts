import type { HeldPlace } from './hold.ts';
import { segmentMask, stretchesOf } from './stretch.ts';

/** The stretches of a place on which the ledger has the seat as free: what may be freed in Redis. */
export function freeParts(place: HeldPlace, occupied: bigint): HeldPlace[] {
  if (place.index < 0) return [place];
  return stretchesOf(segmentMask(place) & ~occupied).map((stretch) => ({ ...place, ...stretch }));
}
