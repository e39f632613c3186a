import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { NewRunRefund, RunRefundProgress, RunRefundStore } from '../app/run_ports.ts';
import type { Refund } from '../domain/refund.ts';
import type { RunOrderState, RunRefund } from '../domain/run_refund.ts';
import { refundOf, type RefundRow } from './refund_rows.ts';

export type RunRefundStoreDeps = { db: Database; keys: AuditKeys; clock: Clock; nextId: () => bigint };

type RunRow = {
  job_id: bigint; run_id: string; cause: RunRefund['cause']; body_hash: Buffer; reason_zh: string; reason_en: string; state: RunRefund['state'];
  next_page: string; found_in_pass: number; passes: number; version: bigint; created_at: Date; finished_at: Date | null;
};

const MAX_REFUNDS = 100;
const MAX_PROBLEMS = 100;

export function openRunRefundStore(deps: RunRefundStoreDeps): RunRefundStore {
  const { db, clock } = deps;

  async function find(job_id: bigint): Promise<RunRefund | undefined> {
    const [row] = await db.query<RunRow>('SELECT * FROM run_refund WHERE job_id = ?', [job_id]);
    return row === undefined ? undefined : runRefundOf(row);
  }
  async function openOrders(job_id: bigint): Promise<number> {
    const [row] = await db.query<{ n: bigint }>("SELECT COUNT(*) AS n FROM run_refund_order WHERE job_id = ? AND state = 'OPEN'", [job_id]);
    return Number(row?.n ?? 0);
  }

  return {
    async begin(wanted, actor) {
      const requester = actor.account_id === '' ? actor.service : actor.account_id;
      const known = await ofRequest(deps, requester, wanted);
      if (!known.ok || known.value !== undefined) return known as Result<RunRefund>;
      try {
        const job_id = deps.nextId();
        await db.transaction(async (tx) => {
          const { reason } = wanted;
          await insertJob(tx, clock, { job_id, ...wanted, requester, cause: 'OPERATOR', revision: 0n, reason_zh: reason, reason_en: reason });
          await writeAudit(tx, deps.keys, { actor_account: actor.account_id, actor_service: actor.service, device_id: actor.device_id, ip: actor.ip, operation: 'refund.Run', target: `run/${wanted.run_id}`, result: 'ok', request_id: wanted.request_id, time: new Date(clock.now_ms()) });
        });
        return ok((await find(job_id))!);
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        // The same request at the same time.
        return (await ofRequest(deps, requester, wanted)) as Result<RunRefund>;
      }
    },
    find,
    openOrders,
    notePage: (job, order_ids, next_page, pause_ms) => db.transaction((tx) => notePage(tx, clock, job, order_ids, next_page, pause_ms)),
    async order(job_id, order_id) {
      const [row] = await db.query<{ order_id: bigint; state: RunOrderState; told: number }>('SELECT order_id, state, told FROM run_refund_order WHERE job_id = ? AND order_id = ?', [job_id, order_id]);
      return row === undefined ? undefined : { order_id: BigInt(row.order_id), state: row.state, told: row.told === 1 };
    },
    async refundsOf(job_id, order_id): Promise<Refund[]> {
      const rows = await db.query<RefundRow>('SELECT * FROM refund WHERE job_id = ? AND order_id = ? ORDER BY refund_id LIMIT ?', [job_id, order_id, MAX_REFUNDS]);
      return rows.map(refundOf);
    },
    async countOrder(job_id, order_id, { items, failed }) {
      await db.query('UPDATE run_refund_order SET items = ?, items_failed = ? WHERE job_id = ? AND order_id = ?', [items, failed, job_id, order_id]);
    },
    async markTold(job_id, order_id) {
      await db.query('UPDATE run_refund_order SET told = 1 WHERE job_id = ? AND order_id = ?', [job_id, order_id]);
    },
    async endOrder(job_id, order_id, state, { items, failed, reason }) {
      await db.query(
        `UPDATE run_refund_order SET state = ?, items = ?, items_failed = ?, reason = ?, next_action_time = NULL, attempts = 0 WHERE job_id = ? AND order_id = ? AND state = 'OPEN'`,
        [state, items, failed, reason, job_id, order_id],
      );
      if ((await openOrders(job_id)) > 0) return;
      await db.query("UPDATE run_refund SET next_action_time = UTC_TIMESTAMP(3) WHERE job_id = ? AND state = 'ACTIVE'", [job_id]);
    },
    async progress(job_id) {
      return (await progressOf(db, await db.query<RunRow>('SELECT * FROM run_refund WHERE job_id = ?', [job_id])))[0];
    },
    async list(run_id, limit) {
      const named = run_id === '' ? { sql: 'TRUE', params: [] } : { sql: 'run_id = ?', params: [run_id] };
      return progressOf(db, await db.query<RunRow>(`SELECT * FROM run_refund WHERE ${named.sql} ORDER BY job_id DESC LIMIT ?`, [...named.params, limit]));
    },
  };
}

