import type { Refund, RefundCause, RefundItem, RefundStage } from '../domain/refund.ts';

export type RefundRow = {
  refund_id: bigint; order_id: bigint; account_id: bigint; payment_id: string; stage: RefundStage; items: string; rule_version: string; cause: RefundCause; job_id: bigint | null; reason: string; body_hash: Buffer; created_at: Date; finished_at: Date | null;
};

export function refundOf(row: RefundRow): Refund {
  return {
    refund_id: BigInt(row.refund_id),
    order_id: BigInt(row.order_id),
    account_id: BigInt(row.account_id),
    payment_id: row.payment_id,
    stage: row.stage,
    items: itemsFromText(row.items),
    rule_version: row.rule_version,
    cause: row.cause,
    job_id: row.job_id === null ? undefined : BigInt(row.job_id),
    reason: row.reason,
    create_time_ms: row.created_at.getTime(),
    finish_time_ms: row.finished_at?.getTime(),
  };
}

export function itemsToText(items: readonly RefundItem[]): string {
  return JSON.stringify(items, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function itemsFromText(text: string): RefundItem[] {
  return (JSON.parse(text) as (Omit<RefundItem, 'version'> & { version: string })[]).map((item) => ({ ...item, version: BigInt(item.version) }));
}
