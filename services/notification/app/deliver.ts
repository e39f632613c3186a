import { inTurns } from '#kit/base/in_turns.ts';
import { isDeadLetter, pauseAfter_ms, RECEIPT_TRIES } from '../domain/delivery.ts';
import type { Contact, Delivery, OutsideChannel } from '../domain/delivery.ts';
import type { Parameters } from '../domain/template.ts';
import { bury } from './dead_letters.ts';
import { notDelivered } from './hand_over.ts';
import { settle } from './move.ts';
import { SYSTEM } from './ports.ts';
import type { DeliveryChange, Deps, Job } from './ports.ts';
import { asError, sendJobs } from './send.ts';

/**
 * The worker's step with deliveries that are due: sends them, asks whether they arrived when no receipt came, or gives them
 * up. An Error for each that could not be driven on.
 */
export async function deliverDue(deps: Deps, delivery_ids: readonly bigint[], signal: AbortSignal): Promise<(Error | undefined)[]> {
  const found = await deps.store.record(SYSTEM, (unit) => unit.deliveries.withParameters(delivery_ids));
  const errors = new Map<bigint, Error>();
  const keep = (delivery_id: bigint, error: unknown): void => {
    if (error !== undefined) errors.set(delivery_id, asError(error));
  };
  const alone = (rows: readonly Due[], act: (delivery: Delivery, channel: OutsideChannel) => Promise<void>) =>
    inTurns(rows, AT_ONCE, ({ delivery }) => act(delivery, delivery.channel as OutsideChannel).catch((error: unknown) => keep(delivery.delivery_id, error)));
  const { dead = [], send = [], ask = [], rest = [] } = Object.groupBy(found, ({ delivery }) => stepOf(delivery));
  await Promise.all([
    sendDue(deps, send, signal).then((outcomes) => outcomes.forEach((error, index) => keep(send[index]!.delivery.delivery_id, error))),
    alone(dead, (delivery) => bury(deps, delivery)),
    alone(ask, async (delivery, channel) => settle(deps, delivery, await askReceipt(deps, delivery, channel, signal))),
    alone(rest, (delivery) => settle(deps, delivery, { wait_ms: null })),
  ]);
  return delivery_ids.map((delivery_id) => errors.get(delivery_id));
}

type Due = { delivery: Delivery; parameters: Parameters };

function stepOf(delivery: Delivery): 'dead' | 'send' | 'ask' | 'rest' {
  if (isDeadLetter(delivery)) return 'dead';
  if (delivery.channel === 'INBOX') return 'rest';
  return delivery.state === 'PENDING' ? 'send' : delivery.state === 'SENT' ? 'ask' : 'rest';
}

/** While identity or a wording is away they wait and use up no round. */
async function sendDue(deps: Deps, due: readonly Due[], signal: AbortSignal): Promise<(Error | undefined)[]> {
  if (due.length === 0) return [];
  let contacts: ReadonlyMap<bigint, Contact>;
  try {
    contacts = await deps.contacts.of(due.map(({ delivery }) => delivery.account_id));
  } catch (error) {
    return due.map(() => asError(error));
  }
  const jobs = await Promise.all(due.map(async ({ delivery, parameters }): Promise<Job | undefined> => {
    const { template_id, channel, template_version: version, account_id } = delivery;
    const template = await deps.templates.version({ template_id, channel, version });
    return template && { delivery, channel: channel as OutsideChannel, parameters, template, contact: contacts.get(account_id) };
  }));
  const sendable = jobs.filter((job) => job !== undefined);
  const outcomes = new Map((await sendJobs(deps, sendable, signal)).map((error, index) => [sendable[index], error]));
  return jobs.map((job) => (job === undefined ? new Error('its wording is not there') : outcomes.get(job)));
}

/** So many questions to providers and letters at once. */
const AT_ONCE = 32;

async function askReceipt(deps: Deps, delivery: Delivery, channel: OutsideChannel, signal: AbortSignal): Promise<DeliveryChange> {
  const receipt = await deps.messaging.receipt(channel, delivery.provider ?? 'primary', delivery.provider_ref ?? '', signal);
  if (receipt === 'DELIVERED') return { state: 'DELIVERED', delivered_time_ms: deps.clock.now_ms(), wait_ms: null };
  if (receipt === 'FAILED') return notDelivered(delivery, deps.clock.now_ms());
  const receipt_tries = delivery.receipt_tries + 1;
  // The channel took it and says no more: it stays SENT.
  return { receipt_tries, wait_ms: receipt_tries >= RECEIPT_TRIES ? null : pauseAfter_ms(receipt_tries, deps.receipt_ms) };
}
