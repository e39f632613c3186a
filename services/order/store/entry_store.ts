/** Queue entries in MySQL: the truth of the waiting queue. */
import { fail, ok } from '#kit/base/result.ts';
import { heldLease } from '#kit/store/lease.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, SqlValue, TransactionOptions, Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/actor.ts';
import type { EntryStore, QueueLease, Turned } from '../app/ports.ts';
import { demandOf, demandText } from '../domain/demand.ts';
import type { EntryState, QueueEntry } from '../domain/entry.ts';
import type { Order } from '../domain/order.ts';
import { claimDays, freeDays, freeDaysOf } from './claims.ts';
import { entryReads } from './entry_reads.ts';
import { insertOrders, type WriteTools } from './order_write.ts';
import { underWords, wordsOf } from './run_words.ts';
import { dateOf, ENTRY_COLUMNS, entryOf, valuesOf, type EntryRow } from './rows.ts';

/** The sweeper looks after a waiting entry for the first time. Its turn does not depend on that (queue_owner.ts). */
const FIRST_LOOK_MS = 60_000;
/** An entry whose owner died while it held seats is repeated after this time; less than an unattached hold lives. */
const PROCESSING_MS = 10_000;
/** How long a queue's step waits for those of other runs: nobody waits for an answer then. */
const QUEUES_LINGER_MS = 25;

export function createEntryStore(db: Database, tools: WriteTools): EntryStore {
  const reads = entryReads(db);
  return {
    ...reads,
    async submit(entry, claims, key, actor) {
      let sequence: number | undefined;
      const done = await db.transaction((tx) =>
        withRequestId(tx, { ...key, now_ms: tools.now_ms() }, async () => {
          const claimed = await claimDays(tx, entry.entry_id, claims);
          if (!claimed.ok) return claimed;
          sequence = await insertEntry(tx, entry);
          await auditEntry(tools, tx, actor, 'order.Submit', entry.entry_id, { result: 'ok', request_id: entry.request_id });
          return ok(Buffer.from(entry.entry_id));
        }),
        { share: { keys: [`request/${key.account_id}/${key.request_id}`, ...claims.map(({ person, travel_date }) => `person/${person}/${travel_date}`)] } },
      );
      if (!done.ok) return done;
      // What was written need not be read again.
      if (!done.value.replayed && sequence !== undefined) return ok({ ...entry, ...NOTHING_YET, sequence });
      const stored = await reads.find(entry.entry_id);
      return stored === undefined ? fail('CONFLICT', { detail: 'the entry is not there yet' }) : ok(stored);
    },
    start: (entry_ids, lease) => db.transaction((tx) => startEntries(tx, entry_ids, lease, tools.now_ms()), sharedBy(entry_ids)),
    place: (orders, lease) => db.transaction((tx) => placeOrders(tx, orders, lease, tools), sharedBy(orders.map(({ entry_id }) => entry_id))),
    end: (entry_id, to, reason, actor, from) =>
      db.transaction(async (tx) => {
        const [row] = await tx.execute<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id = ? AND state IN (?) FOR UPDATE`, [entry_id, from === undefined ? ['WAITING', 'PROCESSING'] : [from]]);
        if (row === undefined) return false;
        await tx.later('UPDATE queue_entry SET state = ?, reason = ?, end_time = ?, next_action_time = NULL WHERE entry_id = ?', [to, reason === '' ? null : reason, dateOf(tools.now_ms()), entry_id]);
        await freeDays(tx, entry_id);
        await auditEntry(tools, tx, actor, to === 'LEFT' ? 'order.LeaveQueue' : 'order.FailEntry', entry_id, { result: reason === '' ? 'ok' : reason });
        if (to === 'FAILED') await tools.tellEntryFailed(tx, entryOf(row), reason);
        return true;
      }),
    failMany: (refused, actor) => (refused.length === 0 ? Promise.resolve([]) : db.transaction((tx) => failEntries(tx, refused, actor, tools))),
    toStandby: (turned, actor, from) => db.transaction((tx) => turnEntries(tx, turned, actor, tools, from)),
    endStandby: (entry_id, became, actor) => db.transaction((tx) => endTurned(tx, entry_id, became, actor, tools)),
    async nextHold(entry_id, hold_no) {
      await db.query("UPDATE queue_entry SET hold_no = ?, next_action_time = UTC_TIMESTAMP(3) WHERE entry_id = ? AND state = 'PROCESSING' AND hold_no < ?", [hold_no, entry_id, hold_no]);
    },
    async postpone(entry_id, wait_ms) {
      await db.query("UPDATE queue_entry SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE entry_id = ? AND state IN ('WAITING', 'PROCESSING')", [wait_ms * 1000, entry_id]);
    },
  };
}

const NOTHING_YET = { state: 'WAITING' as const, hold_no: 0, reason: undefined, order_id: undefined, standby_id: undefined, standby_reason: undefined, standby_since_ms: undefined, standby_after_ms: undefined, dequeue_ms: undefined };

/** Queues of many runs move at the same moment; an entry's own steps follow one another. */
function sharedBy(entry_ids: readonly string[]): TransactionOptions {
  return { share: { keys: entry_ids.map((entry_id) => `entry/${entry_id}`), linger_ms: QUEUES_LINGER_MS } };
}

async function startEntries(tx: Tx, entry_ids: readonly string[], lease: QueueLease, now_ms: number): Promise<QueueEntry[] | undefined> {
  // Asked at once, so that they share a packet; the lease is locked before the rows all the same.
  const [held, rows] = await Promise.all([
    heldLease(tx, lease),
    // Locked in the order of the key, whatever the order of service, so that nobody waits in a circle.
    tx.execute<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id IN (?) AND state = 'WAITING' ORDER BY entry_id FOR UPDATE`, [[...entry_ids]]),
  ]);
  if (!held) return undefined;
  if (rows.length === 0) return [];
  await tx.later(
    `UPDATE queue_entry SET state = 'PROCESSING', dequeue_time = ?, attempts = 0, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE entry_id IN (?)`,
    [dateOf(now_ms), PROCESSING_MS * 1000, rows.map(({ entry_id }) => entry_id)],
  );
  const place = new Map(entry_ids.map((entry_id, index) => [entry_id, index]));
  return rows
    .map((row): QueueEntry => ({ ...entryOf(row), state: 'PROCESSING', dequeue_ms: now_ms }))
    .toSorted((a, b) => place.get(a.entry_id)! - place.get(b.entry_id)!);
}

