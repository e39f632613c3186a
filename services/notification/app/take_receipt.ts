import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { deliveryOfSendId, sendIdOf } from '../domain/delivery.ts';
import type { OutsideChannel, Provider } from '../domain/delivery.ts';
import { SYSTEM } from './ports.ts';
import type { Deps } from './ports.ts';
import { settle } from './settle.ts';

/** What a provider reports of a message that it took, its signature proven. */
export type Receipt = { channel: OutsideChannel; provider: Provider; message_id: string; provider_ref: string; state: 'DELIVERED' | 'FAILED' };

/**
 * Takes a receipt. Of several about one delivery the first good one counts, whatever order they come in: DELIVERED and FAILED
 * are ends, and one of a life before is no news. That it arrived may come before the answer to the sending, or instead of it.
 * MESSAGE_NOT_FOUND. CONFLICT when it comes too early or the delivery moved on meanwhile: the provider reports again.
 */
export async function takeReceipt(deps: Deps, receipt: Receipt): Promise<Result<'taken' | 'known'>> {
  const { channel, provider, message_id, provider_ref, state } = receipt;
  const delivery_id = deliveryOfSendId(message_id);
  const found = delivery_id === undefined ? undefined : await deps.store.record(SYSTEM, async (unit) => {
    const delivery = await unit.deliveries.byId(delivery_id);
    const message = delivery && (await unit.messages.byId(delivery.message_id));
    return delivery && message && { delivery, message };
  });
  if (found === undefined || found.delivery.channel !== channel) return fail('MESSAGE_NOT_FOUND');
  const { delivery, message } = found;
  const ended = delivery.state === 'DELIVERED' || delivery.state === 'FAILED';
  if (ended || message_id !== sendIdOf(delivery)) return ok('known');
  if (state === 'FAILED') {
    // While it is being sent nobody knows yet who carries it: the answer comes first, then this again.
    if (delivery.state === 'PENDING') return fail('CONFLICT');
    // The other provider carries it: what failed here is no news.
    if (delivery.provider !== provider) return ok('known');
  }
  const now_ms = deps.clock.now_ms();
  const end = state === 'DELIVERED' ? { last_error: '', delivered_time_ms: now_ms } : { last_error: 'NOT_DELIVERED' };
  const change = { ...end, state, provider, provider_ref, sent_time_ms: delivery.sent_time_ms ?? now_ms, wait_ms: null };
  if (!(await settle(deps, delivery, message, change))) return fail('CONFLICT');
  if (state === 'FAILED') deps.wake();
  return ok('taken');
}
