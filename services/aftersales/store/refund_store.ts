import type { AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Actor, NewRefund, RefundStore } from '../app/ports.ts';
import { moneyIdOf, moneyPartsOf, type Refund, type RefundStage } from '../domain/refund.ts';
import { record } from './record.ts';
import { itemsToText, refundOf, type RefundRow } from './refund_rows.ts';
import { wakeOrder } from './run_refund_store.ts';
import { endUpgrades } from './upgrade_ends.ts';

export type RefundStoreDeps = {
  db: Database;
  keys: AuditKeys;
  clock: Clock;
  nextId: (gene: number) => bigint;
  /** How long a driver that made a step has for the next before the sweeper takes over. */
  step_ms: number;
};

type Run = Pick<Tx, 'execute'>;

const MAX_OF_ORDER = 100;
/** The first way of an item's money, and the further ones. */
const MONEY_TABLES = ['refund_item', 'refund_part'];
const FINAL: ReadonlySet<RefundStage> = new Set(['DONE', 'REFUSED']);

export function openRefundStore(deps: RefundStoreDeps): RefundStore {
  const { db, clock, nextId, step_ms } = deps;
  const run: Run = { execute: (sql, params) => db.query(sql, params) };

  async function insert(tx: Tx, { request_id, body_hash, order, quote, cause, reason, job_id }: NewRefund, requester: string, actor: Actor): Promise<Refund> {
    const order_id = BigInt(order.order_id);
    const refund_id = nextId(geneOf(order_id));
    for (const item of quote.items) {
      const { item_id, version } = item;
      const parts = moneyPartsOf(item, order.payment_id);
      const first_fen = parts.find(({ money_id }) => money_id === moneyIdOf(item))?.amount_fen ?? 0;
      await tx.execute('INSERT INTO refund_item (item_id, item_version, refund_id, money_id, returned_fen) VALUES (?, ?, ?, ?, ?)', [item_id, version, refund_id, moneyIdOf(item), first_fen]);
      for (const { money_id, amount_fen } of parts) if (money_id !== moneyIdOf(item)) await tx.execute('INSERT INTO refund_part (money_id, refund_id, amount_fen) VALUES (?, ?, ?)', [money_id, refund_id, amount_fen]);
    }
    await tx.execute(
      `INSERT INTO refund (refund_id, order_id, account_id, requester, request_id, body_hash, payment_id, stage, items, rule_version, cause, job_id, reason, created_at, next_action_time)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'BEGUN', ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`,
      [refund_id, order_id, BigInt(order.account_id), requester, request_id, body_hash, order.payment_id, itemsToText(quote.items), quote.rule_version, cause, job_id ?? null, reason.slice(0, 200), new Date(clock.now_ms()), step_ms * 1000],
    );
    await record(tx, deps, { operation: 'refund.Begin', target: `refund/${refund_id}`, result: 'ok', request_id }, actor);
    return (await load(tx, refund_id))!;
  }

  async function to(refund_id: bigint, from: RefundStage, stage: RefundStage, reason: string | undefined, wait_ms: number, more?: (tx: Tx) => Promise<unknown>): Promise<Refund> {
    return db.transaction(async (tx) => {
      const final = FINAL.has(stage);
      const { affected_rows } = await tx.execute(
        `UPDATE refund SET stage = ?, reason = COALESCE(?, reason), version = version + 1, attempts = 0, finished_at = ?, next_action_time = ${final ? 'NULL' : 'UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND'}
         WHERE refund_id = ? AND stage = ?`,
        [stage, reason?.slice(0, 200) ?? null, final ? new Date(clock.now_ms()) : null, ...(final ? [] : [wait_ms * 1000]), refund_id, from],
      );
      if (affected_rows === 1) {
        await more?.(tx);
        await record(tx, deps, { operation: 'refund.Move', target: `refund/${refund_id}`, result: stage });
      }
      const refund = await load(tx, refund_id);
      if (refund === undefined) throw new Error(`refund ${refund_id} is not there`);
      if (affected_rows === 1 && final) await wakeOrder(tx, refund);
      if (affected_rows === 1 && from === 'BEGUN' && stage !== 'REFUSED') await endUpgrades(tx, deps, refund.items.map(({ item_id }) => item_id));
      return refund;
    });
  }

  return {
    async ofRequest(requester, request_id, body_hash): Promise<Result<Refund | undefined>> {
      const [row] = await db.query<RefundRow>('SELECT * FROM refund WHERE requester = ? AND request_id = ?', [requester, request_id]);
      if (row !== undefined) return row.body_hash.equals(body_hash) ? ok(refundOf(row)) : fail('REQUEST_ID_REUSED');
      const checked = checkRequestId(request_id, clock.now_ms());
      return checked.ok ? ok(undefined) : checked;
    },
    async create(wanted, actor) {
      const requester = wanted.job_id === undefined ? actor.account_id : `job-${wanted.job_id}`;
      try {
        return await db.transaction(async (tx) => {
          if (wanted.job_id !== undefined && (await isStopped(tx, wanted.job_id))) return fail('CONFLICT', { detail: 'the run runs after all' });
          return ok(await insert(tx, wanted, requester, actor));
        });
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      // The same request at the same time, or another one for one of the items.
      const known = await this.ofRequest(requester, wanted.request_id, wanted.body_hash);
      if (!known.ok) return known;
      return known.value === undefined ? fail('ITEM_NOT_REFUNDABLE', { detail: 'a refund of an item is under way' }) : ok(known.value);
    },
    find: (refund_id) => load(run, refund_id),
    async ofOrder(order_id) {
      const rows = await db.query<RefundRow>('SELECT * FROM refund WHERE order_id = ? ORDER BY refund_id LIMIT ?', [order_id, MAX_OF_ORDER]);
      return rows.map(refundOf);
    },
    move: (refund_id, from, stage, { reason, wait_ms = step_ms } = {}) => to(refund_id, from, stage, reason, wait_ms),
    refuse: (refund_id, from, reason) =>
      to(refund_id, from, 'REFUSED', reason, 0, async (tx) => {
        for (const table of MONEY_TABLES) await tx.execute(`DELETE FROM ${table} WHERE refund_id = ?`, [refund_id]);
      }),
    moneyArrived: (money_id) => markArrived(run, money_id, clock.now_ms()),
    async awaited(refund_id) {
      const rows = await db.query<{ money_id: string }>(
        `SELECT money_id FROM refund_item WHERE refund_id = ? AND returned_fen > 0 AND arrived_at IS NULL
         UNION ALL SELECT money_id FROM refund_part WHERE refund_id = ? AND arrived_at IS NULL`,
        [refund_id, refund_id],
      );
      return rows.map(({ money_id }) => money_id);
    },
  };
}

/** Locked, so that nothing begins once the restoration of the run is written. */
async function isStopped(tx: Tx, job_id: bigint): Promise<boolean> {
  const [job] = await tx.execute<{ state: string }>('SELECT state FROM run_refund WHERE job_id = ? LOCK IN SHARE MODE', [job_id]);
  return job?.state === 'STOPPED';
}

async function markArrived(tx: Run, money_id: string, now_ms: number): Promise<void> {
  for (const table of MONEY_TABLES) await tx.execute(`UPDATE ${table} SET arrived_at = ? WHERE money_id = ? AND arrived_at IS NULL`, [new Date(now_ms), money_id]);
}

/** What an event tells of a payment's refund, in the transaction of the inbox; true when it is one of ours. The sweeper looks at once. */
export async function noteMoney(tx: Tx, money_id: string, arrived: boolean, now_ms: number): Promise<boolean> {
  if (arrived) await markArrived(tx, money_id, now_ms);
  let woken = 0;
  for (const table of MONEY_TABLES) {
    const { affected_rows } = await tx.execute(
      `UPDATE refund r JOIN ${table} i ON i.refund_id = r.refund_id SET r.next_action_time = UTC_TIMESTAMP(3), r.attempts = 0 WHERE i.money_id = ? AND r.stage IN ('MONEY_SENT', 'MANUAL')`,
      [money_id],
    );
    woken += affected_rows;
  }
  return woken > 0;
}

async function load(tx: Run, refund_id: bigint): Promise<Refund | undefined> {
  const [row] = await tx.execute<RefundRow>('SELECT * FROM refund WHERE refund_id = ?', [refund_id]);
  return row === undefined ? undefined : refundOf(row);
}
