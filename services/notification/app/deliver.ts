import { uuid7 } from '#kit/base/uuid7.ts';
import { DELIVERY_LIFE_MS, maskRecipient, pauseAfter_ms, providersInOrder, RECEIPT_TRIES, recipientOf, SEND_ROUNDS } from '../domain/delivery.ts';
import type { Contact, Delivery, OutsideChannel, Provider } from '../domain/delivery.ts';
import { render } from '../domain/template.ts';
import type { Template } from '../domain/template.ts';
import { SYSTEM } from './ports.ts';
import type { DeliveryChange, Deps, SendOutcome, StoredMessage } from './ports.ts';

/** The worker's step: sends a delivery that is due, or asks whether it arrived. */
export async function deliverDue(deps: Deps, delivery_id: bigint, signal: AbortSignal): Promise<void> {
  const job = await deps.store.record(SYSTEM, async (unit) => {
    const delivery = await unit.deliveries.byId(delivery_id);
    const message = delivery && (await unit.messages.byId(delivery.message_id));
    const template = delivery && message && (await unit.templates.version(message.template_id, delivery.channel, delivery.template_version));
    return delivery && message && template ? { delivery, message, template } : undefined;
  });
  if (job === undefined) return;
  const { delivery, message } = job;
  if (delivery.channel === 'INBOX' || (delivery.state !== 'PENDING' && delivery.state !== 'SENT')) return settle(deps, delivery, message, { wait_ms: null });
  const change = delivery.state === 'PENDING' ? await send(deps, job, delivery.channel, signal) : await askReceipt(deps, delivery, delivery.channel, signal);
  await settle(deps, delivery, message, change);
}

type Job = { delivery: Delivery; message: StoredMessage; template: Template };

async function send(deps: Deps, { delivery, message, template }: Job, channel: OutsideChannel, signal: AbortSignal): Promise<DeliveryChange> {
  if (deps.clock.now_ms() - delivery.create_time_ms > DELIVERY_LIFE_MS) return failed('TOO_OLD');
  // A throw here (identity is away) is the sweeper's to repeat; it uses up no round.
  const contact = await deps.contacts.of(delivery.account_id);
  const recipient = contact === undefined ? '' : recipientOf(channel, contact);
  if (contact === undefined || recipient === '') return failed('NO_RECIPIENT');
  const round = await sendRound(deps, delivery, channel, { recipient, ...render(template, languageOf(contact), message.parameters) }, signal);
  const recipient_masked = maskRecipient(channel, recipient);
  const tries = delivery.tries + 1;
  if (round.outcome.kind === 'taken') {
    return { state: 'SENT', provider: round.provider, provider_ref: round.outcome.provider_ref, recipient_masked, tries, last_error: '', sent_time_ms: deps.clock.now_ms(), wait_ms: deps.receipt_ms };
  }
  if (round.outcome.kind === 'refused' || tries >= SEND_ROUNDS) return { ...failed(round.outcome.problem), recipient_masked, tries };
  return { recipient_masked, tries, last_error: round.outcome.problem, wait_ms: pauseAfter_ms(tries, deps.retry_ms) };
}

/** Both providers, one after the other, until one takes it or refuses it. */
async function sendRound(deps: Deps, delivery: Delivery, channel: OutsideChannel, content: { recipient: string; title: string; body: string }, signal: AbortSignal): Promise<{ provider: Provider; outcome: SendOutcome }> {
  let last: { provider: Provider; outcome: SendOutcome } | undefined;
  for (const provider of providersInOrder((one) => deps.messaging.open(channel, one))) {
    last = { provider, outcome: await deps.messaging.send(channel, provider, { message_id: String(delivery.delivery_id), ...content }, signal) };
    if (last.outcome.kind !== 'failed') return last;
  }
  return last!;
}

async function askReceipt(deps: Deps, delivery: Delivery, channel: OutsideChannel, signal: AbortSignal): Promise<DeliveryChange> {
  const receipt = await deps.messaging.receipt(channel, delivery.provider ?? 'primary', delivery.provider_ref ?? '', signal);
  if (receipt === 'DELIVERED') return { state: 'DELIVERED', delivered_time_ms: deps.clock.now_ms(), wait_ms: null };
  if (receipt === 'FAILED') return failed('NOT_DELIVERED');
  const receipt_tries = delivery.receipt_tries + 1;
  // The channel took it and says no more: it stays SENT.
  return { receipt_tries, wait_ms: receipt_tries >= RECEIPT_TRIES ? null : pauseAfter_ms(receipt_tries, deps.receipt_ms) };
}

/** Stores what happened and, when the state changed, tells it; a delivery that somebody else moved on is left alone. */
async function settle(deps: Deps, delivery: Delivery, message: StoredMessage, change: DeliveryChange): Promise<void> {
  const { delivery_id, message_id, account_id, channel, order_id, version } = delivery;
  const state = change.state ?? delivery.state;
  await deps.store.record(SYSTEM, async (unit) => {
    if (!(await unit.deliveries.change(delivery, change))) return;
    if (state === delivery.state || state === 'PENDING') return;
    await unit.audit({ operation: 'notification.Deliver', target: `delivery/${delivery_id}`, result: change.last_error || state, version: version + 1n });
    // Who gave no address on this channel was never to be reached over it.
    if (change.last_error === 'NO_RECIPIENT') return;
    await unit.announce({ event_id: uuid7(deps.clock, deps.random), message_id, account_id, channel, state, order_id, template_id: message.template_id, version: version + 1n, time_ms: deps.clock.now_ms() });
  });
}

function failed(last_error: string): DeliveryChange {
  return { state: 'FAILED', last_error, wait_ms: null };
}

function languageOf({ language }: Contact): 'zh' | 'en' {
  return language === 'en' ? 'en' : 'zh';
}
