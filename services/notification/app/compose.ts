import { scrubText } from '#kit/base/mask.ts';
import { fail, fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { CLAIM_MS, reaches } from '../domain/delivery.ts';
import type { Contact, Delivery } from '../domain/delivery.ts';
import { placeholdersOf, render } from '../domain/template.ts';
import type { Parameters, Template } from '../domain/template.ts';
import { toldOf } from './move.ts';
import type { Actor, DeliveryRow, Deps, Job, StoredMessage, Unit } from './ports.ts';

export type MessageOrder = {
  /** One message per key, ever; at most 64 characters. */
  message_key: string;
  account_id: bigint;
  template_id: string;
  parameters: Parameters;
  order_id: string;
};

/** Wordings and addresses for messages to be written: looked up beforehand, so that no transaction waits for them. */
export type Materials = {
  templates: ReadonlyMap<string, Template[]>;
  /** Undefined when identity did not answer: then it is asked again when the message goes out. */
  contacts: ReadonlyMap<bigint, Contact> | undefined;
};

/** One result for each order; and once the transaction is committed, what is to be sent (sendOut). */
export type Composed = { results: Result<bigint>[]; jobs: Job[]; undecided: boolean };

export async function lookUp(deps: Pick<Deps, 'templates' | 'contacts' | 'log'>, orders: readonly MessageOrder[]): Promise<Materials> {
  const names = [...new Set(orders.map(({ template_id }) => template_id))];
  const [templates, contacts] = await Promise.all([
    Promise.all(names.map(async (name) => [name, await deps.templates.activeOf(name)] as const)),
    deps.contacts.of(orders.map(({ account_id }) => account_id)).catch((error: unknown) => {
      deps.log.warn({ error }, 'addresses are not known yet');
      return undefined;
    }),
  ]);
  return { templates: new Map(templates), contacts };
}

/**
 * Writes messages, and a delivery of each for every channel that its template has and the account can be reached by; a
 * known key changes nothing. Sending is done later: nobody waits for a provider here. TEMPLATE_NOT_FOUND,
 * REQUEST_ID_REUSED for a key that another message has.
 */
export async function compose(deps: Pick<Deps, 'ids' | 'clock'>, unit: Unit, orders: readonly MessageOrder[], { templates, contacts }: Materials): Promise<Composed> {
  const drafts = orders.map((order) => draftOf(deps, order, templates.get(order.template_id) ?? []));
  const writable = drafts.filter(({ wordings }) => wordings.length > 0);
  const holders = new Map((writable.length === 0 ? [] : await unit.messages.put(writable.map(({ message }) => message))).map((one) => [one.message_key, one]));
  const fresh = writable.filter(({ message }) => holders.get(message.message_key)?.message_id === message.message_id);
  const rows = fresh.flatMap((draft) => rowsOf(deps, draft, contacts));
  if (fresh.length > 0) {
    await unit.deliveries.insert(rows);
    await unit.audit(...fresh.map(({ message }) => ({ operation: 'notification.Compose', target: `message/${message.message_id}`, result: 'ok', version: 1n })));
    await unit.announce(rows.filter(({ delivery }) => delivery.channel === 'INBOX').map(({ delivery }) => toldOf(delivery, 'DELIVERED', delivery.create_time_ms)));
  }
  return {
    results: drafts.map(({ message, wordings }) => (wordings.length === 0 ? fail('TEMPLATE_NOT_FOUND') : answerOf(message, holders.get(message.message_key)))),
    jobs: contacts === undefined ? [] : rows.flatMap((row) => row.job ?? []),
    undecided: contacts === undefined && rows.length > 0,
  };
}

/** After the commit: what was written goes out. */
export function sendOut(deps: Pick<Deps, 'sendSoon' | 'wake'>, { jobs, undecided }: Composed): void {
  if (jobs.length > 0) deps.sendSoon(jobs);
  if (undecided) deps.wake();
}

/** For other services; every parameter of the template must be given. */
export async function sendMessage(deps: Deps, actor: Actor, order: MessageOrder): Promise<Result<bigint>> {
  if (!/^[\x21-\x7e]{1,64}$/.test(order.message_key)) return fieldInvalid('message_key', '1 to 64 characters of ASCII');
  const materials = await lookUp(deps, [order]);
  const missing = (materials.templates.get(order.template_id) ?? []).flatMap(placeholdersOf).find((name) => !Object.hasOwn(order.parameters, name));
  if (missing !== undefined) return fieldInvalid('parameters', `{${missing}} is missing`);
  const composed = await deps.store.record(actor, (unit) => compose(deps, unit, [order], materials));
  sendOut(deps, composed);
  return composed.results[0]!;
}

type Draft = { message: StoredMessage; wordings: readonly Template[] };

function draftOf({ ids, clock }: Pick<Deps, 'ids' | 'clock'>, order: MessageOrder, wordings: readonly Template[]): Draft {
  // Whoever gives a number or an address in clear: it is neither stored nor sent. An order's own number may look like one.
  const parameters = Object.fromEntries(Object.entries(order.parameters).map(([name, text]) => [name, text === order.order_id ? text : scrubText(text)]));
  const inbox = wordings.find(({ channel }) => channel === 'INBOX');
  const message: StoredMessage = {
    ...order,
    parameters,
    message_id: ids.next(geneOf(order.account_id)),
    inbox: inbox && { zh: render(inbox, 'zh', parameters), en: render(inbox, 'en', parameters) },
    create_time_ms: clock.now_ms(),
    read: false,
  };
  return { message, wordings };
}

function answerOf(message: StoredMessage, holder: Pick<StoredMessage, 'message_id' | 'account_id' | 'template_id'> | undefined): Result<bigint> {
  if (holder === undefined) return fail('CONFLICT');
  return holder.account_id === message.account_id && holder.template_id === message.template_id ? ok(holder.message_id) : fail('REQUEST_ID_REUSED');
}

/** None for a channel on which the account has no address. */
function rowsOf(deps: Pick<Deps, 'ids'>, { message, wordings }: Draft, contacts: Materials['contacts']): (DeliveryRow & { job?: Job })[] {
  const contact = contacts?.get(message.account_id);
  return wordings.flatMap((template) => {
    const { channel } = template;
    const delivery = newDelivery(deps, message, template);
    // The inbox is ours: what is written there has arrived.
    if (channel === 'INBOX') return { delivery, wait_ms: null };
    if (contacts === undefined) return { delivery, wait_ms: 0 };
    return reaches(channel, contact) ? { delivery, wait_ms: CLAIM_MS, job: { delivery, channel, parameters: message.parameters, template, contact } } : [];
  });
}

function newDelivery({ ids }: Pick<Deps, 'ids'>, { message_id, account_id, order_id, create_time_ms }: StoredMessage, { channel, template_id, version }: Template): Delivery {
  const arrived = channel === 'INBOX';
  return {
    delivery_id: ids.next(geneOf(account_id)),
    message_id,
    account_id,
    order_id,
    channel,
    template_id,
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
}
