import type { HeldPlace } from './hold.ts';
import { segmentMask, stretchesOf } from './stretch.ts';

/**
 * What of `places` the others don't have: by seat and segment, and for standing places, of which there are several on a
 * segment, by their number. It is what an exchange takes (new without old) and what it gives back (old without new).
 */
export function placesWithout(places: readonly HeldPlace[], others: readonly HeldPlace[]): HeldPlace[] {
  const taken = new Map<string, bigint>();
  const standing = new Map<number, number>();
  for (const place of others) {
    if (place.index >= 0) taken.set(seatKey(place), (taken.get(seatKey(place)) ?? 0n) | segmentMask(place));
    else for (let segment = place.from; segment < place.to; segment += 1) standing.set(segment, (standing.get(segment) ?? 0) + 1);
  }
  return places.flatMap((place) => {
    const mask = place.index >= 0 ? segmentMask(place) & ~(taken.get(seatKey(place)) ?? 0n) : standingMask(place, standing);
    return stretchesOf(mask).map((stretch) => ({ ...place, ...stretch }));
  });
}

/** The segments on which no place of the others is left to stand for this one; those that are, are used up. */
function standingMask(place: HeldPlace, left: Map<number, number>): bigint {
  let mask = 0n;
  for (let segment = place.from; segment < place.to; segment += 1) {
    const count = left.get(segment) ?? 0;
    if (count > 0) left.set(segment, count - 1);
    else mask |= segmentMask({ from: segment, to: segment + 1 });
  }
  return mask;
}

function seatKey({ class_code, index }: HeldPlace): string {
  return `${class_code}/${index}`;
}
