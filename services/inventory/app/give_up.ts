import type { Hold } from '../domain/hold.ts';
import type { Attempt } from './commit_tick.ts';
import type { Ledger, SeatStore } from './ports.ts';
import { freeParts } from '../domain/free_parts.ts';
import { placesWithout } from '../domain/places_without.ts';
import { settleExchange } from './settle_exchange.ts';

type Parts = { ledger: Pick<Ledger, 'tombstone' | 'findHolds' | 'readBits'>; seats: Pick<SeatStore, 'release' | 'sell'> };

/**
 * Ends a hold that was placed in Redis and is not (or perhaps not) in the ledger. First the tombstone: when its id is
 * taken, the hold exists and stands, and is returned. Only then are its seats freed in Redis, by its record; those that
 * the ledger has as taken stay taken, and those of the hold that it was to replace. Throws when the ledger can't be asked:
 * then nothing is freed.
 */
export async function giveUp(parts: Parts, attempt: Attempt, reason: string): Promise<Hold | undefined> {
  const { planned, key } = attempt;
  const { hold_id, run, owner, body_hash } = planned;
  if (!(await parts.ledger.tombstone({ hold_id, run, epoch: key.epoch, owner, body_hash, reason: `not committed: ${reason}` }))) {
    const hold = (await parts.ledger.findHolds([hold_id])).get(hold_id);
    // Held: somebody else has committed the very places. Otherwise it was over before Redis placed it anew.
    const stands = hold?.state === 'HELD' || (hold?.state === 'SOLD' && planned.replaces !== undefined);
    await (hold !== undefined && stands ? settleExchange(parts.seats, [attempt], hold) : freePlaced(parts, attempt));
    return hold;
  }
  await freePlaced(parts, attempt);
  return undefined;
}

async function freePlaced(parts: Parts, { planned, placed, key }: Attempt): Promise<void> {
  const { hold_id, run, owner } = planned;
  const bits = (await parts.ledger.readBits([run])).get(run.run_id);
  const own = placesWithout(placed.places, planned.replaces?.places ?? []);
  const freed = own.flatMap((place) => freeParts(place, bits?.occupied.get(place.class_code)?.get(place.index) ?? 0n));
  await parts.seats.release(run, key.epoch, { hold_id, owner, seat_version: placed.seat_version, freed, stays: [] });
}
