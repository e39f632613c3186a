// Changes of single holds: release, and the tombstone. Each locks bucket, hold, seats in that order.
import { isDuplicateKey } from '#kit/store/errors.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { HoldChange, Ledger, Released, ReleaseWish } from '../../app/ports.ts';
import type { Hold } from '../../domain/hold.ts';
import { isKept } from '../../domain/kept_places.ts';
import { placesToJson } from '../seat_codec.ts';
import { auditStatement } from './audit_rows.ts';
import { freeInLedger } from './free.ts';
import { ledgerTransaction, requireEpoch } from './guard.ts';
import { holdOfRow, lockHold, type HoldRow } from './hold_rows.ts';
import { keepPlaces } from './kept.ts';
import type { LedgerParts } from './parts.ts';

/** Frees the seats of a hold, or of some of its items. Undefined when this owner has nothing to release at this version. */
export async function release(parts: LedgerParts, wish: ReleaseWish): Promise<Released | undefined> {
  return ledgerTransaction(parts.db, async (tx) => {
    await requireEpoch(tx, wish.run.bucket, wish.epoch);
    const row = await lockHold(tx, wish.hold_id);
    if (row === undefined || !mayRelease(row, wish)) return undefined;
    const before = holdOfRow(row);
    const freed = wish.item_ids.length === 0 ? before.places : before.places.filter(({ item_id }) => wish.item_ids.includes(item_id));
    if (freed.length === 0) return undefined;
    // What was kept and is given back (of a changed run) is free.
    const kept = !isKept(before) && (await keepPlaces(parts, tx, wish.run, freed));
    await freeInLedger(tx, row.run_no, kept ? freed.filter(({ index }) => index < 0) : freed);
    const stays = before.places.filter((place) => !freed.includes(place));
    const state = stays.length === 0 ? 'RELEASED' : before.state;
    // Released places stay in the row of a finished hold: they say what was held.
    const places = stays.length === 0 ? before.places : stays;
    await tx.later(
      `UPDATE seat_hold SET state = ?, version = version + 1, seat_version = seat_version + 1, places = ?, reason = ?, attempts = 0, updated_at = UTC_TIMESTAMP(3)
       ${state === 'RELEASED' ? ', next_action_time = NULL' : ''} WHERE hold_id = ?`,
      [state, placesToJson(places), wish.reason.slice(0, 64), wish.hold_id],
    );
    const hold: Hold = { ...before, state, version: before.version + 1, seat_version: before.seat_version + 1, places };
    await record(parts, tx, { kind: 'released', hold: { ...hold, places: freed }, reason: wish.reason });
    return { hold, before, freed, kept };
  });
}

/** Writes that a hold never took effect and never will; false when its row exists. */
export async function tombstone(parts: LedgerParts, { hold_id, run, epoch, owner, body_hash, reason }: Parameters<Ledger['tombstone']>[0]): Promise<boolean> {
  return ledgerTransaction(parts.db, async (tx) => {
    await requireEpoch(tx, run.bucket, epoch);
    try {
      await tx.execute(
        `INSERT INTO seat_hold (hold_id, run_no, run_id, bucket, state, owner, version, seat_version, order_id, account_id, body_hash, places, reason, expires_at, next_action_time, attempts, created_at, updated_at)
         VALUES (?, ?, ?, ?, 'ABORTED', ?, 1, 1, '', '', ?, '[]', ?, UTC_TIMESTAMP(3), NULL, 0, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`,
        [hold_id, run.run_no, run.run_id, run.bucket, owner, body_hash, reason.slice(0, 64)],
      );
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
    const row = await lockHold(tx, hold_id);
    if (row !== undefined) await record(parts, tx, { kind: 'aborted', hold: holdOfRow(row), reason });
    return true;
  });
}

function mayRelease(row: HoldRow, wish: ReleaseWish): boolean {
  if (row.run_no !== wish.run.run_no || (row.state !== 'HELD' && row.state !== 'SOLD')) return false;
  if (wish.owner !== undefined && row.owner !== wish.owner) return false;
  if (wish.account_id !== undefined && row.account_id !== wish.account_id) return false;
  if (wish.version !== undefined && row.version !== wish.version) return false;
  return wish.only_expired !== true || (row.state === 'HELD' && row.expired === 1);
}

async function record(parts: LedgerParts, tx: Tx, change: HoldChange): Promise<void> {
  const audit = auditStatement([change], parts.clock.now_ms(), parts.random);
  await tx.later(audit.sql, audit.params);
  await parts.publish(tx, [change]);
}
