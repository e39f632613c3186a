/** What words of the railway change in MySQL: orders with their passengers' time, and entries that wait for nothing. */
import { eachRow } from '#kit/store/each_row.ts';
import type { Database, SqlResult, SqlValue, Tx } from '#kit/store/mysql.ts';
import { SYSTEM } from '../app/actor.ts';
import type { RunWords } from '../app/ports.ts';
import type { OrderChange } from '../domain/change.ts';
import { claimsOf } from '../domain/claim.ts';
import { isMoved, spanOf } from '../domain/order.ts';
import type { OrderState } from '../domain/state.ts';
import { moveDays } from './claims.ts';
import { failEntries } from './entry_store.ts';
import { findOrders } from './order_store.ts';
import { writeChange, type WriteTools } from './order_write.ts';
import { wordsOf } from './run_words.ts';

type Run = <R>(sql: string, params: readonly SqlValue[]) => Promise<SqlResult<R>>;

const OPEN: OrderState[] = ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'SUCCESS', 'REFUND', 'CHANGE'];

export function createRunWords(db: Database, tools: WriteTools): RunWords {
  const outside: Run = (sql, params) => db.query(sql, params);
  return {
    of: (run_id) => wordsOf(outside, [run_id]),
    async openOrders(run_id, before, limit) {
      const behind = before === undefined ? { sql: '', params: [] } : { sql: 'AND order_id < ?', params: [BigInt(before)] };
      const rows = await db.query<{ order_id: bigint }>(`SELECT order_id FROM orders WHERE run_id = ? AND state IN (?) ${behind.sql} ORDER BY order_id DESC LIMIT ?`, [run_id, OPEN, ...behind.params, limit]);
      if (rows.length === 0) return [];
      const found = await findOrders(outside, rows.map(({ order_id }) => String(order_id)));
      return rows.flatMap(({ order_id }) => found.get(String(order_id)) ?? []);
    },
    change: (order_id, run_id, decide, optionsOf) =>
      db.transaction(async (tx) => {
        const run: Run = (sql, params) => tx.execute(sql, params);
        await run('SELECT 1 FROM orders WHERE order_id = ? FOR UPDATE', [BigInt(order_id)]);
        const order = (await findOrders(run, [order_id])).get(order_id);
        const decided = order === undefined ? undefined : decide(order, await wordsOf(run, [run_id]));
        if (decided === undefined) return undefined;
        const change = await moveTime(tx, decided);
        if (!(await writeChange(tx, change, optionsOf(change.after), tools))) throw new Error(`order ${order_id} was changed while it was locked`);
        await writeJourneys(tx, change);
        return change.after;
      }),
    endWaiting: (run_id, reason, limit) =>
      db.transaction(async (tx) => {
        const rows = await tx.execute<{ entry_id: string }>("SELECT entry_id FROM queue_entry WHERE run_id = ? AND state = 'WAITING' ORDER BY priority, sequence LIMIT ?", [run_id, limit]);
        return rows.length === 0 ? [] : failEntries(tx, rows.map(({ entry_id }) => ({ entry_id, reason })), SYSTEM, tools, 'WAITING');
      }),
  };
}

async function moveTime(tx: Tx, change: OrderChange): Promise<OrderChange> {
  const { after, news } = change;
  if (news === undefined || !isMoved(news.before, news.after)) return change;
  const items = after.items.filter(({ item_no }) => news.item_nos.includes(item_no));
  return { ...change, news: { ...news, overlapping: await moveDays(tx, after, claimsOf(items, spanOf(news.after))) } };
}

/** Versions of items stay, since others go by them; that of the order has grown in this transaction. */
async function writeJourneys(tx: Tx, { before, after }: OrderChange): Promise<void> {
  const order_id = BigInt(after.order_id);
  if (after.journey !== before.journey) await tx.later('UPDATE orders SET journey = ? WHERE order_id = ?', [JSON.stringify(after.journey), order_id]);
  const items = after.items.filter(({ journey }, index) => journey !== undefined && journey !== before.items[index]!.journey);
  if (items.length === 0) return;
  const numbers = items.map(({ item_no }) => item_no);
  const journey = eachRow('item_no', numbers, items.map((item) => JSON.stringify(item.journey)));
  await tx.later(`UPDATE order_item SET journey = ${journey.sql} WHERE order_id = ? AND item_no IN (?)`, [...journey.params, order_id, numbers]);
}