async function placeOrders(tx: Tx, orders: readonly Order[], lease: QueueLease, tools: WriteTools): Promise<string[]> {
  const [held, open, words] = await Promise.all([
    heldLease(tx, lease),
    tx.execute<{ entry_id: string }>("SELECT entry_id FROM queue_entry WHERE entry_id IN (?) AND state = 'PROCESSING' ORDER BY entry_id FOR UPDATE", [orders.map(({ entry_id }) => entry_id)]),
    wordsOf((sql, params) => tx.execute(sql, params), [...new Set(orders.map(({ journey }) => journey.run_id))]),
  ]);
  if (!held) return [];
  const fresh = orders.filter((order) => open.some(({ entry_id }) => entry_id === order.entry_id));
  if (fresh.length === 0) return [];
  await insertOrders(tx, await underWords(tx, fresh, words), tools);
  const entry_ids = fresh.map(({ entry_id }) => entry_id);
  await tx.later(
    `UPDATE queue_entry q JOIN orders o ON o.entry_id = q.entry_id SET q.state = 'ORDERED', q.order_id = o.order_id, q.end_time = ?, q.next_action_time = NULL WHERE q.entry_id IN (?)`,
    [dateOf(tools.now_ms()), entry_ids],
  );
  await tx.later('UPDATE passenger_claim c JOIN orders o ON o.entry_id = c.entry_id SET c.order_id = o.order_id WHERE c.entry_id IN (?)', [entry_ids]);
  return entry_ids;
}

