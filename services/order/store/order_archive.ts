/**
 * Orders that nothing will happen to any more lie packed in one row each, still found by their owner and by customer
 * service (requirements 5.1.7 历史归档策略); what the queue kept of them goes.
 */
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { joinSnowflake } from '#kit/base/snowflake.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { OrderStore, SearchPorts, TimelineRow } from '../app/ports.ts';
import type { Order } from '../domain/order.ts';
import { plainConditions, orderReads, scanOrders } from './order_store.ts';
import { valuesOf } from './rows.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

/** Part of checksummed migrations: never edit it. */
export const ARCHIVE_TABLES = [
  `CREATE TABLE IF NOT EXISTS order_archive (
  order_id BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  run_id VARCHAR(48) ${TEXT} NOT NULL,
  state VARCHAR(12) ${TEXT} NOT NULL,
  archive_time DATETIME(3) NOT NULL,
  body MEDIUMBLOB NOT NULL,
  PRIMARY KEY (order_id),
  KEY order_archive_account (account_id, order_id),
  KEY order_archive_run (run_id, order_id),
  KEY order_archive_time (archive_time)
) ${END}`,
  `CREATE TABLE IF NOT EXISTS order_archive_person (
  person VARCHAR(128) ${TEXT} NOT NULL,
  order_id BIGINT NOT NULL,
  PRIMARY KEY (person, order_id),
  KEY order_archive_person_order (order_id)
) ${END}`,
  'ALTER TABLE passenger_day ADD KEY passenger_day_date (travel_date)',
  'ALTER TABLE cancellation ADD KEY cancellation_day (day)',
];

/** The sale window is 15 days and a journey at most two: whoever bought so long ago has travelled for more than a month. */
const BOUGHT_DAYS_AGO = 60;
/** Refunds of cancelled trains and complaints come late. */
const UNCHANGED_DAYS = 30;
/** They count on the day itself. */
const CANCELLATION_DAYS = 7;
/** 电子商务法 §31: three years from the completion of a trade at least. */
const KEPT_YEARS = 5;

/** How many rows went; all below the limit of the call: nothing is left to do. */
export type Archived = { orders: number; entries: number; days: number; deleted: number };

type Packed = { order: Order; timeline: TimelineRow[] };
type PackedRow = { order_id: bigint; body: Buffer };

const pack = promisify(deflateRaw);
const unpack = promisify(inflateRaw);

/** Archives a bounded batch. Two that do it at once archive each order once. */
export async function archiveOrders(db: Database, limit: number): Promise<Archived> {
  const orders = await db.transaction((tx) => archiveBatch(tx, limit), { timeout_ms: 30_000 });
  const gone = async (sql: string) => (await db.query(sql, [limit])).affected_rows;
  return {
    orders,
    entries: await deleteEntries(db, limit),
    // With what the railway said of runs of that time.
    days: (await gone(`DELETE FROM passenger_day WHERE travel_date < UTC_DATE() - INTERVAL ${BOUGHT_DAYS_AGO} DAY LIMIT ?`)) + (await gone(`DELETE FROM run_word WHERE hear_time < UTC_TIMESTAMP(3) - INTERVAL ${BOUGHT_DAYS_AGO} DAY AND next_action_time IS NULL LIMIT ?`)) + (await gone(`DELETE FROM cancellation WHERE day < UTC_DATE() - INTERVAL ${CANCELLATION_DAYS} DAY LIMIT ?`)),
    deleted: await db.transaction((tx) => deleteOldest(tx, limit)),
  };
}

/** The store of orders, with what is archived behind it. What writes finds no archived order. */
export function withArchive(orders: OrderStore, db: Database): OrderStore {
  const archived = archivedOrders(db);
  return {
    ...orders,
    find: async (order_id) => (await orders.find(order_id)) ?? archived.find(order_id),
    async timeline(order_id) {
      const rows = await orders.timeline(order_id);
      return rows.length > 0 ? rows : archived.timeline(order_id);
    },
    async list(query) {
      const both = await Promise.all([orders.list(query), archived.list(query)]);
      // Ids are as long as each other for three decades, but not for ever.
      return both.flat().toSorted((left, right) => Number(BigInt(right.order_id) - BigInt(left.order_id))).slice(0, query.limit);
    },
  };
}

function archivedOrders(db: Database): Pick<OrderStore, 'find' | 'list' | 'timeline'> {
  const find = async (order_id: string): Promise<Packed | undefined> => {
    const [row] = await db.query<PackedRow>('SELECT order_id, body FROM order_archive WHERE order_id = ?', [BigInt(order_id)]);
    return row === undefined ? undefined : open(row);
  };
  return {
    find: async (order_id) => (await find(order_id))?.order,
    timeline: async (order_id) => (await find(order_id))?.timeline ?? [],
    async list(query) {
      // No column says which payment an archived order had: the search index finds it.
      if (query.payment_id !== undefined && query.among === undefined) return [];
      const { sql, params } = plainConditions(query, 'order_archive_person');
      const range = [query.create_from_ms, query.create_to_ms].map((time_ms) => (time_ms === undefined ? undefined : firstId(time_ms)));
      const rows = await db.query<PackedRow>(`SELECT order_id, body FROM order_archive o WHERE ${sql} AND order_id >= ? AND order_id < ? ORDER BY order_id DESC LIMIT ?`, [...params, range[0] ?? 0n, range[1] ?? MAX_ID, query.limit]);
      const orders = (await Promise.all(rows.map(open))).map(({ order }) => order);
      return orders.filter(({ tenant, payment_id }) => (query.tenant ?? tenant) === tenant && (query.payment_id ?? payment_id) === payment_id);
    },
  };
}

