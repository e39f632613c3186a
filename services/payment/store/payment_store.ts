import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Actor, AppliedReport, CallbackMark, GatewayTrade, NewPayment, PaymentStore, Refund } from '../app/ports.ts';
import { judgeReport, type Payment, type TradeReport } from '../domain/payment.ts';
import type { EffectJournal } from './journal.ts';
import { meters } from './meters.ts';
import { PaymentEffects } from './payment_effects.ts';
import { paymentOf, type PaymentRow } from './rows.ts';

export type PaymentStoreDeps = { db: Database; journal: EffectJournal; clock: Clock; nextId: (gene: number) => bigint };

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
    const answered = await this.#db.transaction((tx) =>
      withRequestId(tx, key, async () => {
        const [count] = await tx.execute<{ n: bigint | number }>('SELECT COUNT(*) AS n FROM payment WHERE order_id = ?', [wanted.order_id]);
        if (Number(count!.n) >= MAX_PAYMENTS_OF_ORDER) return fail('ORDER_NOT_PAYABLE', { detail: 'too many payments were opened' });
        const payment_id = await this.#insert(tx, wanted, now_ms);
        await this.#deps.journal.record(tx, 'payment.Create', `payment/${payment_id}`, actor);
        return ok(new TextEncoder().encode(String(payment_id)));
      }),
    );
    if (!answered.ok) return answered;
    const payment = await this.find(BigInt(new TextDecoder().decode(answered.value.answer)));
    return payment === undefined ? fail('PAYMENT_NOT_FOUND') : ok(payment);
  }

  find(payment_id: bigint): Promise<Payment | undefined> {
    return load({ execute: (sql, params) => this.#db.query(sql, params) }, payment_id);
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

  markPending(payment_id: bigint, trade: GatewayTrade): Promise<Payment> {
    return this.#db.transaction(async (tx) => {
      await tx.later(`UPDATE payment SET state = 'PENDING', pay_url = ?, gateway_trade_no = ?, next_action_time = ?, attempts = 0 WHERE payment_id = ? AND state = 'CREATED'`, [
        trade.pay_url, trade.gateway_trade_no, this.#due(ASK_AFTER_MS), payment_id,
      ]);
      return (await load(tx, payment_id))!;
    });
  }

  applyReport(report: TradeReport, mark?: CallbackMark): Promise<Result<AppliedReport>> {
    return this.#db.transaction(async (tx): Promise<Result<AppliedReport>> => {
      const payment = await locked(tx, BigInt(report.trade_id));
      const judged = judgeReport(payment, report);
      if (!judged.ok) return judged;
      const fresh = mark === undefined ? 'new' : await noteCallback(tx, payment.payment_id, report.version, mark, this.#deps.clock.now_ms());
      if (fresh === 'known') return ok({ ...payment, effect: 'repeated' });
      if (fresh === 'reused') return fail('SIGNATURE_INVALID', { detail: 'the nonce was used before' });
      if (judged.value === 'pay') return ok({ ...(await this.#effects.succeed(tx, payment, report)), effect: 'new' });
      if (judged.value === 'close') return ok({ ...(await this.#effects.close(tx, payment, BigInt(report.version), 'ok')), effect: 'new' });
      return ok({ ...payment, effect: 'stale' });
    });
  }

  isKnownCallback(payment_id: bigint, version: number, body_hash: Uint8Array): Promise<boolean> {
    return isSeen({ execute: (sql, params) => this.#db.query(sql, params) }, payment_id, version, body_hash);
  }

  forceClose(payment_id: bigint): Promise<Payment> {
    return this.#db.transaction(async (tx) => {
      const payment = await locked(tx, payment_id);
      return payment.state === 'CREATED' || payment.state === 'PENDING' ? this.#effects.close(tx, payment, payment.version, 'forced') : payment;
    });
  }

  settle(payment_id: bigint, accepted: boolean, reason: string, actor: Actor): Promise<Result<{ payment: Payment; refund: Refund | undefined }>> {
    return this.#db.transaction(async (tx) => {
      const payment = await load(tx, payment_id, 'FOR UPDATE');
      if (payment === undefined) return fail('PAYMENT_NOT_FOUND');
      if (payment.state !== 'SUCCEEDED') return fail('PAYMENT_STATE_WRONG', { detail: 'nothing was paid' });
      if (payment.settled === undefined) {
        await tx.later('UPDATE payment SET settled = ?, next_action_time = NULL, attempts = 0 WHERE payment_id = ?', [accepted ? 1 : 0, payment_id]);
        await this.#deps.journal.record(tx, accepted ? 'payment.Accept' : 'payment.Refuse', `payment/${payment_id}`, actor, 'ok', payment.version);
      } else if (payment.settled !== accepted) {
        return fail('CONFLICT', { detail: `the payment was ${payment.settled ? 'accepted' : 'refused'} before` });
      }
      const refund = accepted ? undefined : await this.#effects.refundUnwanted(tx, payment, reason);
      return ok({ payment: { ...payment, settled: accepted }, refund });
    });
  }

  async #insert(tx: Tx, wanted: NewPayment, now_ms: number): Promise<bigint> {
    const payment_id = this.#deps.nextId(geneOf(wanted.order_id));
    await tx.later(
      `INSERT INTO payment (payment_id, order_id, account_id, kind, state, amount_fen, payment_channel, change_id, return_path, created_at, expires_at, next_action_time)
       VALUES (?, ?, ?, ?, 'CREATED', ?, ?, ?, ?, ?, ?, ?)`,
      [payment_id, wanted.order_id, wanted.account_id, wanted.kind, wanted.amount_fen, wanted.payment_channel, wanted.change_id, wanted.return_path, new Date(now_ms), new Date(wanted.expire_time_ms), this.#due(FIRST_SWEEP_MS)],
    );
    meters.payment(tx, wanted.payment_channel, 'created');
    return payment_id;
  }

  #due(in_ms: number): Date {
    return new Date(this.#deps.clock.now_ms() + in_ms);
  }
}

async function load(tx: Pick<Tx, 'execute'>, payment_id: bigint, lock = ''): Promise<Payment | undefined> {
  const [row] = await tx.execute<PaymentRow>(`SELECT * FROM payment WHERE payment_id = ? ${lock}`, [payment_id]);
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

/**
 * `reused`: the nonce came before with other bytes, so nothing may have an effect. `known`: it came with these, which two
 * deliveries at once find out only here, behind the lock of the payment.
 */
async function noteCallback(tx: Tx, payment_id: bigint, version: number, mark: CallbackMark, now_ms: number): Promise<'new' | 'known' | 'reused'> {
  try {
    await tx.execute('INSERT INTO callback_nonce (payment_channel, nonce, created_at) VALUES (?, ?, ?)', [mark.payment_channel, mark.nonce, new Date(now_ms)]);
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return (await isSeen(tx, payment_id, version, mark.body_hash)) ? 'known' : 'reused';
  }
  await tx.later('INSERT IGNORE INTO callback_seen (payment_id, version, body_hash, created_at) VALUES (?, ?, ?, ?)', [payment_id, version, mark.body_hash, new Date(now_ms)]);
  return 'new';
}

async function isSeen(tx: Pick<Tx, 'execute'>, payment_id: bigint, version: number, body_hash: Uint8Array): Promise<boolean> {
  const rows = await tx.execute('SELECT 1 FROM callback_seen WHERE payment_id = ? AND version = ? AND body_hash = ?', [payment_id, version, body_hash]);
  return rows.length > 0;
}
