import { isDeadLetter, isTooOld, maskRecipient, NO_RECIPIENT, pauseAfter_ms, providersInOrder, RECEIPT_TRIES, recipientOf, SEND_ROUNDS, sendIdOf } from '../domain/delivery.ts';
import type { Contact, Delivery, OutsideChannel, Provider } from '../domain/delivery.ts';
import { render } from '../domain/template.ts';
import type { Template } from '../domain/template.ts';
import { bury } from './dead_letters.ts';
import { SYSTEM } from './ports.ts';
import type { DeliveryChange, Deps, SendOutcome, StoredMessage } from './ports.ts';
import { settle } from './settle.ts';

/** The worker's step: sends a delivery that is due, asks whether it arrived when no receipt came, or gives it up. */
export async function deliverDue(deps: Deps, delivery_id: bigint, signal: AbortSignal): Promise<void> {
  const job = await deps.store.record(SYSTEM, async (unit) => {
    const delivery = await unit.deliveries.byId(delivery_id);
    const message = delivery && (await unit.messages.byId(delivery.message_id));
    const template = delivery && message && (await unit.templates.version(message.template_id, delivery.channel, delivery.template_version));
    return delivery && message && template ? { delivery, message, template } : undefined;
  });
  if (job === undefined) return;
  const { delivery, message } = job;
  if (isDeadLetter(delivery)) return bury(deps, delivery, message);
  if (delivery.channel === 'INBOX' || (delivery.state !== 'PENDING' && delivery.state !== 'SENT')) return void (await settle(deps, delivery, message, { wait_ms: null }));
  const change = delivery.state === 'PENDING' ? await send(deps, job, delivery.channel, signal) : await askReceipt(deps, delivery, delivery.channel, signal);
  if ((await settle(deps, delivery, message, change)) && change.state === 'FAILED') deps.wake();
}

type Job = { delivery: Delivery; message: StoredMessage; template: Template };

async function send(deps: Deps, { delivery, message, template }: Job, channel: OutsideChannel, signal: AbortSignal): Promise<DeliveryChange> {
  if (isTooOld(delivery, deps.clock.now_ms())) return failed('TOO_OLD');
  // A throw here (identity is away) is the sweeper's to repeat; it uses up no round.
  const contact = await deps.contacts.of(delivery.account_id);
  const recipient = contact === undefined ? '' : recipientOf(channel, contact);
  if (contact === undefined || recipient === '') return failed(NO_RECIPIENT);
  const round = await sendRound(deps, delivery, channel, { recipient, ...render(template, languageOf(contact), message.parameters) }, signal);
  const recipient_masked = maskRecipient(channel, recipient);
  const tries = delivery.tries + 1;
  if (round.outcome.kind === 'taken') {
    return { state: 'SENT', provider: round.provider, provider_ref: round.outcome.provider_ref, recipient_masked, tries, last_error: '', sent_time_ms: deps.clock.now_ms(), wait_ms: deps.receipt_ms };
  }
  if (round.outcome.kind === 'refused' || tries >= SEND_ROUNDS) return { ...failed(round.outcome.problem), recipient_masked, tries };
  return { recipient_masked, tries, last_error: round.outcome.problem, wait_ms: pauseAfter_ms(tries, deps.retry_ms) };
}

/** Both providers, one after the other, until one takes it or refuses it, or a receipt shows that one had taken it. */
async function sendRound(deps: Deps, delivery: Delivery, channel: OutsideChannel, content: { recipient: string; title: string; body: string }, signal: AbortSignal): Promise<{ provider: Provider; outcome: SendOutcome }> {
  let last: { provider: Provider; outcome: SendOutcome } | undefined;
  for (const provider of providersInOrder((one) => deps.messaging.open(channel, one))) {
    if (last !== undefined && !(await isUnchanged(deps, delivery))) return last;
    last = { provider, outcome: await deps.messaging.send(channel, provider, { message_id: sendIdOf(delivery), ...content }, signal) };
    if (last.outcome.kind !== 'failed') return last;
  }
  return last!;
}

async function isUnchanged(deps: Deps, { delivery_id, version }: Delivery): Promise<boolean> {
  return deps.store.record(SYSTEM, async (unit) => (await unit.deliveries.byId(delivery_id))?.version === version);
}

async function askReceipt(deps: Deps, delivery: Delivery, channel: OutsideChannel, signal: AbortSignal): Promise<DeliveryChange> {
  const receipt = await deps.messaging.receipt(channel, delivery.provider ?? 'primary', delivery.provider_ref ?? '', signal);
  if (receipt === 'DELIVERED') return { state: 'DELIVERED', delivered_time_ms: deps.clock.now_ms(), wait_ms: null };
  if (receipt === 'FAILED') return failed('NOT_DELIVERED');
  const receipt_tries = delivery.receipt_tries + 1;
  // The channel took it and says no more: it stays SENT.
  return { receipt_tries, wait_ms: receipt_tries >= RECEIPT_TRIES ? null : pauseAfter_ms(receipt_tries, deps.receipt_ms) };
}

function failed(last_error: string): DeliveryChange {
  return { state: 'FAILED', last_error, wait_ms: null };
}

function languageOf({ language }: Contact): 'zh' | 'en' {
  return language === 'en' ? 'en' : 'zh';
}
