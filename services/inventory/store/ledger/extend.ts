// How long a hold lives, by the database's clock.
import type { Extension, Ledger } from '../../app/ports.ts';
import { MAX_HOLD_TTL_MS } from '../../domain/hold.ts';
import { ledgerTransaction, requireEpoch } from './guard.ts';
import { holdOfRow, lockHold, type HoldRow } from './hold_rows.ts';
import type { LedgerParts } from './parts.ts';

/** The backstop of an attached hold whose order is alive. */
export async function extend(parts: LedgerParts, hold_id: string, by_ms: number): Promise<void> {
  await parts.db.query(
    `UPDATE seat_hold SET expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, version = version + 1, attempts = 0
     WHERE hold_id = ? AND state = 'HELD'`,
    [by_ms * 1000, by_ms * 1000, hold_id],
  );
}

/** More time for an unattached hold; one that has as much already is not changed. */
export async function extendUnattached(parts: LedgerParts, { hold_id, run, epoch, owner, ttl_ms }: Parameters<Ledger['extendUnattached']>[0]): Promise<Extension> {
  return ledgerTransaction(parts.db, async (tx) => {
    await requireEpoch(tx, run.bucket, epoch);
    const row = await lockHold(tx, hold_id);
    if (row === undefined || row.run_no !== run.run_no) return { status: 'UNKNOWN' };
    if (row.owner !== owner) return { status: 'OTHER_OWNER' };
    const over = whyNot(row);
    if (over !== undefined) return { status: over };
    const [time] = await tx.execute<{ beyond: number; later: number }>(
      `SELECT UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND > created_at + INTERVAL ? MICROSECOND AS beyond, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND > expires_at AS later
       FROM seat_hold WHERE hold_id = ?`,
      [ttl_ms * 1000, MAX_HOLD_TTL_MS * 1000, ttl_ms * 1000, hold_id],
    );
    if (time!.beyond === 1) return { status: 'BEYOND' };
    if (time!.later !== 1) return { status: 'OK', hold: holdOfRow(row) };
    await tx.execute(
      `UPDATE seat_hold SET expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND,
       version = version + 1, attempts = 0, updated_at = UTC_TIMESTAMP(3) WHERE hold_id = ?`,
      [ttl_ms * 1000, ttl_ms * 1000, hold_id],
    );
    return { status: 'OK', hold: holdOfRow((await lockHold(tx, hold_id))!) };
  });
}

function whyNot({ state, order_id, expired }: HoldRow): 'EXPIRED' | 'ATTACHED' | 'ABORTED' | undefined {
  if (state === 'ABORTED') return 'ABORTED';
  if (state === 'RELEASED') return 'EXPIRED';
  if (order_id !== '') return 'ATTACHED';
  // Its time has passed though nobody came to release it yet: somebody else may count on these seats.
  return expired === 1 ? 'EXPIRED' : undefined;
}
