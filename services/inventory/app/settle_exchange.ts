import { placesWithout } from '../domain/places_without.ts';
import type { Hold } from '../domain/hold.ts';
import type { Attempt } from './commit_tick.ts';
import type { SeatStore } from './ports.ts';

/**
 * Redis' half of an exchange that the ledger has committed: the record of the hold that was replaced ends, and of its seats
 * those are freed that the new one does not have. By the record, so a repeat changes nothing. Redis forgets what is sold.
 */
export async function settleExchange(seats: Pick<SeatStore, 'release' | 'sell'>, { planned, placed, key }: Attempt, hold: Hold): Promise<void> {
  const { run, replaces: old } = planned;
  if (old === undefined) return;
  const freed = placesWithout(old.places, placed.places);
  await seats.release(run, key.epoch, { hold_id: old.hold_id, owner: old.owner, seat_version: old.seat_version, freed, stays: [] });
  if (hold.state === 'SOLD') await seats.sell(run, key.epoch, hold);
}
