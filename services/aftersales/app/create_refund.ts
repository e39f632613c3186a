import { createHash } from 'node:crypto';
import type { ErrorReason } from '#kit/base/errors.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { stillHolds, type Quote } from '../domain/quote.ts';
import { totalOf, type Refund } from '../domain/refund.ts';
import type { RefundDriver } from './drive_refund.ts';
import type { Actor, OrderView, QuoteTokens, RefundStore } from './ports.ts';
import { quoteNow, type QuoteDeps } from './quote_refund.ts';

export type CreateRefundDeps = QuoteDeps & { store: RefundStore; tokens: QuoteTokens; driver: RefundDriver; view: OrderView };

export type CreateRefund = { request_id: string; order_id: string; item_ids: readonly string[]; quote_token: string };

/**
 * Takes a refund on at the quoted fee and drives it as far as it goes in a moment; the sweeper does the rest. QUOTE_STALE
 * carries a new quote. A refusal of the order that comes at once is the caller's; a later one leaves the refund to look at.
 */
export async function createRefund(deps: CreateRefundDeps, wanted: CreateRefund, actor: Actor): Promise<Result<Refund>> {
  const { store, tokens, clock, driver } = deps;
  const body_hash = createHash('sha256').update(JSON.stringify([wanted.order_id, wanted.item_ids, wanted.quote_token])).digest();
  const known = await store.ofRequest(actor.account_id, wanted.request_id, body_hash);
  if (!known.ok) return known;
  if (known.value !== undefined) return outcomeOf(known.value);

  const order = await deps.view(wanted.order_id);
  if (!order.ok) return order;
  const quote = tokens.open(wanted.quote_token);
  const item_ids = wanted.item_ids.length > 0 || quote?.order_id !== wanted.order_id ? wanted.item_ids : quote.items.map(({ item_id }) => item_id);
  const fresh = await quoteNow(deps, order.value, item_ids);
  if (!fresh.ok) return fresh;
  if (quote === undefined || !stillHolds(quote, fresh.value, clock.now_ms())) return stale(fresh.value, tokens);

  // Fees are the quoted ones; where the places are is read anew.
  const items = fresh.value.items.map((item, index) => ({ ...item, ...feePart(quote.items[index]!) }));
  const created = await store.create({ request_id: wanted.request_id, body_hash, order: order.value, quote: { ...quote, items }, cause: 'TRAVELLER', reason: 'TRAVELLER' }, actor);
  return created.ok ? outcomeOf(await driver.driveBriefly(created.value)) : created;
}

function feePart({ fee_fen, returned_fen, rule_id, text_zh, text_en }: Quote['items'][number]) {
  return { fee_fen, returned_fen, rule_id, text_zh, text_en };
}

function stale(quote: Quote, tokens: QuoteTokens): Result<never> {
  const metadata = {
    quote_token: tokens.seal(quote),
    total_fee_fen: String(totalOf(quote.items, 'fee_fen')),
    total_returned_fen: String(totalOf(quote.items, 'returned_fen')),
    expire_time: new Date(quote.expire_ms).toISOString(),
  };
  return fail('QUOTE_STALE', { metadata });
}

const REFUSALS: Readonly<Record<string, ErrorReason>> = { VERSION_STALE: 'QUOTE_STALE', ORDER_NOT_FOUND: 'ORDER_NOT_FOUND' };

function outcomeOf(refund: Refund): Result<Refund> {
  return refund.stage === 'REFUSED' ? fail(REFUSALS[refund.reason] ?? 'ITEM_NOT_REFUNDABLE') : ok(refund);
}