type NewJob = Omit<NewRunRefund, 'reason'> & Pick<RunRefund, 'job_id' | 'cause' | 'reason_zh' | 'reason_en'> & { requester: string; revision: bigint };

/** Due at once. A request that has a job already is a duplicate key. */
export async function insertJob(tx: Tx, clock: Clock, { job_id, run_id, cause, revision, requester, request_id, body_hash, reason_zh, reason_en }: NewJob): Promise<void> {
  await tx.execute(
    `INSERT INTO run_refund (job_id, run_id, cause, revision, requester, request_id, body_hash, reason_zh, reason_en, state, next_page, found_in_pass, passes, created_at, next_action_time)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'ACTIVE', '', 0, 0, ?, UTC_TIMESTAMP(3))`,
    [job_id, run_id, cause, revision, requester, request_id, body_hash, reason_zh.slice(0, 200), reason_en.slice(0, 200), new Date(clock.now_ms())],
  );
}

/** Opens what is not known yet; the number of those. */
export async function insertOrders(tx: Tx, job_id: bigint, order_ids: readonly string[]): Promise<number> {
  const ids = [...new Set(order_ids)];
  if (ids.length === 0) return 0;
  const rows = ids.map(() => "(?, ?, 'OPEN', UTC_TIMESTAMP(3))").join(', ');
  const { affected_rows } = await tx.execute(`INSERT IGNORE INTO run_refund_order (job_id, order_id, state, next_action_time) VALUES ${rows}`, ids.flatMap((order_id) => [job_id, BigInt(order_id)]));
  return affected_rows;
}

/** A refund of a whole run has ended: its order is looked at. */
export async function wakeOrder(tx: Tx, { job_id, order_id }: Pick<Refund, 'job_id' | 'order_id'>): Promise<void> {
  if (job_id === undefined) return;
  await tx.execute("UPDATE run_refund_order SET next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE job_id = ? AND order_id = ? AND state = 'OPEN'", [job_id, order_id]);
}

/** The job's row is locked first: an event that brings orders does the same, so that none is missed between look and end. */
async function notePage(tx: Tx, clock: Clock, job: RunRefund, order_ids: readonly string[], next_page: string, pause_ms: number): Promise<void> {
  const [row] = await tx.execute<{ version: bigint; state: string }>('SELECT version, state FROM run_refund WHERE job_id = ? FOR UPDATE', [job.job_id]);
  if (row === undefined || BigInt(row.version) !== job.version || row.state !== 'ACTIVE') return;
  const found = job.found_in_pass + (await insertOrders(tx, job.job_id, order_ids));
  const [open] = await tx.execute<{ n: bigint }>("SELECT COUNT(*) AS n FROM run_refund_order WHERE job_id = ? AND state = 'OPEN'", [job.job_id]);
  const last = next_page === '';
  const done = last && found === 0 && Number(open?.n ?? 0) === 0;
  await tx.execute(
    `UPDATE run_refund SET next_page = ?, found_in_pass = ?, passes = passes + ?, version = version + 1, attempts = 0, state = ?, finished_at = ?,
       next_action_time = ${done ? 'NULL' : 'UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND'} WHERE job_id = ?`,
    [next_page, last ? 0 : found, last ? 1 : 0, done ? 'DONE' : 'ACTIVE', done ? new Date(clock.now_ms()) : null, ...(done ? [] : [last ? pause_ms * 1000 : 0]), job.job_id],
  );
}

