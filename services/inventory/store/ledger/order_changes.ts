// What orders change of their holds, many at once in one transaction: attach and sell. Locks buckets, then holds, each in order.
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { OrderChange, OrderWish } from '../../app/ports.ts';
import { ATTACHED_BACKSTOP_MS, type Hold } from '../../domain/hold.ts';
import { auditStatement } from './audit_rows.ts';
import { EPOCHS_SHARED, ledgerTransaction } from './guard.ts';
import { HOLD_COLUMNS, holdOfRow, type HoldRow } from './hold_rows.ts';
import { Packet } from './packet.ts';
import type { LedgerParts } from './parts.ts';

/** Names the orders; a repeat with the same order answers the same. Undefined when the hold is over or another order's. */
export async function attach(parts: LedgerParts, wishes: readonly OrderWish[]): Promise<OrderChange[]> {
  return ledgerTransaction(parts.db, async (tx) => {
    const { now_ms, locked } = await lockHolds(tx, wishes);
    const fresh: OrderWish[] = [];
    const changes = locked.map(({ wish, row }): OrderChange => {
      if (row === 'EPOCH' || row === undefined) return row;
      if (row.order_id === wish.order_id && (row.state === 'HELD' || row.state === 'SOLD')) return holdOfRow(row);
      if (row.state !== 'HELD' || row.order_id !== '') return undefined;
      fresh.push(wish);
      return { ...holdOfRow(row), order_id: wish.order_id, version: row.version + 1, expires_ms: now_ms + ATTACHED_BACKSTOP_MS };
    });
    if (fresh.length > 0) {
      const until = new Date(now_ms + ATTACHED_BACKSTOP_MS);
      const { sql, params } = orderIdOf(fresh);
      await tx.later(
        `UPDATE seat_hold SET order_id = ${sql}, version = version + 1, expires_at = ?, next_action_time = ?, attempts = 0, updated_at = UTC_TIMESTAMP(3) WHERE hold_id IN (?)`,
        [...params, until, until, idsOf(fresh)],
      );
    }
    return changes;
  });
}

/** HELD → SOLD. A hold without an order takes this one. Undefined when it is not held or is another order's. */
export async function sell(parts: LedgerParts, wishes: readonly OrderWish[]): Promise<OrderChange[]> {
  return ledgerTransaction(parts.db, async (tx) => {
    const { locked } = await lockHolds(tx, wishes);
    const fresh: OrderWish[] = [];
    const sold: Hold[] = [];
    const changes = locked.map(({ wish, row }): OrderChange => {
      if (row === 'EPOCH' || row === undefined) return row;
      if (row.state === 'SOLD' && row.order_id === wish.order_id) return holdOfRow(row);
      if (row.state !== 'HELD' || (row.order_id !== '' && row.order_id !== wish.order_id)) return undefined;
      const hold: Hold = { ...holdOfRow(row), state: 'SOLD', order_id: wish.order_id, version: row.version + 1 };
      fresh.push(wish);
      sold.push(hold);
      return hold;
    });
    if (fresh.length > 0) {
      const { sql, params } = orderIdOf(fresh);
      await tx.later(`UPDATE seat_hold SET state = 'SOLD', order_id = ${sql}, version = version + 1, next_action_time = NULL, attempts = 0, updated_at = UTC_TIMESTAMP(3) WHERE hold_id IN (?)`, [...params, idsOf(fresh)]);
      const told = sold.map((hold) => ({ kind: 'sold' as const, hold, reason: '' }));
      const audit = auditStatement(told, parts.clock.now_ms(), parts.random);
      await tx.later(audit.sql, audit.params);
      await parts.publish(tx, told);
    }
    return changes;
  });
}

type Locked = { wish: OrderWish; row: HoldRow | 'EPOCH' | undefined };

/** The rows of the wishes in their order, in one packet. A bucket whose epoch has passed refuses its own wishes only. */
async function lockHolds(tx: Tx, wishes: readonly OrderWish[]): Promise<{ now_ms: number; locked: Locked[] }> {
  const packet = new Packet();
  const time_at = packet.add('SELECT UTC_TIMESTAMP(3) AS now', []);
  const epochs_at = packet.add(EPOCHS_SHARED, [[...new Set(wishes.map(({ run }) => run.bucket))]]);
  const holds_at = packet.add(`SELECT ${HOLD_COLUMNS} FROM seat_hold WHERE hold_id IN (?) ORDER BY hold_id FOR UPDATE`, [idsOf(wishes)]);
  const results = await packet.send(tx);
  const epochs = new Map((results[epochs_at] as unknown as { bucket: number; epoch: number }[]).map(({ bucket, epoch }) => [bucket, epoch]));
  const rows = new Map((results[holds_at] as unknown as HoldRow[]).map((row) => [row.hold_id, row]));
  const locked = wishes.map((wish): Locked => {
    if (epochs.get(wish.run.bucket) !== wish.epoch) return { wish, row: 'EPOCH' };
    const row = rows.get(wish.hold_id);
    return { wish, row: row?.run_no === wish.run.run_no ? row : undefined };
  });
  return { now_ms: (results[time_at]![0] as { now: Date }).now.getTime(), locked };
}

/** The order of each row of one UPDATE. */
function orderIdOf(wishes: readonly OrderWish[]): { sql: string; params: SqlValue[] } {
  return { sql: 'ELT(FIELD(hold_id, ?), ?)', params: [idsOf(wishes), wishes.map(({ order_id }) => order_id)] };
}

function idsOf(wishes: readonly OrderWish[]): string[] {
  return wishes.map(({ hold_id }) => hold_id);
}
