export type RefundState = 'DUE' | 'PROCESSING' | 'SUCCEEDED' | 'MANUAL';

export type Refund = {
  refund_id: string;
  payment_id: bigint;
  order_id: bigint;
  account_id: bigint;
  payment_channel: string;
  amount_fen: number;
  state: RefundState;
  reason: string;
  attempts: number;
  create_time_ms: number;
  finish_time_ms: number | undefined;
};

/** Requirement (A-5.1.5b): 1/2/4/8 … s, at most 8 tries, then a dead letter and people. Payments and refunds alike. */
export const MAX_TRIES = 8;

/** The refund of money that came too late or twice: one for each payment, whoever finds it first. */
export function unwantedRefundId(payment_id: bigint): string {
  return `r-${payment_id}-unwanted`;
}
