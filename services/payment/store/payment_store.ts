import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { CallbackMark, PaymentStore } from '../app/ports.ts';
import { isUnwanted, judgeReport, type Payment, type TradeReport } from '../domain/payment.ts';
import { unwantedRefundId } from '../domain/refund.ts';
import type { EffectJournal } from './journal.ts';
import { paymentOf, type PaymentRow } from './rows.ts';
import { insertRefund } from './refund_store.ts';

export type PaymentStoreDeps = { db: Database; journal: EffectJournal; clock: Clock; nextId: (gene: number) => bigint };

/** A traveller who tries this often for one order needs another way. */
const MAX_PAYMENTS_OF_ORDER = 50;
const MAX_OF_DAY = 1_000_000;
/** The opening right after the insert gets this long before the sweeper takes over. */
const FIRST_SWEEP_MS = 5000;
const ASK_AFTER_MS = 15_000;

export function openPaymentStore({ db, journal, clock, nextId }: PaymentStoreDeps): PaymentStore {
  const due = (in_ms: number): Date => new Date(clock.now_ms() + in_ms);

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

  async function succeed(tx: Tx, payment: Payment, report: TradeReport): Promise<Payment> {
    const pay_time_ms = report.pay_time_ms ?? clock.now_ms();
    const unwanted = isUnwanted(payment);
    const version = payment.version > BigInt(report.version) ? payment.version : BigInt(report.version);
    const next: Payment = { ...payment, state: 'SUCCEEDED', version, gateway_trade_no: report.gateway_trade_no, pay_time_ms, settled: unwanted ? false : payment.settled };
    await tx.execute(
      `UPDATE payment SET state = 'SUCCEEDED', version = ?, gateway_trade_no = ?, paid_at = ?, settled = ?, next_action_time = NULL, attempts = 0 WHERE payment_id = ?`,
      [version, report.gateway_trade_no, new Date(pay_time_ms), unwanted ? 0 : null, payment.payment_id],
    );
    await journal.tellPayment(tx, 'PaymentSucceeded', next);
    await journal.record(tx, 'payment.Succeed', `payment/${payment.payment_id}`, undefined, unwanted ? 'unwanted' : 'ok', version);
    if (unwanted) await refundUnwanted(tx, next, 'paid after it was closed');
    return next;
  }

  async function refundUnwanted(tx: Tx, payment: Payment, reason: string) {
    const refund = { refund_id: unwantedRefundId(payment.payment_id), payment_id: payment.payment_id, amount_fen: payment.amount_fen - payment.refunded_fen, reason };
    return insertRefund(tx, refund, clock.now_ms());
  }

  async function close(tx: Tx, payment: Payment, version: bigint, why: string): Promise<Payment> {
    const next: Payment = { ...payment, state: 'CLOSED', version };
    await tx.execute(`UPDATE payment SET state = 'CLOSED', version = ?, next_action_time = NULL, attempts = 0 WHERE payment_id = ?`, [version, payment.payment_id]);
    await journal.tellPayment(tx, 'PaymentClosed', next);
    await journal.record(tx, 'payment.Close', `payment/${payment.payment_id}`, undefined, why, version);
    return next;
  }

  return {
    async create(wanted, actor) {
      const now_ms = clock.now_ms();
      const key = { account_id: String(wanted.account_id), request_id: actor.request_id, method: actor.method, body_hash: actor.body_hash, now_ms };
      const answered = await db.transaction((tx) =>
        withRequestId(tx, key, async () => {
          const [count] = await tx.execute<{ n: bigint | number }>('SELECT COUNT(*) AS n FROM payment WHERE order_id = ?', [wanted.order_id]);
          if (Number(count!.n) >= MAX_PAYMENTS_OF_ORDER) return fail('ORDER_NOT_PAYABLE', { detail: 'too many payments were opened' });
          const payment_id = nextId(geneOf(wanted.order_id));
          await tx.execute(
            `INSERT INTO payment (payment_id, order_id, account_id, kind, state, amount_fen, payment_channel, change_id, return_path, created_at, expires_at, next_action_time)
             VALUES (?, ?, ?, ?, 'CREATED', ?, ?, ?, ?, ?, ?, ?)`,
            [payment_id, wanted.order_id, wanted.account_id, wanted.kind, wanted.amount_fen, wanted.payment_channel, wanted.change_id, wanted.return_path, new Date(now_ms), new Date(wanted.expire_time_ms), due(FIRST_SWEEP_MS)],
          );
          await journal.record(tx, 'payment.Create', `payment/${payment_id}`, actor);
          return ok(new TextEncoder().encode(String(payment_id)));
        }),
      );
      if (!answered.ok) return answered;
      const payment = await this.find(BigInt(new TextDecoder().decode(answered.value.answer)));
      return payment === undefined ? fail('PAYMENT_NOT_FOUND') : ok(payment);
    },
    find: (payment_id) => load({ execute: (sql, params) => db.query(sql, params) }, payment_id),
    async ofOrder(order_id) {
      const rows = await db.query<PaymentRow>('SELECT * FROM payment WHERE order_id = ? ORDER BY payment_id LIMIT ?', [order_id, MAX_PAYMENTS_OF_ORDER]);
      return rows.map(paymentOf);
    },
    async ofDay(from_ms, to_ms) {
      const rows = await db.query<PaymentRow>('SELECT * FROM payment WHERE paid_at >= ? AND paid_at < ? LIMIT ?', [new Date(from_ms), new Date(to_ms), MAX_OF_DAY]);
      return rows.map(paymentOf);
    },
    markPending(payment_id, trade) {
      return db.transaction(async (tx) => {
        await tx.execute(`UPDATE payment SET state = 'PENDING', pay_url = ?, gateway_trade_no = ?, next_action_time = ?, attempts = 0 WHERE payment_id = ? AND state = 'CREATED'`, [
          trade.pay_url, trade.gateway_trade_no, due(ASK_AFTER_MS), payment_id,
        ]);
        return (await load(tx, payment_id))!;
      });
    },
    applyReport(report, mark) {
      return db.transaction(async (tx): Promise<Result<Payment>> => {
        const payment = await locked(tx, BigInt(report.trade_id));
        const judged = judgeReport(payment, report);
        if (!judged.ok) return judged;
        const fresh = mark === undefined || (await noteCallback(tx, payment.payment_id, report.version, mark, clock.now_ms()));
        if (!fresh) return fail('SIGNATURE_INVALID', { detail: 'the nonce was used before' });
        if (judged.value === 'pay') return ok(await succeed(tx, payment, report));
        if (judged.value === 'close') return ok(await close(tx, payment, BigInt(report.version), 'ok'));
        return ok(payment);
      });
    },
    async isKnownCallback(payment_id, version, body_hash) {
      const rows = await db.query('SELECT 1 FROM callback_seen WHERE payment_id = ? AND version = ? AND body_hash = ?', [payment_id, version, body_hash]);
      return rows.length > 0;
    },
    forceClose(payment_id) {
      return db.transaction(async (tx) => {
        const payment = await locked(tx, payment_id);
        return payment.state === 'CREATED' || payment.state === 'PENDING' ? close(tx, payment, payment.version, 'forced') : payment;
      });
    },
    settle(payment_id, accepted, reason, actor) {
      return db.transaction(async (tx) => {
        const payment = await load(tx, payment_id, 'FOR UPDATE');
        if (payment === undefined) return fail('PAYMENT_NOT_FOUND');
        if (payment.state !== 'SUCCEEDED') return fail('PAYMENT_STATE_WRONG', { detail: 'nothing was paid' });
        if (payment.settled === undefined) {
          await tx.execute('UPDATE payment SET settled = ? WHERE payment_id = ?', [accepted ? 1 : 0, payment_id]);
          await journal.record(tx, accepted ? 'payment.Accept' : 'payment.Refuse', `payment/${payment_id}`, actor, 'ok', payment.version);
        } else if (payment.settled !== accepted) {
          return fail('CONFLICT', { detail: `the payment was ${payment.settled ? 'accepted' : 'refused'} before` });
        }
        const refund = accepted ? undefined : await refundUnwanted(tx, payment, reason);
        return ok({ payment: { ...payment, settled: accepted }, refund });
      });
    },
  };
}

/** False when the nonce came before: then nothing may have an effect. */
async function noteCallback(tx: Tx, payment_id: bigint, version: number, mark: CallbackMark, now_ms: number): Promise<boolean> {
  try {
    await tx.execute('INSERT INTO callback_nonce (payment_channel, nonce, created_at) VALUES (?, ?, ?)', [mark.payment_channel, mark.nonce, new Date(now_ms)]);
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
  await tx.execute('INSERT IGNORE INTO callback_seen (payment_id, version, body_hash, created_at) VALUES (?, ?, ?, ?)', [payment_id, version, mark.body_hash, new Date(now_ms)]);
  return true;
}
