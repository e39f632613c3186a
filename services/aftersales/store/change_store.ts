/** Changes of trains in MySQL: one row each, moved by compare-and-set on its stage. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { ChangeStore, MoveOptions, NewChange } from '../app/change_ports.ts';
import type { Actor } from '../app/ports.ts';
import type { Change, ChangeBody, ChangeStage } from '../domain/change.ts';
import { record } from './record.ts';
import type { RefundStoreDeps } from './refund_store.ts';
import { endUpgrades, wakeUpgrade } from './upgrade_ends.ts';

type ChangeRow = {
  change_id: bigint; order_id: bigint; account_id: bigint; stage: ChangeStage; body: string; payment_id: string; pay_expires_at: Date | null; reason: string; version: bigint; body_hash: Buffer;
  created_at: Date; finished_at: Date | null;
};
type Run = Pick<Tx, 'execute'>;

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

/** `change` is a word of SQL. */
export const CHANGE_TABLE = `CREATE TABLE IF NOT EXISTS ticket_change (
  change_id BIGINT NOT NULL PRIMARY KEY,
  order_id BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  requester VARCHAR(40) ${TEXT} NOT NULL,
  request_id CHAR(36) ${TEXT} NOT NULL,
  body_hash BINARY(32) NOT NULL,
  stage VARCHAR(12) ${TEXT} NOT NULL,
  body MEDIUMTEXT NOT NULL,
  payment_id VARCHAR(32) ${TEXT} NOT NULL DEFAULT '',
  pay_expires_at DATETIME(3) NULL,
  reason VARCHAR(64) NOT NULL DEFAULT '',
  version BIGINT NOT NULL DEFAULT 1,
  created_at DATETIME(3) NOT NULL,
  finished_at DATETIME(3) NULL,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  UNIQUE KEY change_request (requester, request_id),
  KEY change_order (order_id),
  KEY change_payment (payment_id),
  KEY change_due (next_action_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`;

const MAX_OF_ORDER = 100;
const FINAL: ReadonlySet<ChangeStage> = new Set(['DONE', 'CANCELLED', 'REFUSED']);

