// Changes of single holds: attach, sell, release, and the tombstone. Each locks bucket, hold, seats in that order.
import { isDuplicateKey } from '#kit/store/errors.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { HoldChange, Ledger, Released, ReleaseWish } from '../../app/ports.ts';
import { ATTACHED_BACKSTOP_MS, seatClaims, standingClaims, type Hold } from '../../domain/hold.ts';
import type { RunHeader } from '../../domain/run.ts';
import { placesToJson } from '../seat_codec.ts';
import { auditStatement } from './audit_rows.ts';
import { freeSeats, freeStanding } from './claims.ts';
import { ledgerTransaction, requireEpoch } from './guard.ts';
import { holdOfRow, lockHold, type HoldRow } from './hold_rows.ts';
import type { LedgerParts } from './parts.ts';

/** Names the order; a repeat with the same order answers the same. Undefined when the hold is over or another order's. */
export async function attach(parts: LedgerParts, hold_id: string, run: RunHeader, epoch: number, order_id: string): Promise<Hold | undefined> {
  return ledgerTransaction(parts.db, async (tx) => {
    await requireEpoch(tx, run.bucket, epoch);
    const row = await lockHold(tx, hold_id);
    if (row === undefined || row.run_no !== run.run_no) return undefined;
    if (row.order_id === order_id && (row.state === 'HELD' || row.state === 'SOLD')) return holdOfRow(row);
    if (row.state !== 'HELD' || row.order_id !== '') return undefined;
    await tx.execute(
      `UPDATE seat_hold SET order_id = ?, version = version + 1, expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND,
       next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, attempts = 0, updated_at = UTC_TIMESTAMP(3) WHERE hold_id = ?`,
      [order_id, ATTACHED_BACKSTOP_MS * 1000, ATTACHED_BACKSTOP_MS * 1000, hold_id],
    );
    const after = await lockHold(tx, hold_id);
    return after === undefined ? undefined : holdOfRow(after);
  });
}

/** HELD → SOLD. A hold without an order takes this one. Undefined when it is not held or is another order's. */
export async function sell(parts: LedgerParts, hold_id: string, run: RunHeader, epoch: number, order_id: string): Promise<Hold | undefined> {
  return ledgerTransaction(parts.db, async (tx) => {
    await requireEpoch(tx, run.bucket, epoch);
    const row = await lockHold(tx, hold_id);
    if (row === undefined || row.run_no !== run.run_no) return undefined;
    if (row.state === 'SOLD' && row.order_id === order_id) return holdOfRow(row);
    if (row.state !== 'HELD' || (row.order_id !== '' && row.order_id !== order_id)) return undefined;
    await tx.execute("UPDATE seat_hold SET state = 'SOLD', order_id = ?, version = version + 1, next_action_time = NULL, attempts = 0, updated_at = UTC_TIMESTAMP(3) WHERE hold_id = ?", [order_id, hold_id]);
    const hold = holdOfRow({ ...row, state: 'SOLD', order_id, version: row.version + 1 });
    await record(parts, tx, { kind: 'sold', hold, reason: '' });
    return hold;
  });
}

/** Frees the seats of a hold, or of some of its items. Undefined when this owner has nothing to release at this version. */
export async function release(parts: LedgerParts, wish: ReleaseWish): Promise<Released | undefined> {
  return ledgerTransaction(parts.db, async (tx) => {
    await requireEpoch(tx, wish.run.bucket, wish.epoch);
    const row = await lockHold(tx, wish.hold_id);
    if (row === undefined || !mayRelease(row, wish)) return undefined;
    const before = holdOfRow(row);
    const freed = wish.item_ids.length === 0 ? before.places : before.places.filter(({ item_id }) => wish.item_ids.includes(item_id));
    if (freed.length === 0) return undefined;
    await freeInLedger(tx, row.run_no, freed);
    const stays = before.places.filter((place) => !freed.includes(place));
    const state = stays.length === 0 ? 'RELEASED' : before.state;
    // Released places stay in the row of a finished hold: they say what was held.
    const places = stays.length === 0 ? before.places : stays;
    await tx.execute(
      `UPDATE seat_hold SET state = ?, version = version + 1, seat_version = seat_version + 1, places = ?, reason = ?, attempts = 0, updated_at = UTC_TIMESTAMP(3)
       ${state === 'RELEASED' ? ', next_action_time = NULL' : ''} WHERE hold_id = ?`,
      [state, placesToJson(places), wish.reason.slice(0, 64), wish.hold_id],
    );
    const hold: Hold = { ...before, state, version: before.version + 1, seat_version: before.seat_version + 1, places };
    await record(parts, tx, { kind: 'released', hold: { ...hold, places: freed }, reason: wish.reason });
    return { hold, before, freed };
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

async function freeInLedger(tx: Tx, run_no: bigint, places: Hold['places']): Promise<void> {
  const seats = seatClaims([{ run_no, places }]);
  const standing = standingClaims([{ run_no, places }]);
  for (const { sql, params, rows } of [...(seats.length > 0 ? [freeSeats(seats)] : []), ...(standing.length > 0 ? [freeStanding(standing)] : [])]) {
    const freed = await tx.execute(sql, params);
    if (freed.affected_rows !== rows) throw new Error('a hold lists seats that the ledger has as free');
  }
}

async function record(parts: LedgerParts, tx: Tx, change: HoldChange): Promise<void> {
  const audit = auditStatement([change], parts.clock.now_ms(), parts.random);
  await tx.execute(audit.sql, audit.params);
  await parts.publish(tx, [change]);
}
