/** Orders in MySQL. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import { toCompactDate } from '#kit/base/time.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, SqlResult, SqlValue, Tx } from '#kit/store/mysql.ts';
import { withTraceHeaders } from '#kit/telemetry/trace.ts';
import type { OrderQuery, OrderStore, SearchPorts } from '../app/ports.ts';
import type { PaymentsOfMoment, SucceededPayment } from '../app/take_payment.ts';
import type { EntryState } from '../domain/entry.ts';
import type { Order } from '../domain/order.ts';
import type { OrderState } from '../domain/state.ts';
import { collated } from './collated.ts';
import { activeTrace, reclaim, writeChange, writeChanges, type WriteTools } from './order_write.ts';
import { runItems, unpaidPlaces } from './run_items.ts';
import { JOINED_ITEM_COLUMNS, joinedItem, orderOf, type ItemRow, type JoinedItemRow, type OrderRow } from './rows.ts';

/** Statements, in a transaction or each by itself. */
type Run = <R>(sql: string, params: readonly SqlValue[]) => Promise<SqlResult<R>>;

/** A row that has not moved this long after its time is stuck. */
const STUCK_S = 60;

export function createOrderStore(db: Database, tools: WriteTools): OrderStore {
  const run: Run = (sql, params) => db.query(sql, params);
  return {
    ...orderReads(run),
    ...collated(db, tools, (order_ids) => findOrders(run, order_ids)),
    async applyOnce(key, order_id, decide, options) {
      const done = await db.transaction((tx) =>
        withRequestId(tx, { ...key, now_ms: tools.now_ms() }, async (): Promise<Result<Uint8Array>> => {
          // Locked, so that what is decided is what is written.
          await tx.execute('SELECT 1 FROM orders WHERE order_id = ? FOR UPDATE', [BigInt(order_id)]);
          const order = await orderReads(inTx(tx)).find(order_id);
          const change = decide(order);
          if (!change.ok) return change;
          if (change.value === undefined) return ok(Buffer.from(JSON.stringify(order)));
          const reclaimed = await reclaim(tx, change.value);
          if (!reclaimed.ok) return reclaimed;
          if (!(await writeChange(tx, change.value, { ...options, request_id: key.request_id }, tools))) return fail('VERSION_STALE');
          return ok(Buffer.from(JSON.stringify(change.value.after)));
        }),
      );
      return done.ok ? ok(JSON.parse(Buffer.from(done.value.answer).toString()) as Order) : done;
    },
    addLatePayment: (payment) => addLatePayment(run, payment),
    async latePaymentDone(payment_id) {
      await db.query('UPDATE late_payment SET done_time = UTC_TIMESTAMP(3), next_action_time = NULL WHERE payment_id = ?', [payment_id]);
    },
    async cancellations(account_id, day) {
      const [row] = await db.read<{ cancelled: number }>('SELECT cancelled FROM cancellation WHERE account_id = ? AND day = ?', [BigInt(account_id), day]);
      return row?.cancelled ?? 0;
    },
    stats: () => stats(db),
  };
}

/** Orders of several payments inside the transaction of their events. */
export function orderStoreIn(tx: Tx, tools: WriteTools, traceOf: (payment: SucceededPayment) => Readonly<Record<string, string>>): PaymentsOfMoment {
  return {
    findAll: (order_ids) => findOrders(inTx(tx), order_ids),
    applyAll: (changes) => writeChanges(tx, changes.map(({ change, payment, options }) => ({ change, options, trace: withTraceHeaders(traceOf(payment), activeTrace) })), tools),
    addLatePayment: (payment) => addLatePayment(inTx(tx), payment),
  };
}

function inTx(tx: Tx): Run {
  return (sql, params) => tx.execute(sql, params);
}

