/** What the order service has in MySQL, in memory. Its stores change it in single steps, as transactions would. */
import type { Claim } from '../../../services/order/domain/claim.ts';
import type { QueueEntry } from '../../../services/order/domain/entry.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import type { TimelineRow } from '../../../services/order/app/ports.ts';
import { DueTable } from '../sweeper.ts';
import { Inbox } from './bus.ts';
import { Requests } from './idempotency.ts';
import { Leases } from './leases.ts';

export type HeldClaim = Omit<Claim, 'item_no'> & { item_no: number; entry_id: string; order_id?: string; beside?: boolean };
export type LatePayment = { payment_id: string; order_id: string; reason: string; done: boolean };

export class OrderDb {
  readonly now_ms: () => number;
  readonly entries = new Map<string, QueueEntry>();
  readonly entries_due = new DueTable();
  readonly orders = new Map<string, Order>();
  readonly orders_due = new DueTable();
  readonly orders_of_entry = new Map<string, string>();
  readonly timeline = new Map<string, TimelineRow[]>();
  readonly late_payments = new Map<string, LatePayment>();
  readonly late_payments_due = new DueTable();
  readonly cancellations = new Map<string, number>();
  readonly submissions = new Requests<string>();
  readonly changes = new Requests<Order>();
  readonly inbox = new Inbox();
  readonly leases = new Leases();
  /** When an order closed, by the true time: for the oracle. */
  readonly closed_ms = new Map<string, number>();
  claims: HeldClaim[] = [];
  sequence = 0;

  /** The database's own clock. */
  constructor(now_ms: () => number) {
    this.now_ms = now_ms;
  }
}
