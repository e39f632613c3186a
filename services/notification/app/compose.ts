import { scrubText } from '#kit/base/mask.ts';
import { fail, fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { Delivery } from '../domain/delivery.ts';
import { placeholdersOf, render } from '../domain/template.ts';
import type { Parameters, Template } from '../domain/template.ts';
import type { Actor, Deps, StoredMessage, Unit } from './ports.ts';

export type MessageOrder = {
  /** One message per key, ever; at most 64 characters. */
  message_key: string;
  account_id: bigint;
  template_id: string;
  parameters: Parameters;
  order_id: string;
};

/**
 * Writes a message and a delivery for each channel that the template has; the same key again changes nothing. Sending is
 * the worker's: nobody waits for a provider here. TEMPLATE_NOT_FOUND.
 */
export async function compose(deps: Pick<Deps, 'ids' | 'clock' | 'random'>, unit: Unit, order: MessageOrder): Promise<Result<bigint>> {
  const templates = await unit.templates.activeOf(order.template_id);
  if (templates.length === 0) return fail('TEMPLATE_NOT_FOUND');
  const now_ms = deps.clock.now_ms();
  const gene = geneOf(order.account_id);
  const inbox = templates.find(({ channel }) => channel === 'INBOX');
  // Whoever gives a number or an address in clear: it is neither stored nor sent. An order's own number may look like one.
  const parameters = Object.fromEntries(Object.entries(order.parameters).map(([name, text]) => [name, text === order.order_id ? text : scrubText(text)]));
  const message: StoredMessage = {
    ...order,
    parameters,
    message_id: deps.ids.next(gene),
    inbox: inbox && { zh: render(inbox, 'zh', parameters), en: render(inbox, 'en', parameters) },
    create_time_ms: now_ms,
    read: false,
  };
  if (!(await unit.messages.insert(message))) {
    const known = await unit.messages.byKey(order.message_key);
    if (known === undefined) return fail('CONFLICT');
    return known.account_id === order.account_id && known.template_id === order.template_id ? ok(known.message_id) : fail('REQUEST_ID_REUSED');
  }
  for (const template of templates) await addDelivery(deps, unit, message, template, gene);
  await unit.audit({ operation: 'notification.Compose', target: `message/${message.message_id}`, result: 'ok', version: 1n });
  return ok(message.message_id);
}

/** For other services; every parameter of the template must be given. */
export async function sendMessage(deps: Deps, actor: Actor, order: MessageOrder): Promise<Result<bigint>> {
  if (!/^[\x21-\x7e]{1,64}$/.test(order.message_key)) return fieldInvalid('message_key', '1 to 64 characters of ASCII');
  const sent = await deps.store.write(actor, async (unit) => {
    const wanted = (await unit.templates.activeOf(order.template_id)).flatMap(placeholdersOf);
    const missing = wanted.find((name) => !Object.hasOwn(order.parameters, name));
    if (missing !== undefined) return fieldInvalid('parameters', `{${missing}} is missing`);
    return compose(deps, unit, order);
  });
  if (sent.ok) deps.wake();
  return sent;
}

/** The inbox is ours: what is written there has arrived. */
async function addDelivery(deps: Pick<Deps, 'ids' | 'clock' | 'random'>, unit: Unit, message: StoredMessage, { channel, version }: Template, gene: number): Promise<void> {
  const { message_id, account_id, order_id, template_id, create_time_ms } = message;
  const arrived = channel === 'INBOX';
  const delivery: Delivery = {
    delivery_id: deps.ids.next(gene),
    message_id,
    account_id,
    order_id,
    channel,
    template_version: version,
    state: arrived ? 'DELIVERED' : 'PENDING',
    recipient_masked: '',
    tries: 0,
    receipt_tries: 0,
    last_error: '',
    create_time_ms,
    sent_time_ms: arrived ? create_time_ms : undefined,
    delivered_time_ms: arrived ? create_time_ms : undefined,
    revivals: 0,
    version: 1n,
  };
  await unit.deliveries.insert(delivery, arrived ? null : 0);
  if (arrived) await unit.announce({ event_id: uuid7(deps.clock, deps.random), message_id, account_id, channel, state: 'DELIVERED', order_id, template_id, version: 1n, time_ms: create_time_ms });
}
