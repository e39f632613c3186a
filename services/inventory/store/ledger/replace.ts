// Exchange within a run: what happens to the rows of holds whose place new ones take.
import type { SqlValue } from '#kit/store/mysql.ts';
import { LedgerRefused, type HoldChange, type NewHold } from '../../app/ports.ts';
import type { HeldPlace, Hold } from '../../domain/hold.ts';
import { isKept, keptAfter } from '../../domain/kept_places.ts';
import { placesWithout } from '../../domain/places_without.ts';
import { placesToJson } from '../seat_codec.ts';

/** What took the place of a hold, `places` in all. */
export type Replaced = { old: Hold; places: readonly HeldPlace[] };

const REASON = 'exchanged';

/** The old holds in the order in which their rows are locked. Refuses two that want the same: only what is kept can be shared. */
export function replacedHolds(holds: readonly NewHold[]): Replaced[] {
  const by_old = Map.groupBy(holds.filter(({ planned }) => planned.replaces !== undefined), ({ planned }) => planned.replaces!.hold_id);
  const replaced = [...by_old.values()].map((list): Replaced => {
    const old = list[0]!.planned.replaces!;
    if (list.length > 1 && !isKept(old)) throw new LedgerRefused('REPLACED');
    return { old, places: list.flatMap(({ placed }) => placed.places) };
  });
  return replaced.toSorted((left, right) => (left.old.hold_id < right.old.hold_id ? -1 : 1));
}

/**
 * The kept places as they are now, locked, instead of as they were read: others may have been added since. Refuses when something that
 * was taken of them is not there any more.
 */
export function asTheyAre(replaced: readonly Replaced[], rows: ReadonlyMap<string, Hold>): Replaced[] {
  return replaced.map((one) => {
    if (!isKept(one.old)) return one;
    const now = rows.get(one.old.hold_id);
    const lent = placesWithout(one.old.places, keptAfter(one.old, one.places));
    if (now?.state !== 'HELD' || placesWithout(lent, now.places).length > 0) throw new LedgerRefused('REPLACED');
    return { ...one, old: now };
  });
}

/**
 * Ends the old row if it is still as it was read. Its places become those that the exchange gives back, so that whoever
 * frees them in Redis by this row frees nothing of the new hold.
 */
export function endStatement({ old, places }: Replaced): { sql: string; params: SqlValue[] } {
  if (isKept(old)) return shrinkStatement({ old, places });
  const sql = `UPDATE seat_hold SET state = 'RELEASED', version = version + 1, seat_version = seat_version + 1, places = ?, reason = '${REASON}', next_action_time = NULL, attempts = 0, updated_at = UTC_TIMESTAMP(3)
    WHERE hold_id = ? AND run_no = ? AND version = ? AND state IN ('HELD', 'SOLD')`;
  return { sql, params: [placesToJson(placesWithout(old.places, places)), old.hold_id, old.run_no, old.version] };
}

/** The kept places of a run lose what the claims take and are there for the next ones. */
function shrinkStatement({ old, places }: Replaced): { sql: string; params: SqlValue[] } {
  const stays = keptAfter(old, places);
  const over = stays.length === 0 ? ", state = 'RELEASED', next_action_time = NULL" : '';
  const sql = `UPDATE seat_hold SET version = version + 1, seat_version = seat_version + 1, places = ?${over}, updated_at = UTC_TIMESTAMP(3) WHERE hold_id = ? AND run_no = ? AND version = ? AND state = 'HELD'`;
  return { sql, params: [placesToJson(stays), old.hold_id, old.run_no, old.version] };
}

/** Places that the old hold gives up: all, or of what is kept what was taken. */
export function givenPlaces({ old, places }: Replaced): readonly HeldPlace[] {
  return isKept(old) ? placesWithout(old.places, keptAfter(old, places)) : old.places;
}

/** All of the old places are told as released: the new ones are told as held in the same transaction. */
export function endOf({ old, places }: Replaced): HoldChange {
  if (isKept(old)) return { kind: 'released', hold: { ...old, version: old.version + 1, places: givenPlaces({ old, places }) }, reason: 'matched' };
  return { kind: 'released', hold: { ...old, state: 'RELEASED', version: old.version + 1, seat_version: old.seat_version + 1 }, reason: REASON };
}
