import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Actor, AppliedReport, CallbackMark, GatewayTrade, NewPayment, PaymentStore, Settled, Settlement } from '../app/ports.ts';
import { judgeReport, type Payment, type TradeReport } from '../domain/payment.ts';
import type { EffectJournal } from './journal.ts';
import { meters } from './meters.ts';
import { PaymentEffects } from './payment_effects.ts';
import { paymentOf, type PaymentRow } from './rows.ts';
import { settleAll } from './settle.ts';

export type PaymentStoreDeps = { db: Database; journal: EffectJournal; clock: Clock; log: Log; nextId: (gene: number) => bigint };

/** A traveller who tries this often for one order needs another way. */
const MAX_PAYMENTS_OF_ORDER = 50;
const MAX_OF_DAY = 1_000_000;
/** The opening right after the insert gets this long before the sweeper takes over. */
const FIRST_SWEEP_MS = 5000;
const ASK_AFTER_MS = 15_000;

export function openPaymentStore(deps: PaymentStoreDeps): PaymentStore {
  return new SqlPaymentStore(deps);
}

class SqlPaymentStore implements PaymentStore {
  readonly #db: Database;
  readonly #effects: PaymentEffects;
  readonly #deps: PaymentStoreDeps;

  constructor(deps: PaymentStoreDeps) {
    this.#deps = deps;
    this.#db = deps.db;
    this.#effects = new PaymentEffects(deps.journal, deps.clock);
  }

