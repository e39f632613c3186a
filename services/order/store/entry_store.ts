/** Queue entries in MySQL: the truth of the waiting queue. */
import { fail, ok } from '#kit/base/result.ts';
import { heldLease } from '#kit/store/lease.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/actor.ts';
import type { EntryStore } from '../app/ports.ts';
import type { QueueEntry } from '../domain/entry.ts';
import { claimDays, freeDays } from './claims.ts';
import { insertOrders, type WriteTools } from './order_write.ts';
import { dateOf, ENTRY_COLUMNS, entryOf, valuesOf, type EntryRow } from './rows.ts';

/** The sweeper looks after a waiting entry for the first time: its place in Redis may have been lost with a crash. */
const FIRST_LOOK_MS = 5000;
/** An entry whose owner died while it held seats is repeated after this time; less than an unattached hold lives. */
const PROCESSING_MS = 10_000;

export function createEntryStore(db: Database, tools: WriteTools): EntryStore {
  async function find(entry_id: string): Promise<QueueEntry | undefined> {
    const [row] = await db.query<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id = ?`, [entry_id]);
    return row === undefined ? undefined : entryOf(row);
  }

  return {
    find,
    async submit(entry, claims, key, actor) {
      const done = await db.transaction((tx) =>
        withRequestId(tx, { ...key, now_ms: tools.now_ms() }, async () => {
          const claimed = await claimDays(tx, entry.entry_id, claims);
          if (!claimed.ok) return claimed;
          await insertEntry(tx, entry);
          await auditEntry(tools, tx, actor, 'order.Submit', entry.entry_id, { result: 'ok', request_id: entry.request_id });
          return ok(Buffer.from(entry.entry_id));
        }),
      );
      if (!done.ok) return done;
      const stored = await find(entry.entry_id);
      return stored === undefined ? fail('CONFLICT', { detail: 'the entry is not there yet' }) : ok(stored);
    },
    start: (entry_ids, lease) =>
      db.transaction(async (tx) => {
        if (!(await heldLease(tx, lease))) return undefined;
        // Locked in the order of the key, whatever the order of service, so that nobody waits in a circle.
        const rows = await tx.execute<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id IN (?) AND state = 'WAITING' ORDER BY entry_id FOR UPDATE`, [[...entry_ids]]);
        if (rows.length === 0) return [];
        const now = dateOf(tools.now_ms());
        await tx.execute(
          `UPDATE queue_entry SET state = 'PROCESSING', dequeue_time = ?, attempts = 0, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE entry_id IN (?)`,
          [now, PROCESSING_MS * 1000, rows.map(({ entry_id }) => entry_id)],
        );
        const place = new Map(entry_ids.map((entry_id, index) => [entry_id, index]));
        return rows
          .map((row): QueueEntry => ({ ...entryOf(row), state: 'PROCESSING', dequeue_ms: now.getTime() }))
          .toSorted((a, b) => place.get(a.entry_id)! - place.get(b.entry_id)!);
      }),
    place: (orders, lease) =>
      db.transaction(async (tx) => {
        if (!(await heldLease(tx, lease))) return [];
        const open = await tx.execute<{ entry_id: string }>("SELECT entry_id FROM queue_entry WHERE entry_id IN (?) AND state = 'PROCESSING' ORDER BY entry_id FOR UPDATE", [
          orders.map(({ entry_id }) => entry_id),
        ]);
        const fresh = orders.filter((order) => open.some(({ entry_id }) => entry_id === order.entry_id));
        if (fresh.length === 0) return [];
        await insertOrders(tx, fresh, tools);
        for (const { entry_id, order_id } of fresh) {
          await tx.execute("UPDATE queue_entry SET state = 'ORDERED', order_id = ?, end_time = ?, next_action_time = NULL WHERE entry_id = ?", [order_id, dateOf(tools.now_ms()), entry_id]);
          await tx.execute('UPDATE passenger_claim SET order_id = ? WHERE entry_id = ?', [order_id, entry_id]);
        }
        return fresh.map(({ entry_id }) => entry_id);
      }),
    end: (entry_id, to, reason, actor, from) =>
      db.transaction(async (tx) => {
        const [row] = await tx.execute<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id = ? AND state IN (?) FOR UPDATE`, [entry_id, from === undefined ? ['WAITING', 'PROCESSING'] : [from]]);
        if (row === undefined) return false;
        await tx.execute('UPDATE queue_entry SET state = ?, reason = ?, end_time = ?, next_action_time = NULL WHERE entry_id = ?', [to, reason === '' ? null : reason, dateOf(tools.now_ms()), entry_id]);
        await freeDays(tx, entry_id);
        await auditEntry(tools, tx, actor, to === 'LEFT' ? 'order.LeaveQueue' : 'order.FailEntry', entry_id, { result: reason === '' ? 'ok' : reason });
        if (to === 'FAILED') await tools.tellEntryFailed(tx, entryOf(row), reason);
        return true;
      }),
    async nextHold(entry_id, hold_no) {
      await db.query("UPDATE queue_entry SET hold_no = ?, next_action_time = UTC_TIMESTAMP(3) WHERE entry_id = ? AND state = 'PROCESSING' AND hold_no < ?", [hold_no, entry_id, hold_no]);
    },
    async postpone(entry_id, wait_ms) {
      await db.query("UPDATE queue_entry SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE entry_id = ? AND state IN ('WAITING', 'PROCESSING')", [wait_ms * 1000, entry_id]);
    },
    async waitingRuns(limit) {
      return [...(await db.query<{ run_id: string; bucket: number }>("SELECT run_id, MIN(bucket) AS bucket FROM queue_entry WHERE state = 'WAITING' GROUP BY run_id LIMIT ?", [limit]))];
    },
    async waiting(run_id, limit) {
      const rows = await db.query<Pick<EntryRow, 'entry_id' | 'priority' | 'sequence'>>(
        "SELECT entry_id, priority, sequence FROM queue_entry WHERE run_id = ? AND state = 'WAITING' ORDER BY priority, sequence LIMIT ?",
        [run_id, limit],
      );
      return rows.map(({ entry_id, priority, sequence }) => ({ entry_id, priority, sequence: Number(sequence) }));
    },
    async standing(run_id, priority, sequence) {
      const [row] = await db.query<{ ahead: bigint; length: bigint }>(
        `SELECT COUNT(CASE WHEN priority < ? OR (priority = ? AND sequence < ?) THEN 1 END) AS ahead, COUNT(*) AS length
         FROM queue_entry WHERE run_id = ? AND state = 'WAITING'`,
        [priority, priority, sequence, run_id],
      );
      return { ahead: Number(row?.ahead ?? 0), length: Number(row?.length ?? 0) };
    },
    async queues(limit, offset) {
      const rows = await db.query<{ run_id: string; bucket: number; length: bigint; in_flight: bigint; owner: string | null; term: bigint | null }>(
        `SELECT q.run_id, q.bucket, q.length, q.in_flight, l.owner, l.term FROM (
           SELECT run_id, MIN(bucket) AS bucket, COUNT(CASE WHEN state = 'WAITING' THEN 1 END) AS length, COUNT(CASE WHEN state = 'PROCESSING' THEN 1 END) AS in_flight
           FROM queue_entry WHERE state IN ('WAITING', 'PROCESSING') GROUP BY run_id ORDER BY length DESC, run_id LIMIT ? OFFSET ?
         ) q LEFT JOIN lease l ON l.name = CONCAT('queue/', q.bucket) ORDER BY q.length DESC, q.run_id`,
        [limit, offset],
      );
      return rows.map((row) => ({ ...row, length: Number(row.length), in_flight: Number(row.in_flight), owner: row.owner ?? '', term: row.term ?? 0n }));
    },
  };
}

async function insertEntry(tx: Tx, entry: Parameters<EntryStore['submit']>[0]): Promise<void> {
  const { entry_id, account_id, tenant, channel, request_id, run_id, bucket, priority, body, enter_ms } = entry;
  const row: SqlValue[] = [entry_id, BigInt(account_id), tenant, channel, request_id, run_id, bucket, 'WAITING', priority, JSON.stringify(body), dateOf(enter_ms), FIRST_LOOK_MS * 1000];
  await tx.execute(
    `INSERT INTO queue_entry (entry_id, account_id, tenant, channel, request_id, run_id, bucket, state, priority, body, enter_time, next_action_time)
     VALUES (${valuesOf(1, 11).slice(1, -1)}, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`,
    row,
  );
}

async function auditEntry(tools: WriteTools, tx: Tx, actor: Actor, operation: string, entry_id: string, more: { result: string; request_id?: string }): Promise<void> {
  await tools.audit(tx, actor, { operation, target: `entry/${entry_id}`, ...more });
}
