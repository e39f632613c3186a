import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { feeOf, rulesAt } from './fee_rules.ts';
import type { RefundItem } from './refund.ts';

export type OrderItem = { item_id: string; item_no: number; version: bigint; state: string; paid_fen: number; departure_ms: number; hold_id: string; run_id: string };
export type OrderFacts = { order_id: string; account_id: string; payment_id: string; items: OrderItem[] };

/** `items` in the order's order. */
export type Quote = { order_id: string; items: RefundItem[]; rule_version: string; expire_ms: number };

/** A traveller needs a moment to decide; the fee of the moment of the quote is kept for as long. */
export const QUOTE_LIFE_MS = 5 * 60_000;

/**
 * Gates stop admitting three minutes before departure (12306 停止检票时间 of high-speed trains), and refunds end there (ADR 24): who
 * has passed a gate that was offline, so that nobody knows of it yet, must not get the money for the ride as well.
 */
export const GATE_CUT_OFF_MS = 3 * 60_000;

/**
 * What would come back now for the named items, or for every item that can be refunded. ITEM_NOT_REFUNDABLE when one is in
 * another state than SUCCESS, INSPECTION_CLOSED when its gate has closed, TRAIN_DEPARTED when its train has left.
 */
export function quoteItems(order: OrderFacts, item_ids: readonly string[], now_ms: number): Result<Quote> {
  const unknown = item_ids.find((item_id) => !order.items.some((item) => item.item_id === item_id));
  if (unknown !== undefined || new Set(item_ids).size !== item_ids.length) return fieldInvalid('item_ids', 'items of this order, each once');
  const named = order.items.filter(({ item_id }) => item_ids.length === 0 || item_ids.includes(item_id));
  const valid = named.filter(({ state }) => state === 'SUCCESS');
  const ahead = valid.filter(({ departure_ms }) => departure_ms - GATE_CUT_OFF_MS > now_ms);
  if (valid.length === 0 || (item_ids.length > 0 && valid.length < named.length)) return fail('ITEM_NOT_REFUNDABLE');
  if (ahead.length === 0 || (item_ids.length > 0 && ahead.length < named.length)) return fail(valid.some(({ departure_ms }) => departure_ms <= now_ms) ? 'TRAIN_DEPARTED' : 'INSPECTION_CLOSED');
  const rules = rulesAt(now_ms);
  const items = ahead.map(({ item_id, item_no, version, hold_id, run_id, paid_fen, departure_ms }) => ({ item_id, item_no, version, hold_id, run_id, paid_fen, ...feeOf(rules, paid_fen, departure_ms - now_ms) }));
  const first_close_ms = Math.min(...ahead.map(({ departure_ms }) => departure_ms - GATE_CUT_OFF_MS));
  return ok({ order_id: order.order_id, items, rule_version: rules.version, expire_ms: Math.min(now_ms + QUOTE_LIFE_MS, first_close_ms) });
}

/**
 * True while a quote still holds: not expired, and the items are what they were. Its fees stand until it expires, even
 * when the next tier begins meanwhile: the traveller was told so.
 */
export function stillHolds(quote: Quote, fresh: Quote, now_ms: number): boolean {
  if (quote.order_id !== fresh.order_id || quote.expire_ms < now_ms || quote.rule_version !== fresh.rule_version) return false;
  return quote.items.length === fresh.items.length && quote.items.every((item, index) => isSame(item, fresh.items[index]!));
}

function isSame(left: RefundItem, right: RefundItem): boolean {
  return left.item_id === right.item_id && left.version === right.version && left.paid_fen === right.paid_fen;
}
