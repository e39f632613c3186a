import { fail, ok, type Result } from '#kit/base/result.ts';

export type PaymentState = 'CREATED' | 'PENDING' | 'SUCCEEDED' | 'CLOSED';
export type PaymentKind = 'PURCHASE' | 'CHANGE_DIFFERENCE';

export type Payment = {
  payment_id: bigint;
  order_id: bigint;
  account_id: bigint;
  kind: PaymentKind;
  state: PaymentState;
  amount_fen: number;
  refunded_fen: number;
  payment_channel: string;
  pay_url: string | undefined;
  gateway_trade_no: string | undefined;
  /** The newest version of the gateway's trade that took effect here; only grows. */
  version: bigint;
  /** True once the order took the money, false once it refused it, undefined before. */
  settled: boolean | undefined;
  change_id: string;
  return_path: string;
  create_time_ms: number;
  expire_time_ms: number;
  pay_time_ms: number | undefined;
};

/** What the gateway says a trade is, with everything that must match before it is believed. */
export type TradeReport = {
  trade_id: string;
  gateway_trade_no: string;
  state: 'OPEN' | 'PAID' | 'CLOSED';
  version: number;
  amount_fen: number;
  currency: string;
  pay_time_ms?: number | undefined;
};

/** What a report changes. `nothing`: known already, or older than what we know. */
export type ReportEffect = 'pay' | 'close' | 'nothing';

/**
 * Requirement (支付回调): by `payment_id + version`, lower versions are dropped; amount and currency must match. Money is
 * never overlooked: PAID counts even for a payment that we closed, because the gateway has it.
 */
export function judgeReport(payment: Payment, report: TradeReport): Result<ReportEffect> {
  if (report.amount_fen !== payment.amount_fen || report.currency !== 'CNY') return fail('AMOUNT_INVALID', { detail: 'the amount differs from the payment' });
  if (payment.state === 'SUCCEEDED') return ok('nothing');
  if (report.state === 'PAID') return ok('pay');
  if (BigInt(report.version) <= payment.version) return ok('nothing');
  return ok(report.state === 'CLOSED' && payment.state !== 'CLOSED' ? 'close' : 'nothing');
}

/** What an order says that matters for money which came for it. */
export type OrderView = { state: string; payment_id: string };

/**
 * Whether an order wants a payment that nobody has settled. The one it was paid with is wanted; of an order that was paid
 * otherwise, or closed, none is; while it waits or closes it may still take it. Both ends are final, so the verdict is too.
 */
export function verdictOf(payment: Payment, order: OrderView): 'wanted' | 'unwanted' | 'undecided' {
  if (payment.kind !== 'PURCHASE') return 'undecided';
  if (order.payment_id === String(payment.payment_id)) return 'wanted';
  return order.payment_id !== '' || order.state === 'CLOSED' ? 'unwanted' : 'undecided';
}

/** Money for a payment that we had closed goes back at once: whoever closed it has told the order so. */
export function isUnwanted(payment: Payment): boolean {
  return payment.state === 'CLOSED';
}