/** Ends entries that are in `from` and frees their claims; the ids of those. */
export async function failEntries(tx: Tx, refused: readonly { entry_id: string; reason: string }[], actor: Actor, tools: WriteTools, from: EntryState = 'PROCESSING'): Promise<string[]> {
  const reasons = new Map(refused.map(({ entry_id, reason }) => [entry_id, reason]));
  const rows = await tx.execute<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id IN (?) AND state = ? ORDER BY entry_id FOR UPDATE`, [[...reasons.keys()], from]);
  for (const reason of new Set(rows.map(({ entry_id }) => reasons.get(entry_id)!))) {
    const entry_ids = rows.filter(({ entry_id }) => reasons.get(entry_id) === reason).map(({ entry_id }) => entry_id);
    await tx.execute("UPDATE queue_entry SET state = 'FAILED', reason = ?, end_time = ?, next_action_time = NULL WHERE entry_id IN (?)", [reason, dateOf(tools.now_ms()), entry_ids]);
  }
  await freeDaysOf(tx, rows.map(({ entry_id }) => entry_id));
  for (const row of rows) {
    const reason = reasons.get(row.entry_id)!;
    await auditEntry(tools, tx, actor, 'order.FailEntry', row.entry_id, { result: reason });
    await tools.tellEntryFailed(tx, entryOf(row), reason);
  }
  return rows.map(({ entry_id }) => entry_id);
}

/** Who died before aftersales was asked is made good after this time. */
const STANDBY_MS = 3000;

/** Their time is free for the order that the standby may become. From the queue somebody asks at once; from the drain the sweeper does. */
async function turnEntries(tx: Tx, turned: readonly Turned[], actor: Actor, tools: WriteTools, from: EntryState): Promise<string[]> {
  const rows = await tx.execute<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id IN (?) AND state = ? ORDER BY entry_id FOR UPDATE`, [turned.map(({ entry_id }) => entry_id), from]);
  for (const { entry_id } of rows) {
    const { reason, after_ms } = turned.find((one) => one.entry_id === entry_id)!;
    await tx.later(
      "UPDATE queue_entry SET state = 'STANDBY', reason = ?, standby_time = ?, standby_after = ?, attempts = 0, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE entry_id = ?",
      [reason, dateOf(tools.now_ms()), after_ms === undefined ? null : dateOf(after_ms), from === 'WAITING' ? STANDBY_MS * 1000 : 0, entry_id],
    );
    await auditEntry(tools, tx, actor, 'order.ToStandby', entry_id, { result: reason });
  }
  await freeDaysOf(tx, rows.map(({ entry_id }) => entry_id));
  return rows.map(({ entry_id }) => entry_id);
}

async function endTurned(tx: Tx, entry_id: string, became: { standby_id: string } | { reason: string }, actor: Actor, tools: WriteTools): Promise<boolean> {
  const [row] = await tx.execute<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id = ? AND state = 'STANDBY' FOR UPDATE`, [entry_id]);
  if (row === undefined) return false;
  const [standby_id, why] = 'standby_id' in became ? [became.standby_id, null] : [null, became.reason];
  await tx.later("UPDATE queue_entry SET state = 'FAILED', standby_id = ?, standby_reason = ?, end_time = ?, next_action_time = NULL WHERE entry_id = ?", [standby_id, why, dateOf(tools.now_ms()), entry_id]);
  await auditEntry(tools, tx, actor, 'order.EndStandby', entry_id, { result: why ?? `standby ${standby_id}` });
  await tools.tellEntryFailed(tx, entryOf({ ...row, standby_id }), row.reason ?? '');
  return true;
}

/** Its place in the order of arrival. */
async function insertEntry(tx: Tx, entry: Parameters<EntryStore['submit']>[0]): Promise<number> {
  const { entry_id, account_id, tenant, channel, request_id, run_id, bucket, priority, body, enter_ms } = entry;
  const demand = demandOf(body);
  const row: SqlValue[] = [entry_id, BigInt(account_id), tenant, channel, request_id, run_id, bucket, 'WAITING', priority, JSON.stringify(body), demand === undefined ? null : demandText(demand), dateOf(enter_ms), FIRST_LOOK_MS * 1000];
  const { insert_id } = await tx.execute(
    `INSERT INTO queue_entry (entry_id, account_id, tenant, channel, request_id, run_id, bucket, state, priority, body, demand, enter_time, next_action_time)
     VALUES (${valuesOf(1, 12).slice(1, -1)}, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`,
    row,
  );
  return Number(insert_id);
}

async function auditEntry(tools: WriteTools, tx: Tx, actor: Actor, operation: string, entry_id: string, more: { result: string; request_id?: string }): Promise<void> {
  await tools.audit(tx, [{ actor, operation, target: `entry/${entry_id}`, ...more }]);
}
