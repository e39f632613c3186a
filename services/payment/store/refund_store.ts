import type { Clock } from '#kit/base/clock.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { RefundStore } from '../app/ports.ts';
import type { Refund } from '../domain/refund.ts';
import type { EffectJournal } from './journal.ts';
import { meters } from './meters.ts';
import { paymentOf, refundOf, type PaymentRow, type RefundRow } from './rows.ts';

/** Whose it is, and the way back, stand on the payment. */
const REFUNDS = 'SELECT r.*, p.account_id, p.payment_channel FROM refund r JOIN payment p ON p.payment_id = r.payment_id';

const MAX_OF_ORDER = 200;
const MAX_OF_DAY = 1_000_000;

export function openRefundStore({ db, journal, clock }: { db: Database; journal: EffectJournal; clock: Clock }): RefundStore {
  async function end(refund_id: string, from: string, to: 'SUCCEEDED' | 'MANUAL', last_error: string): Promise<Refund> {
    return db.transaction(async (tx) => {
      const { affected_rows } = await tx.execute(`UPDATE refund SET state = ?, last_error = ?, finished_at = ?, next_action_time = NULL WHERE refund_id = ? AND state IN (${from})`, [
        to, last_error.slice(0, 500), new Date(clock.now_ms()), refund_id,
      ]);
      const refund = (await load(tx, refund_id))!;
      if (affected_rows === 1) {
        meters.refund(tx, refund.payment_channel, to === 'SUCCEEDED' ? 'succeeded' : 'manual');
        await journal.tellRefund(tx, to === 'SUCCEEDED' ? 'RefundSucceeded' : 'RefundNeedsPeople', refund);
        await journal.record(tx, to === 'SUCCEEDED' ? 'refund.Succeed' : 'refund.GiveUp', `refund/${refund_id}`);
      }
      return refund;
    });
  }

  return {
    create(wanted, actor) {
      return db.transaction(async (tx) => {
        const known = await load(tx, wanted.refund_id, 'FOR UPDATE');
        if (known !== undefined) {
          const same = known.payment_id === wanted.payment_id && known.amount_fen === wanted.amount_fen;
          return same ? ok(known) : fail('REQUEST_ID_REUSED', { detail: 'this refund id names another refund' });
        }
        const [row] = await tx.execute<PaymentRow>('SELECT * FROM payment WHERE payment_id = ? FOR UPDATE', [wanted.payment_id]);
        if (row === undefined) return fail('PAYMENT_NOT_FOUND');
        const payment = paymentOf(row);
        if (payment.state !== 'SUCCEEDED') return fail('PAYMENT_STATE_WRONG', { detail: 'nothing was paid' });
        if (payment.refunded_fen + wanted.amount_fen > payment.amount_fen) return fail('REFUND_EXCEEDS_PAID');
        await journal.record(tx, 'refund.Create', `refund/${wanted.refund_id}`, actor);
        const inserted = await insertRefund(tx, wanted, clock.now_ms());
        return inserted === undefined ? fail('AMOUNT_INVALID', { detail: 'a refund returns something' }) : ok(inserted);
      });
    },
    find: (refund_id) => load({ execute: (sql, params) => db.query(sql, params) }, refund_id),
    async ofOrder(order_id) {
      const rows = await db.query<RefundRow>(`${REFUNDS} WHERE r.order_id = ? ORDER BY r.created_at LIMIT ?`, [order_id, MAX_OF_ORDER]);
      return rows.map(refundOf);
    },
    async ofOrders(order_ids) {
      if (order_ids.length === 0) return [];
      const rows = await db.query<RefundRow>(`${REFUNDS} WHERE r.order_id IN (?) ORDER BY r.created_at LIMIT ?`, [[...order_ids], order_ids.length * MAX_OF_ORDER]);
      return rows.map(refundOf);
    },
    async ofDay(from_ms, to_ms) {
      const rows = await db.query<RefundRow>(`${REFUNDS} WHERE r.finished_at >= ? AND r.finished_at < ? LIMIT ?`, [new Date(from_ms), new Date(to_ms), MAX_OF_DAY]);
      return rows.map(refundOf);
    },
    async markProcessing(refund_id) {
      await db.query(`UPDATE refund SET state = 'PROCESSING' WHERE refund_id = ? AND state = 'DUE'`, [refund_id]);
    },
    succeed: (refund_id) => end(refund_id, `'DUE', 'PROCESSING', 'MANUAL'`, 'SUCCEEDED', ''),
    giveUp: (refund_id, why) => end(refund_id, `'DUE', 'PROCESSING'`, 'MANUAL', why),
  };
}

/**
 * Adds a refund, due at once, and takes its amount from what may still go back; the condition makes it impossible to
 * return more than came. A refund that is there already stays as it is. The payment's row must be locked.
 */
export async function insertRefund(tx: Tx, wanted: Pick<Refund, 'refund_id' | 'payment_id' | 'amount_fen' | 'reason'>, now_ms: number): Promise<Refund | undefined> {
  const known = await load(tx, wanted.refund_id);
  if (known !== undefined || wanted.amount_fen <= 0) return known;
  const taken = await tx.execute('UPDATE payment SET refunded_fen = refunded_fen + ? WHERE payment_id = ? AND refunded_fen + ? <= amount_fen', [wanted.amount_fen, wanted.payment_id, wanted.amount_fen]);
  if (taken.affected_rows !== 1) throw new Error(`refund ${wanted.refund_id} would return more than was paid`);
  await tx.execute(
    `INSERT INTO refund (refund_id, payment_id, order_id, amount_fen, state, reason, created_at, next_action_time)
     SELECT ?, payment_id, order_id, ?, 'DUE', ?, ?, UTC_TIMESTAMP(3) FROM payment WHERE payment_id = ?`,
    [wanted.refund_id, wanted.amount_fen, wanted.reason.slice(0, 200), new Date(now_ms), wanted.payment_id],
  );
  const made = await load(tx, wanted.refund_id);
  if (made !== undefined) meters.refund(tx, made.payment_channel, 'due');
  return made;
}

async function load(tx: Pick<Tx, 'execute'>, refund_id: string, lock = ''): Promise<Refund | undefined> {
  const [row] = await tx.execute<RefundRow>(`${REFUNDS} WHERE r.refund_id = ? ${lock}`, [refund_id]);
  return row === undefined ? undefined : refundOf(row);
}
