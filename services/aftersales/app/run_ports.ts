import type { Result } from '#kit/base/result.ts';
import type { OrderFacts } from '../domain/quote.ts';
import type { Refund } from '../domain/refund.ts';
import type { OrderCount, RunOrder, RunOrderState, RunRefund } from '../domain/run_refund.ts';
import type { Actor } from './ports.ts';

/** A whole run by an operator's hand. The reason is told to travellers in both languages as it was written. */
export type NewRunRefund = { request_id: string; body_hash: Uint8Array; run_id: string; reason: string };

export type RunRefundProgress = RunRefund & {
  orders: number;
  orders_open: number;
  items: number;
  items_refunded: number;
  items_failed: number;
  returned_fen: number;
  problems: { order_id: bigint; reason: string }[];
};

export type RunRefundStore = {
  /** Once for a request. REQUEST_ID_REUSED for another body; REQUEST_ID_INVALID, REQUEST_ID_EXPIRED. */
  begin(wanted: NewRunRefund, actor: Actor): Promise<Result<RunRefund>>;
  find(job_id: bigint): Promise<RunRefund | undefined>;
  /** How many orders are not at their end. */
  openOrders(job_id: bigint): Promise<number>;
  /**
   * A page of orders that have places on the run; by compare-and-set on the job as it was read. With the last page of a pass
   * that found nothing, while none is open, the job is DONE.
   */
  notePage(job: RunRefund, order_ids: readonly string[], next_page: string, pause_ms: number): Promise<void>;
  order(job_id: bigint, order_id: bigint): Promise<RunOrder | undefined>;
  /** Refunds that the job began for an order, oldest first. */
  refundsOf(job_id: bigint, order_id: bigint): Promise<Refund[]>;
  countOrder(job_id: bigint, order_id: bigint, count: OrderCount): Promise<void>;
  markTold(job_id: bigint, order_id: bigint): Promise<void>;
  /** Looks for more at once when it was the last open one. */
  endOrder(job_id: bigint, order_id: bigint, state: Exclude<RunOrderState, 'OPEN'>, count: OrderCount): Promise<void>;
  progress(job_id: bigint): Promise<RunRefundProgress | undefined>;
  /** Newest first; of every run where none is named. */
  list(run_id: string, limit: number): Promise<RunRefundProgress[]>;
};

export type RunOrders = {
  /** A page of orders with places on the run, in our own name. PAGE_TOKEN_INVALID for a token that is too old. */
  onRun(run_id: string, page_token: string): Promise<Result<{ order_ids: string[]; next: string }>>;
};

export type RefundNotice = { job: RunRefund; order: OrderFacts; amount_fen: number };

/** Tells the traveller that the railway returns the money; once for a job and order, however often it is asked. */
export type Notices = { runRefunded(notice: RefundNotice): Promise<Result<undefined>> };
