/**
 * Where a refund is. BEGUN: the row stands, the order does not know yet. ACCEPTED: the items are in REFUND. VOIDED: the
 * tickets count no more. MONEY_SENT: the payment service has it, the places are free. DONE. MANUAL: people have to look,
 * and it goes on by itself when they have. UNDOING: a ticket was used after all, the items go back to SUCCESS. REFUSED.
 */
export type RefundStage = 'BEGUN' | 'ACCEPTED' | 'VOIDED' | 'MONEY_SENT' | 'DONE' | 'MANUAL' | 'UNDOING' | 'REFUSED';

export type RefundItem = {
  item_id: string;
  /** Its number in its hold. */
  item_no: number;
  /** The version that was quoted. */
  version: bigint;
  hold_id: string;
  run_id: string;
  paid_fen: number;
  fee_fen: number;
  returned_fen: number;
  rule_id: string;
  text_zh: string;
  text_en: string;
};

export type Refund = {
  refund_id: bigint;
  order_id: bigint;
  account_id: bigint;
  payment_id: string;
  stage: RefundStage;
  items: RefundItem[];
  rule_version: string;
  reason: string;
  create_time_ms: number;
  finish_time_ms: number | undefined;
};

/** Of the payment's refund for one item: derived from what is refunded, so that nobody can return it twice. */
export function moneyIdOf({ item_id, version }: Pick<RefundItem, 'item_id' | 'version'>): string {
  return `r-${item_id}-${version}`;
}

export function totalOf(items: readonly RefundItem[], field: 'fee_fen' | 'returned_fen'): number {
  return items.reduce((sum, item) => sum + item[field], 0);
}

/** Places are given back by hold. */
export function placesOf(items: readonly RefundItem[]): { hold_id: string; run_id: string; item_nos: number[] }[] {
  const holds = new Map<string, { hold_id: string; run_id: string; item_nos: number[] }>();
  for (const { hold_id, run_id, item_no } of items) {
    const hold = holds.get(hold_id) ?? { hold_id, run_id, item_nos: [] };
    hold.item_nos.push(item_no);
    holds.set(hold_id, hold);
  }
  return [...holds.values()];
}