/** Every order behind a number, archived ones, too, by number; with a time only those that changed since, which no archived one has. */
export async function scanAll(db: Database, from: Parameters<SearchPorts['scan']>[0]): Promise<Order[]> {
  const live = await scanOrders(db, from);
  if (from.changed_since_ms !== undefined) return live;
  const rows = await db.query<PackedRow>('SELECT order_id, body FROM order_archive WHERE order_id > ? ORDER BY order_id LIMIT ?', [BigInt(from.after), from.limit]);
  const archived = (await Promise.all(rows.map(open))).map(({ order }) => order);
  return [...live, ...archived].toSorted((left, right) => (BigInt(left.order_id) < BigInt(right.order_id) ? -1 : 1)).slice(0, from.limit);
}

/** Numbers begin with their time. */
function firstId(time_ms: number): bigint {
  return joinSnowflake({ time_ms: Math.max(time_ms, FIRST_ORDER_MS), worker: 0, gene: 0, sequence: 0 });
}

const FIRST_ORDER_MS = Date.UTC(2025, 0, 2);
const MAX_ID = 9_223_372_036_854_775_807n;

async function archiveBatch(tx: Tx, limit: number): Promise<number> {
  const old = await tx.execute<{ order_id: bigint }>(
    `SELECT order_id FROM orders WHERE order_id < ? AND state IN ('CLOSED', 'SUCCESS') AND next_action_time IS NULL AND todo = '' AND create_time < UTC_TIMESTAMP(3) - INTERVAL ${BOUGHT_DAYS_AGO} DAY
     AND update_time < UTC_TIMESTAMP(3) - INTERVAL ${UNCHANGED_DAYS} DAY ORDER BY order_id LIMIT ? FOR UPDATE`,
    [await firstOfLater(tx), limit],
  );
  if (old.length === 0) return 0;
  const ids = old.map(({ order_id }) => order_id);
  const reads = orderReads((sql, params) => tx.execute(sql, params));
  const packed: { order: Order; body: Buffer }[] = [];
  for (const order_id of ids.map(String)) {
    const [order, timeline] = [await reads.find(order_id), await reads.timeline(order_id)];
    if (order === undefined) throw new Error(`order ${order_id} has no items`);
    packed.push({ order, body: await pack(JSON.stringify({ order, timeline } satisfies Packed)) });
  }
  const orders = packed.map(({ order }) => order);
  await tx.later(
    `INSERT INTO order_archive (order_id, account_id, run_id, state, archive_time, body) VALUES ${packed.map(() => '(?, ?, ?, ?, UTC_TIMESTAMP(3), ?)').join(', ')}`,
    packed.flatMap<SqlValue>(({ order, body }) => [BigInt(order.order_id), BigInt(order.account_id), order.journey.run_id, order.state, body]),
  );
  const persons = orders.flatMap((order) => [...new Set(order.items.map(({ person }) => person))].map((person): SqlValue[] => [person, BigInt(order.order_id)]));
  await tx.later(`INSERT INTO order_archive_person (person, order_id) VALUES ${valuesOf(persons.length, 2)}`, persons.flat());
  const entry_ids = orders.map(({ entry_id }) => entry_id);
  for (const table of ['orders', 'order_item', 'order_timeline']) await tx.later(`DELETE FROM ${table} WHERE order_id IN (?)`, [ids]);
  for (const table of ['queue_entry', 'passenger_claim']) await tx.later(`DELETE FROM ${table} WHERE entry_id IN (?)`, [entry_ids]);
  return ids.length;
}

/** Ids begin with their time, so the oldest are the first of the table: nothing behind this one is looked at. */
async function firstOfLater(tx: Tx): Promise<bigint> {
  const [row] = await tx.execute<{ ms: bigint }>(`SELECT CAST(UNIX_TIMESTAMP(UTC_TIMESTAMP(3) - INTERVAL ${BOUGHT_DAYS_AGO} DAY) * 1000 AS SIGNED) AS ms`);
  return joinSnowflake({ time_ms: Number(row!.ms), worker: 0, gene: 0, sequence: 0 });
}

/** Their sequence is their age, too. What an order came from has gone with that. */
async function deleteEntries(db: Database, limit: number): Promise<number> {
  const oldest = await db.query<{ sequence: bigint }>(
    `SELECT sequence FROM (SELECT sequence, state, enter_time FROM queue_entry ORDER BY sequence LIMIT ?) AS first
     WHERE state NOT IN ('WAITING', 'PROCESSING', 'STANDBY') AND enter_time < UTC_TIMESTAMP(3) - INTERVAL ${BOUGHT_DAYS_AGO} DAY`,
    [limit],
  );
  return oldest.length === 0 ? 0 : (await db.query('DELETE FROM queue_entry WHERE sequence IN (?)', [oldest.map(({ sequence }) => sequence)])).affected_rows;
}

async function deleteOldest(tx: Tx, limit: number): Promise<number> {
  const oldest = await tx.execute<{ order_id: bigint }>(`SELECT order_id FROM order_archive WHERE archive_time < UTC_TIMESTAMP(3) - INTERVAL ${KEPT_YEARS} YEAR ORDER BY archive_time LIMIT ? FOR UPDATE`, [limit]);
  if (oldest.length === 0) return 0;
  const ids = oldest.map(({ order_id }) => order_id);
  await tx.later('DELETE FROM order_archive_person WHERE order_id IN (?)', [ids]);
  await tx.later('DELETE FROM order_archive WHERE order_id IN (?)', [ids]);
  return ids.length;
}

async function open({ body }: PackedRow): Promise<Packed> {
  return JSON.parse((await unpack(body)).toString()) as Packed;
}
