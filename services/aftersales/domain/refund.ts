/**
 * Where a refund is. BEGUN: the row stands, the order does not know yet. ACCEPTED: the items are in REFUND. VOIDED: the
 * tickets count no more. MONEY_SENT: the payment service has it, the places are free. DONE. MANUAL: people have to look,
 * and it goes on by itself when they have. UNDOING: a ticket was used after all, the items go back to SUCCESS. REFUSED.
 */
export type RefundStage = 'BEGUN' | 'ACCEPTED' | 'VOIDED' | 'MONEY_SENT' | 'DONE' | 'MANUAL' | 'UNDOING' | 'REFUSED';

/** Who wanted it: the traveller; the railway, which cancelled the run; an operator, who refunds the whole run. */
export type RefundCause = 'TRAVELLER' | 'RUN_CANCELLED' | 'OPERATOR';

/** What one payment paid. */
export type MoneySource = { payment_id: string; amount_fen: number };

export type RefundItem = {
  item_id: string;
  /** Its number in its hold. */
  item_no: number;
  /** The version that was quoted. */
  version: bigint;
  hold_id: string;
  run_id: string;
  paid_fen: number;
  /** Where that came from, oldest first: it goes back the same ways. Missing in refunds of before: then all is the refund's payment. */
  money?: MoneySource[];
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
  cause: RefundCause;
  /** Of the refund of a whole run that it is part of. */
  job_id?: bigint | undefined;
  reason: string;
  create_time_ms: number;
  finish_time_ms: number | undefined;
};

/** A payment's refund. The id is derived from what is refunded, so that nobody can return it twice. */
export type MoneyPart = { money_id: string; payment_id: string; amount_fen: number };

/**
 * How an item's money goes back: by the ways it came, each up to what came by it, oldest first, so that a fee is kept from the
 * newest. A sum that the sources do not cover stays with the last one, which payment refuses: people look at it.
 */
export function moneyPartsOf(item: Pick<RefundItem, 'item_id' | 'version' | 'money' | 'returned_fen'>, payment_id: string): MoneyPart[] {
  const sources = item.money === undefined || item.money.length === 0 ? [{ payment_id, amount_fen: item.returned_fen }] : item.money;
  let left_fen = item.returned_fen;
  const parts: MoneyPart[] = [];
  for (const [index, source] of sources.entries()) {
    const amount_fen = index === sources.length - 1 ? left_fen : Math.min(left_fen, source.amount_fen);
    left_fen -= amount_fen;
    if (amount_fen > 0) parts.push({ money_id: index === 0 ? moneyIdOf(item) : `${moneyIdOf(item)}-${index + 1}`, payment_id: source.payment_id, amount_fen });
  }
  return parts;
}

export function moneyIdOf({ item_id, version }: Pick<RefundItem, 'item_id' | 'version'>): string {
  return `r-${item_id}-${version}`;
}

export function totalOf(items: readonly RefundItem[], field: 'fee_fen' | 'returned_fen'): number {
  return items.reduce((sum, item) => sum + item[field], 0);
}

/** Places are given back by hold. */
export function placesOf(items: readonly Pick<RefundItem, 'hold_id' | 'run_id' | 'item_no'>[]): { hold_id: string; run_id: string; item_nos: number[] }[] {
  const holds = new Map<string, { hold_id: string; run_id: string; item_nos: number[] }>();
  for (const { hold_id, run_id, item_no } of items) {
    const hold = holds.get(hold_id) ?? { hold_id, run_id, item_nos: [] };
    hold.item_nos.push(item_no);
    holds.set(hold_id, hold);
  }
  return [...holds.values()];
}
