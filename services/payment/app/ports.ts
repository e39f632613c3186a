import type { Result } from '#kit/base/result.ts';
import type { Payment, PaymentKind, TradeReport } from '../domain/payment.ts';
import type { Refund } from '../domain/refund.ts';
import type { Statement } from '../domain/statement.ts';

/** Who writes, for audit and idempotency; `account_id` is empty for a service in its own name. */
export type Actor = { account_id: string; service: string; device_id: string; ip: string; request_id: string; method: string; body_hash: Uint8Array };

/** What payment needs to know of an order before money may be asked for. */
export type PayableOrder = { order_id: bigint; account_id: bigint; amount_fen: number; payable_until_ms: number; subject: string };

export type Orders = {
  /** What the order says of money that came for it, asked in our own name. */
  verdict(payment: Payment): Promise<'wanted' | 'unwanted' | 'undecided'>;
  /** The account of an order, asked for in our own name. ORDER_NOT_FOUND. */
  owner(order_id: string): Promise<Result<bigint>>;
  /** ORDER_NOT_FOUND for another account's order, ORDER_NOT_PAYABLE when it does not wait for payment. */
  payable(order_id: string): Promise<Result<PayableOrder>>;
};

export type NewPayment = Pick<Payment, 'order_id' | 'account_id' | 'kind' | 'amount_fen' | 'payment_channel' | 'change_id' | 'return_path' | 'expire_time_ms'>;

/** What the gateway answered, or that it did not. */
export type GatewayTrade = TradeReport & { pay_url: string };
export type GatewayAnswer<T> = { ok: true; value: T } | { ok: false; problem: 'unknown' | 'refused' | 'unreachable'; detail: string };

/** Names a trade, and with its channel the keys and the circuit it goes through. */
export type TradeRef = Pick<Payment, 'payment_id' | 'payment_channel'>;
export type RefundRef = Pick<Refund, 'refund_id' | 'payment_channel'>;

/** The payment companies behind one port; the channel says which. A call waits three seconds at most. */
export type Gateway = {
  /** False while the circuit of a channel is open. */
  available(payment_channel: string): boolean;
  open(payment: Payment, signal?: AbortSignal): Promise<GatewayAnswer<GatewayTrade>>;
  find(trade: TradeRef, signal?: AbortSignal): Promise<GatewayAnswer<GatewayTrade>>;
  close(trade: TradeRef, signal?: AbortSignal): Promise<GatewayAnswer<GatewayTrade>>;
  refund(refund: Refund, signal?: AbortSignal): Promise<GatewayAnswer<{ state: 'PROCESSING' | 'SUCCEEDED' }>>;
  findRefund(refund: RefundRef, signal?: AbortSignal): Promise<GatewayAnswer<{ state: 'PROCESSING' | 'SUCCEEDED' }>>;
  /** Of all companies together. */
  statement(date: string, signal?: AbortSignal): Promise<GatewayAnswer<Statement>>;
};

/** A callback as it must be remembered with its effect. */
export type CallbackMark = { payment_channel: string; nonce: string; body_hash: Uint8Array };

/** The payment after a report. `stale`: it told nothing new; `repeated`: these very bytes had come before. */
export type AppliedReport = Payment & { effect: 'new' | 'stale' | 'repeated' };

/** What an order says of money that came for it. The reason goes with a refusal. */
export type Settlement = { payment_id: bigint; accepted: boolean; reason: string };
export type Settled = { payment: Payment; refund: Refund | undefined };

export type PaymentStore = {
  /** Once per request id; a repeat gives the payment of the first. */
  create(payment: NewPayment, actor: Actor): Promise<Result<Payment>>;
  find(payment_id: bigint): Promise<Payment | undefined>;
  ofOrder(order_id: bigint): Promise<Payment[]>;
  ofOrders(order_ids: readonly bigint[]): Promise<Payment[]>;
  ofDay(from_ms: number, to_ms: number): Promise<Payment[]>;
  /** Paid in the time, in order of id, after one. */
  paidPage(from_ms: number, to_ms: number, after: bigint, limit: number): Promise<Payment[]>;
  /** CREATED → PENDING with where to pay; the payment as it is afterwards. */
  markPending(payment: Payment, trade: GatewayTrade): Promise<Payment>;
  /**
   * The effect of a report, by compare-and-set, with its event, its audit record and, for a callback, the mark that makes a
   * repeat harmless: all in one transaction. A callback of bytes that came before gets its first answer. PAYMENT_NOT_FOUND,
   * AMOUNT_INVALID, SIGNATURE_INVALID for a nonce that came with other bytes. What succeeded stays due until it is settled. Money for a payment that was closed is made a refund in the same transaction.
   */
  applyReport(report: TradeReport, mark?: CallbackMark): Promise<Result<AppliedReport>>;
  /** True when this very body was taken for this payment and version before. */
  isKnownCallback(payment_id: bigint, version: number, body_hash: Uint8Array): Promise<boolean>;
  /** Closes ours without the gateway's word. Nothing for one that is final. */
  forceClose(payment_id: bigint): Promise<Payment>;
  /**
   * One outcome for each, in order, all in one transaction; one that can't be settled does not touch the others. First
   * settlement wins; refusing makes the refund in the same transaction.
   */
  settle(settlements: readonly Settlement[], actor: Actor): Promise<readonly Result<Settled>[]>;
};

export type RefundStore = {
  /** Once per refund id. REFUND_EXCEEDS_PAID when more would go back than came. */
  create(refund: Pick<Refund, 'refund_id' | 'payment_id' | 'amount_fen' | 'reason'>, actor: Actor): Promise<Result<Refund>>;
  find(refund_id: string): Promise<Refund | undefined>;
  ofOrder(order_id: bigint): Promise<Refund[]>;
  ofOrders(order_ids: readonly bigint[]): Promise<Refund[]>;
  ofDay(from_ms: number, to_ms: number): Promise<Refund[]>;
  /** Before the gateway is told: a refund that was told of, or may have been, is asked for first. */
  markProcessing(refund_id: string): Promise<void>;
  succeed(refund_id: string): Promise<Refund>;
  giveUp(refund_id: string, why: string): Promise<Refund>;
};

/** Where what people have to look at waits for them, with the reason; they can send it back. */
export type DeadLetters = {
  putPayment(payment: Payment, reason: string, tries: number): Promise<void>;
  putRefund(refund: Refund, reason: string, tries: number): Promise<void>;
};

export type { Payment, PaymentKind, Refund, Statement };
