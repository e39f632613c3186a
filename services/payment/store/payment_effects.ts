import type { Clock } from '#kit/base/clock.ts';
import type { Tx } from '#kit/store/mysql.ts';
import { isUnwanted, type Payment, type TradeReport } from '../domain/payment.ts';
import { unwantedRefundId, type Refund } from '../domain/refund.ts';
import type { EffectJournal } from './journal.ts';
import { meters } from './meters.ts';
import { insertRefund } from './refund_store.ts';

/** An order settles its payment within moments; after this it is asked. */
const SETTLE_WITHIN_MS = 30_000;

/** What happens to a payment whose row is locked: the change, its event and its audit record. */
export class PaymentEffects {
  readonly #journal: EffectJournal;
  readonly #clock: Clock;

  constructor(journal: EffectJournal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
  }

  /** The money is there. For a payment that we had closed it goes back at once; else it stays due until its order settled it. */
  async succeed(tx: Tx, payment: Payment, report: TradeReport): Promise<Payment> {
    const pay_time_ms = report.pay_time_ms ?? this.#clock.now_ms();
    const unwanted = isUnwanted(payment);
    const version = payment.version > BigInt(report.version) ? payment.version : BigInt(report.version);
    const next: Payment = { ...payment, state: 'SUCCEEDED', version, gateway_trade_no: report.gateway_trade_no, pay_time_ms, settled: unwanted ? false : payment.settled };
    await tx.later(
      `UPDATE payment SET state = 'SUCCEEDED', version = ?, gateway_trade_no = ?, paid_at = ?, settled = ?, next_action_time = ?, attempts = 0 WHERE payment_id = ?`,
      [version, report.gateway_trade_no, new Date(pay_time_ms), unwanted ? 0 : null, unwanted ? null : new Date(this.#clock.now_ms() + SETTLE_WITHIN_MS), payment.payment_id],
    );
    await this.#journal.tellPayment(tx, 'PaymentSucceeded', next);
    await this.#journal.record(tx, 'payment.Succeed', `payment/${payment.payment_id}`, undefined, unwanted ? 'unwanted' : 'ok', version);
    meters.payment(tx, payment.payment_channel, unwanted ? 'unwanted' : 'succeeded');
    if (unwanted) await this.refundUnwanted(tx, next, 'paid after it was closed');
    return next;
  }

  /** Undefined when nothing is left to return. */
  refundUnwanted(tx: Tx, payment: Payment, reason: string): Promise<Refund | undefined> {
    const amount_fen = payment.amount_fen - payment.refunded_fen;
    return insertRefund(tx, { refund_id: unwantedRefundId(payment.payment_id), payment_id: payment.payment_id, amount_fen, reason }, this.#clock.now_ms());
  }

  async close(tx: Tx, payment: Payment, version: bigint, why: string): Promise<Payment> {
    const next: Payment = { ...payment, state: 'CLOSED', version };
    await tx.later(`UPDATE payment SET state = 'CLOSED', version = ?, next_action_time = NULL, attempts = 0 WHERE payment_id = ?`, [version, payment.payment_id]);
    await this.#journal.tellPayment(tx, 'PaymentClosed', next);
    meters.payment(tx, payment.payment_channel, 'closed');
    await this.#journal.record(tx, 'payment.Close', `payment/${payment.payment_id}`, undefined, why, version);
    return next;
  }
}