async function ofRequest({ db, clock }: RunRefundStoreDeps, requester: string, { request_id, body_hash }: NewRunRefund): Promise<Result<RunRefund | undefined>> {
  const [row] = await db.query<RunRow>('SELECT * FROM run_refund WHERE requester = ? AND request_id = ?', [requester, request_id]);
  if (row !== undefined) return row.body_hash.equals(body_hash) ? ok(runRefundOf(row)) : fail('REQUEST_ID_REUSED');
  const checked = checkRequestId(request_id, clock.now_ms());
  return checked.ok ? ok(undefined) : checked;
}

type Counted = { job_id: bigint; orders: bigint; orders_open: bigint | string; items: bigint | string; items_failed: bigint | string };
type Returned = { job_id: bigint; items: bigint; fen: bigint | string };

async function progressOf(db: Database, rows: readonly RunRow[]): Promise<RunRefundProgress[]> {
  if (rows.length === 0) return [];
  const jobs = [rows.map(({ job_id }) => job_id)];
  const [counted, returned, further, problems] = [
    await db.query<Counted>("SELECT job_id, COUNT(*) AS orders, SUM(state = 'OPEN') AS orders_open, SUM(items) AS items, SUM(items_failed) AS items_failed FROM run_refund_order WHERE job_id IN (?) GROUP BY job_id", jobs),
    await db.query<Returned>("SELECT r.job_id, COUNT(*) AS items, SUM(i.returned_fen) AS fen FROM refund r JOIN refund_item i ON i.refund_id = r.refund_id WHERE r.job_id IN (?) AND r.stage = 'DONE' GROUP BY r.job_id", jobs),
    await db.query<Returned>("SELECT r.job_id, 0 AS items, SUM(p.amount_fen) AS fen FROM refund r JOIN refund_part p ON p.refund_id = r.refund_id WHERE r.job_id IN (?) AND r.stage = 'DONE' GROUP BY r.job_id", jobs),
    await db.query<{ job_id: bigint; order_id: bigint; reason: string }>("SELECT job_id, order_id, reason FROM run_refund_order WHERE job_id IN (?) AND state = 'FAILED' ORDER BY job_id, order_id LIMIT ?", [...jobs, MAX_PROBLEMS]),
  ];
  const of = <T extends { job_id: bigint }>(list: readonly T[], row: RunRow): T[] => list.filter(({ job_id }) => BigInt(job_id) === BigInt(row.job_id));
  return rows.map((row) => {
    const [count] = of(counted, row);
    const money = [...of(returned, row), ...of(further, row)];
    return {
      ...runRefundOf(row),
      orders: Number(count?.orders ?? 0), orders_open: Number(count?.orders_open ?? 0), items: Number(count?.items ?? 0), items_failed: Number(count?.items_failed ?? 0),
      items_refunded: sum(money.map(({ items }) => items)), returned_fen: sum(money.map(({ fen }) => fen)),
      problems: of(problems, row).map(({ order_id, reason }) => ({ order_id: BigInt(order_id), reason })),
    };
  });
}

function sum(values: readonly (bigint | string)[]): number {
  return values.reduce<number>((total, value) => total + Number(value), 0);
}

function runRefundOf({ job_id, run_id, cause, reason_zh, reason_en, state, next_page, found_in_pass, passes, version, created_at, finished_at }: RunRow): RunRefund {
  return {
    job_id: BigInt(job_id), run_id, cause, reason_zh, reason_en, state, next_page, found_in_pass, passes, version: BigInt(version), create_time_ms: created_at.getTime(), finish_time_ms: finished_at?.getTime(),
  };
}