/** Orders behind a number, by number; with a time only those that changed since. */
export async function scanOrders(db: Database, { after, changed_since_ms, limit }: Parameters<SearchPorts['scan']>[0]): Promise<Order[]> {
  const changed = changed_since_ms === undefined ? { sql: '', params: [] } : { sql: 'AND update_time >= ?', params: [new Date(changed_since_ms)] };
  const rows = await db.query<{ order_id: bigint }>(`SELECT order_id FROM orders WHERE order_id > ? ${changed.sql} ORDER BY order_id LIMIT ?`, [BigInt(after), ...changed.params, limit]);
  if (rows.length === 0) return [];
  const found = await findOrders((sql, params) => db.query(sql, params), rows.map(({ order_id }) => String(order_id)));
  return rows.flatMap(({ order_id }) => found.get(String(order_id)) ?? []);
}

/** Looking at orders, in a transaction or outside of any. */
export function orderReads(run: Run): Pick<OrderStore, 'find' | 'list' | 'timeline' | 'runItems' | 'unpaid'> {
  async function withItems(rows: readonly OrderRow[]): Promise<Order[]> {
    if (rows.length === 0) return [];
    const items = await run<ItemRow>('SELECT * FROM order_item WHERE order_id IN (?) ORDER BY order_id, item_no', [rows.map(({ order_id }) => order_id)]);
    return rows.map((row) => orderOf(row, items.filter(({ order_id }) => order_id === row.order_id)));
  }
  return {
    find: async (order_id) => (await findOrders(run, [order_id])).get(order_id),
    async list(query) {
      const { sql, params } = and(orderConditions(query), ownConditions(query));
      return withItems(await run<OrderRow>(`SELECT * FROM orders o WHERE ${sql} ORDER BY order_id DESC LIMIT ?`, [...params, query.limit]));
    },
    runItems: (run_ids, after, limit) => runItems(run, run_ids, after, limit),
    unpaid: (run_id, limit) => unpaidPlaces(run, run_id, limit),
    async timeline(order_id) {
      const rows = await run<{ time: Date; item_no: number; from_state: OrderState | null; to_state: OrderState; cause: string; version: bigint; trace_id: string }>(
        'SELECT time, item_no, from_state, to_state, cause, version, trace_id FROM order_timeline WHERE order_id = ? ORDER BY order_version, item_no',
        [BigInt(order_id)],
      );
      return rows.map((row) => ({ time_ms: row.time.getTime(), item_no: row.item_no, from: row.from_state ?? undefined, to: row.to_state, cause: row.cause, version: Number(row.version), trace_id: row.trace_id }));
    },
  };
}

export async function findOrders(run: Run, order_ids: readonly string[]): Promise<Map<string, Order>> {
  const sql = `SELECT o.*, ${JOINED_ITEM_COLUMNS} FROM orders o JOIN order_item i ON i.order_id = o.order_id WHERE o.order_id IN (?) ORDER BY o.order_id, i.item_no`;
  const rows = Map.groupBy(await run<OrderRow & JoinedItemRow>(sql, [order_ids.map(BigInt)]), ({ order_id }) => String(order_id));
  return new Map([...rows].map(([order_id, of_order]) => [order_id, orderOf(of_order[0]!, of_order.map(joinedItem))]));
}

/** A condition on `o`, whose persons, and the runs they changed to, stand in another table. */
export function orderConditions(query: OrderQuery): { sql: string; params: SqlValue[] } {
  const { run_id, ...others } = query;
  const { sql, params } = plainConditions(others, 'order_item');
  if (run_id === undefined) return { sql, params };
  const of_run = 'SELECT order_id FROM orders WHERE run_id = ? UNION SELECT order_id FROM order_item WHERE changed_run_id = ?';
  return { sql: `${sql} AND order_id IN (SELECT order_id FROM (${of_run}) of_run)`, params: [...params, run_id, run_id] };
}

