import { isKept, keptAfter } from '../domain/kept_places.ts';
import { placesWithout } from '../domain/places_without.ts';
import type { Hold } from '../domain/hold.ts';
import type { Attempt } from './commit_tick.ts';
import type { SeatStore } from './ports.ts';

/**
 * Redis' half of an exchange that the ledger has committed: the record of the hold that was replaced ends, and of its seats
 * those are freed that the new ones (several only of what is kept) do not have. By the record, so a repeat changes nothing. Redis
 * forgets what is sold.
 */
export async function settleExchange(seats: Pick<SeatStore, 'release' | 'sell'>, attempts: readonly Attempt[], hold: Hold): Promise<void> {
  const { planned: { run, replaces: old }, key } = attempts[0]!;
  if (old === undefined) return;
  const places = attempts.flatMap(({ placed }) => placed.places);
  if (isKept(old)) {
    // What the claims did not need stays kept, and so taken. What was kept meanwhile is mended by whoever looks next.
    await seats.release(run, key.epoch, { hold_id: old.hold_id, owner: old.owner, seat_version: old.seat_version, freed: [], stays: keptAfter(old, places) });
    return;
  }
  const freed = placesWithout(old.places, places);
  await seats.release(run, key.epoch, { hold_id: old.hold_id, owner: old.owner, seat_version: old.seat_version, freed, stays: [] });
  if (hold.state === 'SOLD') await seats.sell(run, key.epoch, hold);
}