export function openChangeStore(deps: RefundStoreDeps): ChangeStore {
  const { db, clock } = deps;
  const run: Run = { execute: (sql, params) => db.query(sql, params) };
  return {
    async ofRequest(requester, request_id, body_hash): Promise<Result<Change | undefined>> {
      const [row] = await db.query<ChangeRow>('SELECT * FROM ticket_change WHERE requester = ? AND request_id = ?', [requester, request_id]);
      if (row !== undefined) return row.body_hash.equals(body_hash) ? ok(changeOf(row)) : fail('REQUEST_ID_REUSED');
      const checked = checkRequestId(request_id, clock.now_ms());
      return checked.ok ? ok(undefined) : checked;
    },
    async create(wanted, actor) {
      try {
        return ok(await db.transaction((tx) => insertChange(tx, deps, wanted, actor)));
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      // The same request at the same time.
      const known = await this.ofRequest(actor.account_id, wanted.request_id, wanted.body_hash);
      if (!known.ok) return known;
      return known.value === undefined ? fail('CONFLICT', { retry_after_ms: 100 }) : ok(known.value);
    },
    find: (change_id) => load(run, change_id),
    async ofOrder(order_id) {
      const rows = await db.query<ChangeRow>('SELECT * FROM ticket_change WHERE order_id = ? ORDER BY change_id LIMIT ?', [order_id, MAX_OF_ORDER]);
      return rows.map(changeOf);
    },
    move: (change_id, from, to, more = {}, actor) => db.transaction((tx) => move(tx, deps, { change_id, from, to }, more, actor)),
  };
}

/** A payment of a change has come or ended: its driver looks at once. True when it is one of ours that waits for it. */
export async function noteDifference(tx: Tx, payment_id: string): Promise<boolean> {
  const { affected_rows } = await tx.execute(`UPDATE ticket_change SET next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE payment_id = ? AND stage = 'AWAIT_PAY'`, [payment_id]);
  return affected_rows > 0;
}

/** The row, BEGUN, in the transaction of whoever begins it. */
export async function insertChange(tx: Tx, deps: RefundStoreDeps, { request_id, body_hash, order_id, account_id, body }: NewChange, actor: Actor): Promise<Change> {
  const change_id = deps.nextId(geneOf(BigInt(order_id)));
  await tx.execute(
    `INSERT INTO ticket_change (change_id, order_id, account_id, requester, request_id, body_hash, stage, body, created_at, next_action_time)
     VALUES (?, ?, ?, ?, ?, ?, 'BEGUN', ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`,
    [change_id, BigInt(order_id), BigInt(account_id), actor.account_id, request_id, body_hash, JSON.stringify(body), new Date(deps.clock.now_ms()), deps.step_ms * 1000],
  );
  await record(tx, deps, { operation: 'change.Begin', target: `change/${change_id}`, result: 'ok', request_id }, actor);
  return (await load(tx, change_id))!;
}

async function move(tx: Tx, deps: RefundStoreDeps, { change_id, from, to }: { change_id: bigint; from: ChangeStage; to: ChangeStage }, { body, payment_id, pay_expire_ms, reason, wait_ms = deps.step_ms }: MoveOptions, actor?: Actor): Promise<Change> {
  const before = await load(tx, change_id, 'FOR UPDATE');
  if (before === undefined) throw new Error(`change ${change_id} is not there`);
  if (before.stage !== from) return before;
  const final = FINAL.has(to);
  const now = new Date(deps.clock.now_ms());
  const params: SqlValue[] = [
    to, JSON.stringify({ ...bodyOf(before), ...body }), payment_id ?? null, pay_expire_ms === undefined ? null : new Date(pay_expire_ms), reason?.slice(0, 64) ?? null, final ? now : null,
    ...(final ? [] : [wait_ms * 1000]), change_id, from,
  ];
  await tx.execute(
    `UPDATE ticket_change SET stage = ?, body = ?, payment_id = COALESCE(?, payment_id), pay_expires_at = COALESCE(?, pay_expires_at), reason = COALESCE(?, reason), version = version + 1, attempts = 0,
       finished_at = ?, next_action_time = ${final ? 'NULL' : 'UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND'} WHERE change_id = ? AND stage = ?`,
    params,
  );
  if (from === 'BEGUN' && to === 'OPENED' && before.upgrade === undefined) await endUpgrades(tx, deps, before.items.map(({ item_id }) => item_id));
  if (before.upgrade !== undefined && (final || to === 'AWAIT_PAY')) await wakeUpgrade(tx, before.upgrade.standby_id);
  await record(tx, deps, { operation: 'change.Move', target: `change/${change_id}`, result: to }, actor);
  return (await load(tx, change_id))!;
}

async function load(tx: Run, change_id: bigint, lock = ''): Promise<Change | undefined> {
  const [row] = await tx.execute<ChangeRow>(`SELECT * FROM ticket_change WHERE change_id = ? ${lock}`, [change_id]);
  return row === undefined ? undefined : changeOf(row);
}

function changeOf(row: ChangeRow): Change {
  const { stage, payment_id, reason } = row;
  return {
    ...(JSON.parse(row.body) as ChangeBody),
    stage,
    payment_id,
    reason,
    change_id: BigInt(row.change_id),
    order_id: BigInt(row.order_id),
    account_id: BigInt(row.account_id),
    pay_expire_ms: row.pay_expires_at?.getTime(),
    version: Number(row.version),
    create_ms: row.created_at.getTime(),
    finish_ms: row.finished_at?.getTime(),
  };
}

function bodyOf({ items, old_run_id, journey, seat_class, preference, channel, fares, terms, upgrade }: Change): ChangeBody {
  return { items, old_run_id, journey, seat_class, preference, channel, fares, terms, upgrade };
}
