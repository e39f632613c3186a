import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { childrenLeftAlone } from './companions.ts';
import { feeOf, freeOfCharge, rulesAt, type Fee, type FeeRules } from './fee_rules.ts';
import type { MoneySource, RefundItem } from './refund.ts';
import { FREE_DELAY_MS, shiftOf, type CancelledRuns } from './run_news.ts';

export type OrderItem = {
  item_id: string;
  item_no: number;
  version: bigint;
  state: string;
  paid_fen: number;
  /** Where that money came from, oldest first. */
  money: MoneySource[];
  child: boolean;
  /** It was changed before. */
  changed: boolean;
  /** As ordered, and so printed on the ticket. */
  departure_ms: number;
  arrival_ms: number;
  /** As the train runs now. */
  departs_ms: number;
  arrives_ms: number;
  /** Its seat is not on the train any more. */
  seat_gone: boolean;
  hold_id: string;
  run_id: string;
  /** In words, for notices. */
  ride: Ride;
};
export type Ride = { train_no: string; service_date: string; from_station: string; to_station: string };
export type OrderFacts = { order_id: string; account_id: string; payment_id: string; items: OrderItem[] };

/** `items` in the order's order. */
export type Quote = { order_id: string; items: RefundItem[]; rule_version: string; expire_ms: number };

/** Which runs do not run, and from which shift on a ticket is returned without a fee. */
export type Circumstances = { cancelled: CancelledRuns; free_delay_ms: number };

/** A traveller needs a moment to decide; the fee of the moment of the quote is kept for as long. */
export const QUOTE_LIFE_MS = 5 * 60_000;

/**
 * Gates stop admitting three minutes before departure (12306 停止检票时间 of high-speed trains), and refunds end there (ADR 24): who
 * has passed a gate that was offline, so that nobody knows of it yet, must not get the money for the ride as well.
 */
export const GATE_CUT_OFF_MS = 3 * 60_000;

const USUAL: Circumstances = { cancelled: new Set(), free_delay_ms: FREE_DELAY_MS };

/**
 * What would come back now for the named items, or for every item that can be refunded. ITEM_NOT_REFUNDABLE when one is in
 * another state than SUCCESS, INSPECTION_CLOSED when its gate has closed, TRAIN_DEPARTED when its train has left,
 * CHILD_LEFT_ALONE (metadata `item_ids`: what to name as well) when a child would stay without its adult. A run that was
 * cancelled has neither gate nor departure.
 */
export function quoteItems(order: OrderFacts, item_ids: readonly string[], now_ms: number, circumstances = USUAL): Result<Quote> {
  const { cancelled } = circumstances;
  const unknown = item_ids.find((item_id) => !order.items.some((item) => item.item_id === item_id));
  if (unknown !== undefined || new Set(item_ids).size !== item_ids.length) return fieldInvalid('item_ids', 'items of this order, each once');
  const named = order.items.filter(({ item_id }) => item_ids.length === 0 || item_ids.includes(item_id));
  const valid = named.filter(({ state }) => state === 'SUCCESS');
  const ahead = valid.filter((item) => closesAt(item, cancelled) > now_ms);
  if (valid.length === 0 || (item_ids.length > 0 && valid.length < named.length)) return fail('ITEM_NOT_REFUNDABLE');
  if (ahead.length === 0 || (item_ids.length > 0 && ahead.length < named.length)) return fail(valid.some((item) => closesAt(item, cancelled) + GATE_CUT_OFF_MS <= now_ms) ? 'TRAIN_DEPARTED' : 'INSPECTION_CLOSED');
  const alone = childrenLeftAlone(order.items, ahead.filter((item) => !isCancelled(item, cancelled)));
  if (alone.length > 0) return fail('CHILD_LEFT_ALONE', { metadata: { item_ids: alone.map(({ item_id }) => item_id).join(',') } });
  const rules = rulesAt(now_ms);
  const items = ahead.map((item) => refundOf(item, feeNow(item, rules, now_ms, circumstances)));
  return ok({ order_id: order.order_id, items, rule_version: rules.version, expire_ms: Math.min(now_ms + QUOTE_LIFE_MS, ...ahead.map((item) => closesAt(item, cancelled))) });
}

/** An item as a refund at some fee has it. */
export function refundOf({ item_id, item_no, version, hold_id, run_id, paid_fen, money }: OrderItem, fee: Fee): RefundItem {
  return { item_id, item_no, version, hold_id, run_id, paid_fen, money, ...fee };
}

/**
 * True while a quote still holds: not expired, and the items are what they were. Its fees stand until it expires, even
 * when the next tier begins meanwhile: the traveller was told so.
 */
export function stillHolds(quote: Quote, fresh: Quote, now_ms: number): boolean {
  if (quote.order_id !== fresh.order_id || quote.expire_ms < now_ms || quote.rule_version !== fresh.rule_version) return false;
  return quote.items.length === fresh.items.length && quote.items.every((item, index) => isSame(item, fresh.items[index]!));
}

function feeNow(item: OrderItem, rules: FeeRules, now_ms: number, { cancelled, free_delay_ms }: Circumstances): Fee {
  if (isCancelled(item, cancelled)) return freeOfCharge('RUN_CANCELLED', item.paid_fen);
  if (item.seat_gone) return freeOfCharge('SEAT_GONE', item.paid_fen);
  if (shiftOf(item) >= free_delay_ms) return freeOfCharge('RUN_DELAYED', item.paid_fen);
  // A train that is a little late is refunded until it leaves; the fee goes by the printed time.
  const left_ms = Math.max(0, item.departure_ms - now_ms);
  return feeOf(rules, item.paid_fen, left_ms, item.changed ? { travel_date: serviceDateAt(item.departure_ms) } : undefined);
}

function closesAt(item: OrderItem, cancelled: CancelledRuns): number {
  return isCancelled(item, cancelled) ? Number.POSITIVE_INFINITY : item.departs_ms - GATE_CUT_OFF_MS;
}

function isCancelled({ run_id }: OrderItem, cancelled: CancelledRuns): boolean {
  return cancelled.has(run_id);
}

/** A fee that became less (the train is late, or does not run) is worth a new quote, too. */
function isSame(left: RefundItem, right: RefundItem): boolean {
  return left.item_id === right.item_id && left.version === right.version && left.paid_fen === right.paid_fen && left.fee_fen <= right.fee_fen;
}
