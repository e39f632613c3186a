import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Actor, NewRefund, RefundStore } from '../app/ports.ts';
import { moneyIdOf, type Refund, type RefundItem, type RefundStage } from '../domain/refund.ts';

export type RefundStoreDeps = {
  db: Database;
  keys: AuditKeys;
  clock: Clock;
  nextId: (gene: number) => bigint;
  /** How long a driver that made a step has for the next before the sweeper takes over. */
  step_ms: number;
};

type RefundRow = {
  refund_id: bigint; order_id: bigint; account_id: bigint; payment_id: string; stage: RefundStage; items: string; rule_version: string; reason: string; body_hash: Buffer; created_at: Date; finished_at: Date | null;
};
type Run = Pick<Tx, 'execute'>;

const MAX_OF_ORDER = 100;
const FINAL: ReadonlySet<RefundStage> = new Set(['DONE', 'REFUSED']);

export function openRefundStore(deps: RefundStoreDeps): RefundStore {
  const { db, clock, nextId, step_ms } = deps;
  const run: Run = { execute: (sql, params) => db.query(sql, params) };

  async function insert(tx: Tx, { request_id, body_hash, order, quote, reason }: NewRefund, actor: Actor): Promise<Refund> {
    const order_id = BigInt(order.order_id);
    const refund_id = nextId(geneOf(order_id));
    for (const item of quote.items) {
      const { item_id, version, returned_fen } = item;
      await tx.execute('INSERT INTO refund_item (item_id, item_version, refund_id, money_id, returned_fen) VALUES (?, ?, ?, ?, ?)', [item_id, version, refund_id, moneyIdOf(item), returned_fen]);
    }
    await tx.execute(
      `INSERT INTO refund (refund_id, order_id, account_id, requester, request_id, body_hash, payment_id, stage, items, rule_version, reason, created_at, next_action_time)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'BEGUN', ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`,
      [refund_id, order_id, BigInt(order.account_id), actor.account_id, request_id, body_hash, order.payment_id, itemsToText(quote.items), quote.rule_version, reason, new Date(clock.now_ms()), step_ms * 1000],
    );
    await record(tx, deps, 'refund.Begin', refund_id, 'ok', actor, request_id);
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
        await record(tx, deps, 'refund.Move', refund_id, stage);
      }
      const refund = await load(tx, refund_id);
      if (refund === undefined) throw new Error(`refund ${refund_id} is not there`);
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
      try {
        return ok(await db.transaction((tx) => insert(tx, wanted, actor)));
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      // The same request at the same time, or another one for one of the items.
      const known = await this.ofRequest(actor.account_id, wanted.request_id, wanted.body_hash);
      if (!known.ok) return known;
      return known.value === undefined ? fail('ITEM_NOT_REFUNDABLE', { detail: 'a refund of an item is under way' }) : ok(known.value);
    },
    find: (refund_id) => load(run, refund_id),
    async ofOrder(order_id) {
      const rows = await db.query<RefundRow>('SELECT * FROM refund WHERE order_id = ? ORDER BY refund_id LIMIT ?', [order_id, MAX_OF_ORDER]);
      return rows.map(refundOf);
    },
    move: (refund_id, from, stage, { reason, wait_ms = step_ms } = {}) => to(refund_id, from, stage, reason, wait_ms),
    refuse: (refund_id, from, reason) => to(refund_id, from, 'REFUSED', reason, 0, (tx) => tx.execute('DELETE FROM refund_item WHERE refund_id = ?', [refund_id])),
    moneyArrived: (money_id) => markArrived(run, money_id, clock.now_ms()),
    async awaited(refund_id) {
      const rows = await db.query<{ money_id: string }>('SELECT money_id FROM refund_item WHERE refund_id = ? AND returned_fen > 0 AND arrived_at IS NULL', [refund_id]);
      return rows.map(({ money_id }) => money_id);
    },
  };
}

async function markArrived(tx: Run, money_id: string, now_ms: number): Promise<void> {
  await tx.execute('UPDATE refund_item SET arrived_at = ? WHERE money_id = ? AND arrived_at IS NULL', [new Date(now_ms), money_id]);
}

/** What an event tells of a payment's refund, in the transaction of the inbox; true when it is one of ours. The sweeper looks at once. */
export async function noteMoney(tx: Tx, money_id: string, arrived: boolean, now_ms: number): Promise<boolean> {
  if (arrived) await markArrived(tx, money_id, now_ms);
  const { affected_rows } = await tx.execute(
    `UPDATE refund r JOIN refund_item i ON i.refund_id = r.refund_id SET r.next_action_time = UTC_TIMESTAMP(3), r.attempts = 0 WHERE i.money_id = ? AND r.stage IN ('MONEY_SENT', 'MANUAL')`,
    [money_id],
  );
  return affected_rows > 0;
}

async function record(tx: Tx, { keys, clock }: RefundStoreDeps, operation: string, refund_id: bigint, result: string, actor?: Actor, request_id?: string): Promise<void> {
  await writeAudit(tx, keys, {
    actor_account: actor?.account_id ?? '',
    actor_service: actor?.service ?? tx.service,
    device_id: actor?.device_id,
    ip: actor?.ip,
    operation,
    target: `refund/${refund_id}`,
    result,
    request_id,
    time: new Date(clock.now_ms()),
  });
}

async function load(tx: Run, refund_id: bigint): Promise<Refund | undefined> {
  const [row] = await tx.execute<RefundRow>('SELECT * FROM refund WHERE refund_id = ?', [refund_id]);
  return row === undefined ? undefined : refundOf(row);
}

function refundOf(row: RefundRow): Refund {
  return {
    refund_id: BigInt(row.refund_id),
    order_id: BigInt(row.order_id),
    account_id: BigInt(row.account_id),
    payment_id: row.payment_id,
    stage: row.stage,
    items: itemsFromText(row.items),
    rule_version: row.rule_version,
    reason: row.reason,
    create_time_ms: row.created_at.getTime(),
    finish_time_ms: row.finished_at?.getTime(),
  };
}

function itemsToText(items: readonly RefundItem[]): string {
  return JSON.stringify(items, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function itemsFromText(text: string): RefundItem[] {
  return (JSON.parse(text) as (Omit<RefundItem, 'version'> & { version: string })[]).map((item) => ({ ...item, version: BigInt(item.version) }));
}
