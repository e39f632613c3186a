import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { deliveryOfSendId, sendIdOf } from '../domain/delivery.ts';
import type { Delivery, OutsideChannel, Provider } from '../domain/delivery.ts';
import { notDelivered } from './hand_over.ts';
import type { DeliveryChange, Deps } from './ports.ts';

/** What a provider reports of a message that it took, its signature proven. */
export type Receipt = { channel: OutsideChannel; provider: Provider; message_id: string; provider_ref: string; state: 'DELIVERED' | 'FAILED' };

/**
 * Takes a receipt. Of several about one delivery the first good one counts, whatever order they come in: DELIVERED is an end,
 * FAILED is one too unless the backup is left to send it, and one of a life before is no news. That it arrived may come before
 * the answer to the sending, or instead of it, or after its provider had said that it did not.
 * MESSAGE_NOT_FOUND. CONFLICT when it comes too early: the provider reports again.
 */
export async function takeReceipt(deps: Pick<Deps, 'move' | 'clock'>, receipt: Receipt): Promise<Result<'taken' | 'known'>> {
  const delivery_id = deliveryOfSendId(receipt.message_id);
  if (delivery_id === undefined) return fail('MESSAGE_NOT_FOUND');
  const now_ms = deps.clock.now_ms();
  const moved = await deps.move({
    delivery_id,
    decide(delivery) {
      const verdict = judge(delivery, receipt);
      return verdict.ok && verdict.value === 'taken' ? changeBy(delivery, receipt, now_ms) : undefined;
    },
  });
  return moved === undefined ? fail('MESSAGE_NOT_FOUND') : judge(moved.before, receipt);
}

function judge(delivery: Delivery, { channel, provider, message_id, state }: Receipt): Result<'taken' | 'known'> {
  if (delivery.channel !== channel) return fail('MESSAGE_NOT_FOUND');
  const ended = delivery.state === 'DELIVERED' || delivery.state === 'FAILED';
  if (ended || message_id !== sendIdOf(delivery)) return ok('known');
  if (state === 'DELIVERED') return ok('taken');
  // While it is being sent nobody knows yet who carries it: the answer comes first, then this again. Who is known not to says it twice.
  if (delivery.state === 'PENDING') return delivery.provider === provider ? ok('known') : fail('CONFLICT');
  // The other provider carries it: what failed here is no news.
  return ok(delivery.provider === provider ? 'taken' : 'known');
}

function changeBy(delivery: Delivery, { provider, provider_ref, state }: Receipt, now_ms: number): DeliveryChange {
  if (state === 'FAILED') return notDelivered(delivery, now_ms);
  return { state, last_error: '', provider, provider_ref, sent_time_ms: delivery.sent_time_ms ?? now_ms, delivered_time_ms: now_ms, wait_ms: null };
}
