import type { Payment, PaymentKind, PaymentState } from '../domain/payment.ts';
import type { Refund, RefundState } from '../domain/refund.ts';

export type PaymentRow = {
  payment_id: bigint; order_id: bigint; account_id: bigint; kind: PaymentKind; state: PaymentState; amount_fen: bigint; refunded_fen: bigint; payment_channel: string;
  pay_url: string | null; gateway_trade_no: string | null; version: bigint; settled: number | bigint | null; change_id: string; return_path: string;
  created_at: Date; expires_at: Date; paid_at: Date | null;
};

export type RefundRow = {
  refund_id: string; payment_id: bigint; order_id: bigint; account_id: bigint; payment_channel: string; amount_fen: bigint; state: RefundState; reason: string; attempts: number | bigint;
  created_at: Date; finished_at: Date | null;
};

export function paymentOf(row: PaymentRow): Payment {
  return {
    payment_id: BigInt(row.payment_id),
    order_id: BigInt(row.order_id),
    account_id: BigInt(row.account_id),
    kind: row.kind,
    state: row.state,
    amount_fen: Number(row.amount_fen),
    refunded_fen: Number(row.refunded_fen),
    payment_channel: row.payment_channel,
    pay_url: row.pay_url ?? undefined,
    gateway_trade_no: row.gateway_trade_no ?? undefined,
    version: BigInt(row.version),
    settled: row.settled === null ? undefined : Number(row.settled) === 1,
    change_id: row.change_id,
    return_path: row.return_path,
    create_time_ms: row.created_at.getTime(),
    expire_time_ms: row.expires_at.getTime(),
    pay_time_ms: row.paid_at?.getTime(),
  };
}

export function refundOf(row: RefundRow): Refund {
  return {
    refund_id: row.refund_id,
    payment_id: BigInt(row.payment_id),
    order_id: BigInt(row.order_id),
    account_id: BigInt(row.account_id),
    payment_channel: row.payment_channel,
    amount_fen: Number(row.amount_fen),
    state: row.state,
    reason: row.reason,
    attempts: Number(row.attempts),
    create_time_ms: row.created_at.getTime(),
    finish_time_ms: row.finished_at?.getTime(),
  };
}
