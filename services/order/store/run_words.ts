/** What the railway said of runs, word by word, as rows that are due until every order had time to come under them. */
import type { Database, SqlResult, SqlValue, Tx } from '#kit/store/mysql.ts';
import { claimsOf } from '../domain/claim.ts';
import { isMoved, spanOf, type Order } from '../domain/order.ts';
import { journeyUnder, type RunWord } from '../domain/run_word.ts';
import { moveDays } from './claims.ts';

type Run = <R>(sql: string, params: readonly SqlValue[]) => Promise<SqlResult<R>>;

/** An order that was being written when a word came may be missed by the first. */
const LOOKS = 2;

/** Notes a word in the transaction of its event; one that is known already stays as it is. */
export async function hearWord(tx: Tx, word: RunWord): Promise<void> {
  await tx.execute(
    'INSERT IGNORE INTO run_word (run_id, revision, kind, part, body, hear_time, next_action_time) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))',
    [word.run_id, word.revision, word.kind, word.part, JSON.stringify(word)],
  );
}

export type WordKey = { run_id: string; revision: bigint; kind: string; part: number };

/** After a look at everything that a run's words concern: there is another one, later than any transaction takes. */
export async function lookedAt(db: Database, keys: readonly WordKey[], again_in_ms: number): Promise<void> {
  await db.query(
    `UPDATE run_word SET looks = looks + 1, attempts = 0, next_action_time = IF(looks >= ?, NULL, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND) WHERE (run_id, revision, kind, part) IN (?)`,
    [LOOKS, again_in_ms * 1000, keys.map(({ run_id, revision, kind, part }) => [run_id, revision, kind, part])],
  );
}

/** New orders, whose entries may have waited since before a word came, with what is known of their runs. */
export async function underWords(tx: Tx, orders: readonly Order[], words: readonly RunWord[]): Promise<Order[]> {
  if (words.length === 0) return [...orders];
  const placed: Order[] = [];
  for (const order of orders) {
    const journey = journeyUnder(order.order_id, order.journey, words);
    if (isMoved(order.journey, journey)) await moveDays(tx, order, claimsOf(order.items, spanOf(journey)));
    placed.push({ ...order, journey });
  }
  return placed;
}

/** In order of revision. */
export async function wordsOf(run: Run, run_ids: readonly string[]): Promise<RunWord[]> {
  const rows = await run<{ body: string }>('SELECT body FROM run_word WHERE run_id IN (?) ORDER BY run_id, revision, kind, part', [run_ids]);
  return rows.map(({ body }) => JSON.parse(body) as RunWord);
}