  async create(wanted: NewPayment, actor: Actor): Promise<Result<Payment>> {
    const now_ms = this.#deps.clock.now_ms();
    const key = { account_id: String(wanted.account_id), request_id: actor.request_id, method: actor.method, body_hash: actor.body_hash, now_ms };
    let created: Payment | undefined;
    const answered = await this.#db.transaction(
      (tx) =>
        withRequestId(tx, key, async () => {
          const [count] = await tx.execute<{ n: bigint | number }>('SELECT COUNT(*) AS n FROM payment WHERE order_id = ?', [wanted.order_id]);
          if (Number(count!.n) >= MAX_PAYMENTS_OF_ORDER) return fail('ORDER_NOT_PAYABLE', { detail: 'too many payments were opened' });
          created = await this.#insert(tx, wanted, now_ms);
          await this.#deps.journal.record(tx, 'payment.Create', `payment/${created.payment_id}`, actor);
          return ok(new TextEncoder().encode(String(created.payment_id)));
        }),
      { share: { keys: [`request/${key.account_id}/${key.request_id}`, `order/${wanted.order_id}`] } },
    );
    if (!answered.ok) return answered;
    const payment = answered.value.replayed ? await this.find(BigInt(new TextDecoder().decode(answered.value.answer))) : created;
    return payment === undefined ? fail('PAYMENT_NOT_FOUND') : ok(payment);
  }

  find(payment_id: bigint): Promise<Payment | undefined> {
    return load({ execute: (sql, params) => this.#db.read(sql, params) }, payment_id);
  }

  async ofOrder(order_id: bigint): Promise<Payment[]> {
    const rows = await this.#db.query<PaymentRow>('SELECT * FROM payment WHERE order_id = ? ORDER BY payment_id LIMIT ?', [order_id, MAX_PAYMENTS_OF_ORDER]);
    return rows.map(paymentOf);
  }

  async ofOrders(order_ids: readonly bigint[]): Promise<Payment[]> {
    if (order_ids.length === 0) return [];
    const rows = await this.#db.query<PaymentRow>('SELECT * FROM payment WHERE order_id IN (?) ORDER BY payment_id LIMIT ?', [[...order_ids], order_ids.length * MAX_PAYMENTS_OF_ORDER]);
    return rows.map(paymentOf);
  }

  async ofDay(from_ms: number, to_ms: number): Promise<Payment[]> {
    const rows = await this.#db.query<PaymentRow>('SELECT * FROM payment WHERE paid_at >= ? AND paid_at < ? LIMIT ?', [new Date(from_ms), new Date(to_ms), MAX_OF_DAY]);
    return rows.map(paymentOf);
  }

  async paidPage(from_ms: number, to_ms: number, after: bigint, limit: number): Promise<Payment[]> {
    const rows = await this.#db.query<PaymentRow>('SELECT * FROM payment WHERE paid_at >= ? AND paid_at < ? AND payment_id > ? ORDER BY payment_id LIMIT ?', [new Date(from_ms), new Date(to_ms), after, limit]);
    return rows.map(paymentOf);
  }

  async markPending(payment: Payment, { pay_url, gateway_trade_no }: GatewayTrade): Promise<Payment> {
    const { payment_id } = payment;
    const changed = await this.#db.query(`UPDATE payment SET state = 'PENDING', pay_url = ?, gateway_trade_no = ?, next_action_time = ?, attempts = 0 WHERE payment_id = ? AND state = 'CREATED'`, [
      pay_url, gateway_trade_no, this.#due(ASK_AFTER_MS), payment_id,
    ]);
    // Of a payment that is CREATED nothing else changes.
    return changed.affected_rows === 1 ? { ...payment, state: 'PENDING', pay_url, gateway_trade_no } : (await this.find(payment_id))!;
  }

  applyReport(report: TradeReport, mark?: CallbackMark): Promise<Result<AppliedReport>> {
    const payment_id = BigInt(report.trade_id);
    const apply = async (tx: Tx): Promise<Result<AppliedReport>> => {
      const { payment, seen } = await lockedFor(tx, report, mark);
      if (payment === undefined || (mark !== undefined && payment.payment_channel !== mark.payment_channel)) return fail('PAYMENT_NOT_FOUND');
      // These bytes came before: their first answer stands.
      if (seen) return ok({ ...payment, effect: 'repeated' });
      const judged = judgeReport(payment, report);
      if (!judged.ok) return judged;
      if (mark !== undefined && !(await noteCallback(tx, payment_id, report.version, mark, this.#deps.clock.now_ms()))) return fail('SIGNATURE_INVALID', { detail: 'the nonce was used before' });
      if (judged.value === 'pay') return ok({ ...(await this.#effects.succeed(tx, payment, report)), effect: 'new' });
      if (judged.value === 'close') return ok({ ...(await this.#effects.close(tx, payment, BigInt(report.version), 'ok')), effect: 'new' });
      return ok({ ...payment, effect: 'stale' });
    };
    return this.#db.transaction(apply, { share: { keys: [`payment/${payment_id}`, ...(mark === undefined ? [] : [`nonce/${mark.payment_channel}/${mark.nonce}`])] } });
  }

  async isKnownCallback(payment_id: bigint, version: number, body_hash: Uint8Array): Promise<boolean> {
    return (await this.#db.read(SEEN, [payment_id, version, body_hash])).length > 0;
  }

  forceClose(payment_id: bigint): Promise<Payment> {
    return this.#db.transaction(async (tx) => {
      const payment = await locked(tx, payment_id);
      return payment.state === 'CREATED' || payment.state === 'PENDING' ? this.#effects.close(tx, payment, payment.version, 'forced') : payment;
    });
  }

  settle(settlements: readonly Settlement[], actor: Actor): Promise<readonly Result<Settled>[]> {
    return settleAll(this.#deps, this.#effects, settlements, actor);
  }

  async #insert(tx: Tx, wanted: NewPayment, now_ms: number): Promise<Payment> {
    const payment_id = this.#deps.nextId(geneOf(wanted.order_id));
    await tx.later(
      `INSERT INTO payment (payment_id, order_id, account_id, kind, state, amount_fen, payment_channel, change_id, return_path, created_at, expires_at, next_action_time)
       VALUES (?, ?, ?, ?, 'CREATED', ?, ?, ?, ?, ?, ?, ?)`,
      [payment_id, wanted.order_id, wanted.account_id, wanted.kind, wanted.amount_fen, wanted.payment_channel, wanted.change_id, wanted.return_path, new Date(now_ms), new Date(wanted.expire_time_ms), this.#due(FIRST_SWEEP_MS)],
    );
    meters.payment(tx, wanted.payment_channel, 'created');
    const { order_id, account_id, kind, amount_fen, payment_channel, change_id, return_path, expire_time_ms } = wanted;
    return {
      payment_id, order_id, account_id, kind, state: 'CREATED', amount_fen, refunded_fen: 0, payment_channel, pay_url: undefined, gateway_trade_no: undefined, version: 0n,
      settled: undefined, change_id, return_path, create_time_ms: now_ms, expire_time_ms, pay_time_ms: undefined,
    };
  }

  #due(in_ms: number): Date {
    return new Date(this.#deps.clock.now_ms() + in_ms);
  }
}

const BY_ID = 'SELECT * FROM payment WHERE payment_id = ?';
const SEEN = 'SELECT 1 FROM callback_seen WHERE payment_id = ? AND version = ? AND body_hash = ?';

async function load(tx: Pick<Tx, 'execute'>, payment_id: bigint, lock = ''): Promise<Payment | undefined> {
  const [row] = await tx.execute<PaymentRow>(`${BY_ID} ${lock}`, [payment_id]);
  return row === undefined ? undefined : paymentOf(row);
}

/** Locks the row, so that of two reports at once the second sees what the first did. */
async function locked(tx: Tx, payment_id: bigint): Promise<Payment> {
  const payment = await load(tx, payment_id, 'FOR UPDATE');
  if (payment === undefined) throw new Error(`payment ${payment_id} is not there`);
  return payment;
}

/**
 * Deletes a bounded batch of nonces that can't come again: a callback older than five minutes is only taken when its very
 * body is known.
 */
export async function pruneNonces(db: Database, limit = 5000): Promise<number> {
  return (await db.query('DELETE FROM callback_nonce WHERE created_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY LIMIT ?', [limit])).affected_rows;
}

/** The payment of a report, locked, and whether the very bytes came before: two deliveries at once find that out only behind the lock. */
async function lockedFor(tx: Tx, report: TradeReport, mark: CallbackMark | undefined): Promise<{ payment: Payment | undefined; seen: boolean }> {
  const payment_id = BigInt(report.trade_id);
  if (mark === undefined) return { payment: await load(tx, payment_id, 'FOR UPDATE'), seen: false };
  const [rows, seen] = await tx.executeMany(`${BY_ID} FOR UPDATE;\n${SEEN}`, [payment_id, payment_id, report.version, mark.body_hash]);
  const row = rows![0] as PaymentRow | undefined;
  return { payment: row === undefined ? undefined : paymentOf(row), seen: seen!.length > 0 };
}

/** False: the nonce came before with other bytes, so nothing may have an effect. */
async function noteCallback(tx: Tx, payment_id: bigint, version: number, mark: CallbackMark, now_ms: number): Promise<boolean> {
  try {
    await tx.execute('INSERT INTO callback_nonce (payment_channel, nonce, created_at) VALUES (?, ?, ?)', [mark.payment_channel, mark.nonce, new Date(now_ms)]);
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return false;
  }
  await tx.later('INSERT IGNORE INTO callback_seen (payment_id, version, body_hash, created_at) VALUES (?, ?, ?, ?)', [payment_id, version, mark.body_hash, new Date(now_ms)]);
  return true;
}
