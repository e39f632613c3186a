// Places that are kept for those who wait (ADR 34): the flag of a run, and its one hold that they belong to.
import type { Tx } from '#kit/store/mysql.ts';
import type { HoldChange, Ledger, Opened } from '../../app/ports.ts';
import type { HeldPlace, Hold } from '../../domain/hold.ts';
import { asKept, KEPT_MAX, keptHoldId, keptSince_ms, splitKept } from '../../domain/kept_places.ts';
import type { RunHeader } from '../../domain/run.ts';
import { placesToJson } from '../seat_codec.ts';
import { auditStatement } from './audit_rows.ts';
import { freeInLedger } from './free.ts';
import { ledgerTransaction, requireEpoch } from './guard.ts';
import { holdOfRow, LOCKED_HOLD, lockHold, type HoldRow } from './hold_rows.ts';
import { Packet } from './packet.ts';
import type { LedgerParts } from './parts.ts';

const NO_BODY = new Uint8Array(16);

/** The row of the kept places comes with the first who waits, so that releases only have to change it. */
export async function setStandby({ db }: LedgerParts, { run, waiting, version }: Parameters<Ledger['setStandby']>[0]): Promise<boolean> {
  return ledgerTransaction(db, async (tx) => {
    await tx.execute('INSERT INTO run_standby (run_no, waiting, version) VALUES (?, 0, 0) ON DUPLICATE KEY UPDATE run_no = run_no', [run.run_no]);
    const { affected_rows } = await tx.execute('UPDATE run_standby SET waiting = ?, version = ? WHERE run_no = ? AND version < ?', [waiting ? 1 : 0, version, run.run_no, version]);
    if (affected_rows === 0) return false;
    await tx.execute(
      `INSERT INTO seat_hold (hold_id, run_no, run_id, bucket, state, owner, version, seat_version, order_id, account_id, body_hash, places, reason, expires_at, next_action_time, attempts, created_at, updated_at)
       VALUES (?, ?, ?, ?, 'RELEASED', 'STANDBY', 1, 1, '', '', ?, '[]', 'kept for standby', UTC_TIMESTAMP(3), NULL, 0, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE hold_id = hold_id`,
      [keptHoldId(run.run_id), run.run_no, run.run_id, run.bucket, NO_BODY],
    );
    return true;
  });
}

/**
 * In the transaction of a release: the places go to the kept ones of the run while somebody waits for it, and stay taken.
 * False when they are to be freed.
 */
export async function keepPlaces(parts: LedgerParts, tx: Tx, run: RunHeader, released: readonly HeldPlace[]): Promise<boolean> {
  if (!run.open) return false;
  const [flag] = await tx.execute<{ waiting: number }>('SELECT waiting FROM run_standby WHERE run_no = ? LOCK IN SHARE MODE', [run.run_no]);
  if (flag?.waiting !== 1) return false;
  // From here on everybody else who gives back a seat of the run, or claims one, waits: so no round trip more than is needed.
  const packet = new Packet();
  const [row_at, time_at] = [packet.add(LOCKED_HOLD, [keptHoldId(run.run_id)]), packet.add('SELECT UTC_TIMESTAMP(3) AS now', [])];
  const results = await packet.send(tx);
  const [row] = results[row_at] as unknown as HoldRow[];
  if (row === undefined) return false;
  const before = holdOfRow(row);
  const now_ms = (results[time_at]![0] as { now: Date }).now.getTime();
  const added = asKept(released, before.version + 1, now_ms);
  const places = before.state === 'HELD' ? [...before.places, ...added] : added;
  if (added.length === 0 || places.length > KEPT_MAX) return false;
  const due = before.state === 'HELD' ? 'COALESCE(next_action_time, ?)' : '?';
  await tx.later(
    `UPDATE seat_hold SET state = 'HELD', version = version + 1, seat_version = seat_version + 1, places = ?, next_action_time = ${due}, attempts = 0, updated_at = UTC_TIMESTAMP(3) WHERE hold_id = ?`,
    [placesToJson(places), new Date(now_ms + parts.keep_ms), before.hold_id],
  );
  const after: Hold = { ...before, state: 'HELD', version: before.version + 1, seat_version: before.seat_version + 1, places };
  await record(parts, tx, { kind: 'held', hold: { ...after, places: added }, reason: '' });
  return true;
}

/** Frees what was kept for long enough. The row says when the next is due. */
export async function openKept(parts: LedgerParts, { run, epoch, keep_ms }: Parameters<Ledger['openKept']>[0]): Promise<Opened | undefined> {
  return ledgerTransaction(parts.db, async (tx) => {
    await requireEpoch(tx, run.bucket, epoch);
    const row = await lockHold(tx, keptHoldId(run.run_id));
    if (row?.state !== 'HELD') return undefined;
    const before = holdOfRow(row);
    const { over: freed, stays } = splitKept(before.places, keep_ms, await timeOf(tx));
    const due = stays.length === 0 ? null : new Date(Math.min(...stays.map(keptSince_ms)) + parts.keep_ms);
    if (freed.length === 0) {
      await tx.execute('UPDATE seat_hold SET next_action_time = ?, attempts = 0 WHERE hold_id = ?', [due, before.hold_id]);
      return undefined;
    }
    await freeInLedger(tx, row.run_no, freed);
    await tx.execute(
      'UPDATE seat_hold SET state = ?, version = version + 1, seat_version = seat_version + 1, places = ?, next_action_time = ?, attempts = 0, updated_at = UTC_TIMESTAMP(3) WHERE hold_id = ?',
      [stays.length === 0 ? 'RELEASED' : 'HELD', placesToJson(stays), due, before.hold_id],
    );
    await record(parts, tx, { kind: 'released', hold: { ...before, version: before.version + 1, places: freed }, reason: 'nobody who waited got it' });
    return { before, freed, stays };
  });
}

/** The time by which places become due: the database's, as everywhere in the ledger. */
async function timeOf(tx: Tx): Promise<number> {
  const [row] = await tx.execute<{ now: Date }>('SELECT UTC_TIMESTAMP(3) AS now', []);
  return row!.now.getTime();
}

async function record(parts: LedgerParts, tx: Tx, change: HoldChange): Promise<void> {
  const audit = auditStatement([change], parts.clock.now_ms(), parts.random);
  await tx.later(audit.sql, audit.params);
  await parts.publish(tx, [change]);
}
