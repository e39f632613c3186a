import type { ErrorReason } from '#kit/base/errors.ts';
import type { Result } from '#kit/base/result.ts';
import type { OrderFacts, Quote } from '../domain/quote.ts';
import type { Refund, RefundCause, RefundStage } from '../domain/refund.ts';
import type { CancelledRuns } from '../domain/run_news.ts';

/** Who asks, for audit and idempotency. */
export type Actor = { account_id: string; service: string; device_id: string; ip: string };

/** An order as the caller may see it: another account's is ORDER_NOT_FOUND. */
export type OrderView = (order_id: string) => Promise<Result<OrderFacts>>;

export type ItemMove = { item_id: string; version: bigint; refunded_fen: number };

export type Orders = {
  /** In our own name. */
  find(order_id: string): Promise<Result<OrderFacts>>;
  /** By compare-and-set on every item's version; idempotent by request_id. */
  transition(move: { request_id: string; order_id: string; items: ItemMove[]; to: 'REFUND' | 'CLOSED' | 'SUCCESS'; cause: string; /** With CLOSED: the railway did not run the train. */ run_cancelled: boolean }): Promise<Result<undefined>>;
};

export type Tickets = { void(order_id: string, item_ids: readonly string[], reason: string): Promise<Result<undefined>> };

export type MoneyState = 'DUE' | 'PROCESSING' | 'SUCCEEDED' | 'MANUAL';

export type Money = {
  /** Idempotent by refund_id. */
  refund(wanted: { refund_id: string; payment_id: string; amount_fen: number; reason: string }): Promise<Result<MoneyState>>;
  state(refund_id: string): Promise<Result<MoneyState>>;
};

export type Places = { release(wanted: { hold_id: string; run_id: string; item_nos: readonly number[]; reason: string }): Promise<Result<undefined>> };

export type QuoteTokens = { seal(quote: Quote): string; open(token: string): Quote | undefined };

/** Which of some runs the railway does not run. */
export type RunNewsReader = { cancelledOf(run_ids: readonly string[]): Promise<CancelledRuns> };

export type NewRefund = {
  request_id: string;
  body_hash: Uint8Array;
  order: OrderFacts;
  quote: Pick<Quote, 'items' | 'rule_version'>;
  cause: RefundCause;
  reason: string;
  /** Of the refund of a whole run: then it is the job that asks, and not the actor. */
  job_id?: bigint;
};

export type RefundStore = {
  /** The refund that this request made before. REQUEST_ID_REUSED for another body; REQUEST_ID_INVALID, REQUEST_ID_EXPIRED. */
  ofRequest(requester: string, request_id: string, body_hash: Uint8Array): Promise<Result<Refund | undefined>>;
  /** The row, BEGUN. ITEM_NOT_REFUNDABLE when one of the items is being refunded already, CONFLICT when its job was stopped. */
  create(wanted: NewRefund, actor: Actor): Promise<Result<Refund>>;
  find(refund_id: bigint): Promise<Refund | undefined>;
  ofOrder(order_id: bigint): Promise<Refund[]>;
  /** By compare-and-set on the stage, with its audit record; the refund as it is afterwards, whoever moved it. */
  move(refund_id: bigint, from: RefundStage, to: RefundStage, more?: { reason?: string; wait_ms?: number }): Promise<Refund>;
  /** BEGUN or UNDOING → REFUSED: its items may be refunded again. */
  refuse(refund_id: bigint, from: 'BEGUN' | 'UNDOING', reason: ErrorReason): Promise<Refund>;
  /** The payment's refund with this id has reached the traveller. */
  moneyArrived(money_id: string): Promise<void>;
  /** Ids of payment refunds of this one that have not. */
  awaited(refund_id: bigint): Promise<string[]>;
};
