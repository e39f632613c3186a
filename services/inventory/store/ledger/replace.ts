// Exchange within a run: what happens to the rows of holds whose place new ones take.
import type { SqlValue } from '#kit/store/mysql.ts';
import { LedgerRefused, type HoldChange, type NewHold } from '../../app/ports.ts';
import type { Hold } from '../../domain/hold.ts';
import { placesWithout } from '../../domain/places_without.ts';
import { placesToJson } from '../seat_codec.ts';

export type Replaced = { old: Hold; by: NewHold };

const REASON = 'exchanged';

/** The old holds in the order in which their rows are locked. Refuses two that want the same: only one can have it. */
export function replacedHolds(holds: readonly NewHold[]): Replaced[] {
  const replaced = holds.flatMap((by): Replaced[] => (by.planned.replaces === undefined ? [] : [{ old: by.planned.replaces, by }]));
  if (new Set(replaced.map(({ old }) => old.hold_id)).size < replaced.length) throw new LedgerRefused('REPLACED');
  return replaced.toSorted((left, right) => (left.old.hold_id < right.old.hold_id ? -1 : 1));
}

/**
 * Ends the old row if it is still as it was read. Its places become those that the exchange gives back, so that whoever
 * frees them in Redis by this row frees nothing of the new hold.
 */
export function endStatement({ old, by }: Replaced): { sql: string; params: SqlValue[] } {
  const sql = `UPDATE seat_hold SET state = 'RELEASED', version = version + 1, seat_version = seat_version + 1, places = ?, reason = '${REASON}', next_action_time = NULL, attempts = 0, updated_at = UTC_TIMESTAMP(3)
    WHERE hold_id = ? AND run_no = ? AND version = ? AND state IN ('HELD', 'SOLD')`;
  return { sql, params: [placesToJson(placesWithout(old.places, by.placed.places)), old.hold_id, by.planned.run.run_no, old.version] };
}

/** All of the old places are told as released: the new ones are told as held in the same transaction. */
export function endOf({ old }: Replaced): HoldChange {
  return { kind: 'released', hold: { ...old, state: 'RELEASED', version: old.version + 1, seat_version: old.seat_version + 1 }, reason: REASON };
}