/** A condition on `o`. */
export function plainConditions({ account_id, run_id, order_id, person, states, before, ...more }: OrderQuery, persons: 'order_item' | 'order_archive_person'): { sql: string; params: SqlValue[] } {
  const parts: [sql: string, value: SqlValue][] = [];
  if (order_id !== undefined) parts.push(['order_id = ?', BigInt(order_id)]);
  if (account_id !== undefined) parts.push(['account_id = ?', BigInt(account_id)]);
  if (run_id !== undefined) parts.push(['run_id = ?', run_id]);
  if (states.length > 0) parts.push(['state IN (?)', states]);
  if (before !== undefined) parts.push(['order_id < ?', BigInt(before)]);
  // Run ids end with their service date.
  if (more.service_date_from !== undefined) parts.push(['RIGHT(run_id, 8) >= ?', toCompactDate(more.service_date_from)]);
  if (more.service_date_to !== undefined) parts.push(['RIGHT(run_id, 8) <= ?', toCompactDate(more.service_date_to)]);
  if (more.among !== undefined) parts.push(['order_id IN (?)', more.among.map(BigInt)]);
  if (person !== undefined) parts.push([`EXISTS (SELECT 1 FROM ${persons} i WHERE i.person = ? AND i.order_id = o.order_id)`, person]);
  return { sql: parts.length === 0 ? 'TRUE' : parts.map(([sql]) => sql).join(' AND '), params: parts.map(([, value]) => value) };
}

/** What only stands in the rows of orders that are not archived. */
function ownConditions({ tenant, payment_id, create_from_ms, create_to_ms }: OrderQuery): { sql: string; params: SqlValue[] } {
  const conditions: [sql: string, value: SqlValue | undefined][] = [
    ['tenant = ?', tenant], ['payment_id = ?', payment_id],
    ['create_time >= ?', create_from_ms === undefined ? undefined : new Date(create_from_ms)], ['create_time < ?', create_to_ms === undefined ? undefined : new Date(create_to_ms)],
  ];
  const set = conditions.filter(([, value]) => value !== undefined);
  return { sql: ['TRUE', ...set.map(([sql]) => sql)].join(' AND '), params: set.map(([, value]) => value!) };
}

function and(...conditions: { sql: string; params: SqlValue[] }[]): { sql: string; params: SqlValue[] } {
  return { sql: conditions.map(({ sql }) => sql).join(' AND '), params: conditions.flatMap(({ params }) => params) };
}

async function addLatePayment(run: Run, { payment_id, order_id, reason }: { payment_id: string; order_id: string; reason: string }): Promise<boolean> {
  const known = await run('SELECT 1 FROM late_payment WHERE payment_id = ?', [payment_id]);
  if (known.length > 0) return false;
  await run('INSERT IGNORE INTO late_payment (payment_id, order_id, reason, create_time, next_action_time) VALUES (?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))', [payment_id, order_id, reason]);
  return true;
}

/** Orders that something is owed to; the others are many and only grow. */
const UNDER_WAY: OrderState[] = ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'FAIL', 'REFUND', 'CHANGE'];

async function stats(db: Database): ReturnType<OrderStore['stats']> {
  const orders = await db.query<{ state: OrderState; count: bigint }>('SELECT state, COUNT(*) AS count FROM orders WHERE state IN (?) GROUP BY state', [UNDER_WAY]);
  const entries = await db.query<{ state: EntryState; count: bigint }>("SELECT state, COUNT(*) AS count FROM queue_entry WHERE state IN ('WAITING', 'PROCESSING', 'STANDBY') GROUP BY state", []);
  const [stuck] = await db.query<{ count: bigint }>('SELECT COUNT(*) AS count FROM orders WHERE next_action_time < UTC_TIMESTAMP(3) - INTERVAL ? SECOND', [STUCK_S]);
  const counted = <S>(rows: readonly { state: S; count: bigint }[]) => rows.map(({ state, count }) => ({ state, count: Number(count) }));
  return { orders: counted(orders), entries: counted(entries), stuck: Number(stuck?.count ?? 0) };
}
