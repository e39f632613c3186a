import { createHash } from 'node:crypto';
import { ERRORS, type ErrorReason } from '#kit/base/errors.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { differenceOf, type Change, type Preference } from '../domain/change.ts';
import { changeStillHolds, type ChangeQuote, type Wish } from '../domain/change_quote.ts';
import type { ChangeStore, ChangeTokens } from './change_ports.ts';
import type { ChangeDriver } from './drive_change.ts';
import type { Actor } from './ports.ts';
import { askQuote, type QuoteDeps } from './quote_change.ts';

export type CreateChangeDeps = QuoteDeps & { store: ChangeStore; tokens: ChangeTokens; driver: ChangeDriver };

export type CreateChange = Wish & { request_id: string; preference: Preference | undefined; quote_token: string };

const ASK_AGAIN_MS = 1000;

/**
 * Begins a change at the quoted terms and drives it as far as it goes in a moment: to places that are locked, or to the end where
 * nothing is to be paid. The sweeper does the rest. QUOTE_STALE carries a new quote; a refusal that comes at once (SOLD_OUT,
 * JOURNEY_OVERLAP, CHANGE_NOT_ALLOWED) leaves everything as it was, and is the answer to repetitions, too.
 */
export async function createChange(deps: CreateChangeDeps, wanted: CreateChange, actor: Actor): Promise<Result<Change>> {
  const { store, tokens, clock, driver } = deps;
  const { request_id, quote_token, preference, ...wish } = wanted;
  const body_hash = createHash('sha256').update(JSON.stringify([wish, preference ?? null, quote_token])).digest();
  const known = await store.ofRequest(actor.account_id, request_id, body_hash);
  if (!known.ok) return known;
  if (known.value !== undefined) return outcomeOf(await driver.driveBriefly(known.value));

  const asked = await askQuote(deps, wish);
  if (!asked.ok) return asked;
  const { order, quote: fresh, fares } = asked.value;
  const quote = tokens.open(quote_token);
  if (quote === undefined || !changeStillHolds(quote, fresh, clock.now_ms())) return stale(fresh, tokens);
  const items = fresh.items.map((item, index) => ({ ...item, fee_fen: quote.items[index]!.fee_fen, places: [], ticket_id: '' }));
  const old_run_id = order.items.find(({ item_id }) => item_id === items[0]!.item_id)!.journey.run_id;
  const body = { items, old_run_id, journey: fresh.journey, seat_class: fresh.seat_class, preference, channel: order.channel, fares: [...fares], terms: quote.terms };
  const created = await store.create({ request_id, body_hash, order_id: order.order_id, account_id: order.account_id, body }, actor);
  return created.ok ? outcomeOf(await driver.driveBriefly(created.value)) : created;
}

function stale(quote: ChangeQuote, tokens: ChangeTokens): Result<never> {
  const metadata = {
    quote_token: tokens.seal(quote),
    difference_fen: String(differenceOf(quote.items)),
    fee_fen: String(quote.items.reduce((sum, { fee_fen }) => sum + fee_fen, 0)),
    expire_time: new Date(quote.expire_ms).toISOString(),
  };
  return fail('QUOTE_STALE', { metadata });
}

const REFUSALS: Readonly<Record<string, ErrorReason>> = { VERSION_STALE: 'QUOTE_STALE', ITEM_NOT_CHANGEABLE: 'CHANGE_NOT_ALLOWED', ORDER_STATE_WRONG: 'CHANGE_NOT_ALLOWED' };

/** What never got its places locked was refused, with the reason; what did is told of as it stands. */
function outcomeOf(change: Change): Result<Change> {
  if (change.stage === 'BEGUN' || change.stage === 'OPENED') return fail('OUTCOME_UNKNOWN', { retry_after_ms: ASK_AGAIN_MS });
  if (change.pay_expire_ms !== undefined || change.reason === 'CANCELLED') return ok(change);
  return fail(REFUSALS[change.reason] ?? (isReason(change.reason) ? change.reason : 'CHANGE_NOT_ALLOWED'));
}

function isReason(reason: string): reason is ErrorReason {
  return Object.hasOwn(ERRORS, reason);
}
