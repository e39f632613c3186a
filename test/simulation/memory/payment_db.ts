/** What the payment service has in MySQL, in memory. */
import type { Payment } from '../../../services/payment/domain/payment.ts';
import type { Refund } from '../../../services/payment/domain/refund.ts';
import { DueTable } from '../sweeper.ts';
import { Requests } from './idempotency.ts';

export type Tell = (type: 'PaymentSucceeded' | 'PaymentClosed' | 'RefundSucceeded' | 'RefundNeedsPeople', what: Payment | Refund) => void;

export class PaymentDb {
  readonly now_ms: () => number;
  /** Writes an event with the effect. */
  readonly tell: Tell;
  readonly payments = new Map<bigint, Payment>();
  readonly payments_due = new DueTable();
  readonly refunds = new Map<string, Refund>();
  readonly refunds_due = new DueTable();
  readonly requests = new Requests<bigint>();
  /** When a payment was closed here, by the true time: for the oracle. */
  readonly closed_ms = new Map<bigint, number>();
  readonly nonces = new Set<string>();
  readonly seen = new Set<string>();

  constructor(now_ms: () => number, tell: Tell) {
    this.now_ms = now_ms;
    this.tell = tell;
  }
}
