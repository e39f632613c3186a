/**
 * Places that somebody gave back while others wait for seats of the run (standby): they stay taken and belong to one hold of
 * the run, whose owner is STANDBY, until one of those who wait gets them or their time is over. Each place says in its item id
 * since when it is kept.
 */
import type { HeldPlace, Hold } from './hold.ts';
import { placesWithout } from './places_without.ts';

const PREFIX = 'standby.';

/** More are not kept for one run: who waits is served from the first ones, and the others can be bought. */
export const KEPT_MAX = 500;

/** The hold of a run that its kept places belong to. */
export function keptHoldId(run_id: string): string {
  return `${PREFIX}${run_id}`;
}

export function isKept({ hold_id, owner }: Pick<Hold, 'hold_id' | 'owner'>): boolean {
  return owner === 'STANDBY' && hold_id.startsWith(PREFIX);
}

/** Places as they are kept from an instant on. Standing places are not: nobody waits for one. */
export function asKept(places: readonly HeldPlace[], version: number, now_ms: number): HeldPlace[] {
  return places.filter(({ index }) => index >= 0).map((place, number) => ({ ...place, item_id: `${now_ms.toString(36)}.${version}.${number}` }));
}

export function keptSince_ms({ item_id }: Pick<HeldPlace, 'item_id'>): number {
  return Number.parseInt(item_id, 36);
}

/** What stays kept when a claim has taken its places. */
export function keptAfter(kept: Pick<Hold, 'places'>, taken: readonly HeldPlace[]): HeldPlace[] {
  return placesWithout(kept.places, taken);
}

/** Places whose time is over, and the others. */
export function splitKept(places: readonly HeldPlace[], keep_ms: number, now_ms: number): { over: HeldPlace[]; stays: HeldPlace[] } {
  const over = places.filter((place) => keptSince_ms(place) + keep_ms <= now_ms);
  return { over, stays: places.filter((place) => !over.includes(place)) };
}
