import { FRESH_MS, isHandedOver, isTooOld, maskRecipient, NO_RECIPIENT, pauseAfter_ms, providersInOrder, recipientOf, SEND_MS, SEND_ROUNDS, sendIdOf } from '../domain/delivery.ts';
import type { Contact, OutsideChannel, Provider } from '../domain/delivery.ts';
import { render } from '../domain/template.ts';
import { settle } from './move.ts';
import { SYSTEM } from './ports.ts';
import type { DeliveryChange, Deps, Job, OutgoingMessage, SendOutcome } from './ports.ts';

/** Sends deliveries, those of a channel together, and stores what became of each; an Error for one where that failed. */
export async function sendJobs(deps: Deps, jobs: readonly Job[], signal: AbortSignal): Promise<(Error | undefined)[]> {
  const errors = new Map<Job, Error>();
  await Promise.all([...Map.groupBy(jobs, ({ channel }) => channel)].map(async ([channel, of_channel]) => {
    const changes = await sendChannel(deps, channel, of_channel, signal);
    await Promise.all(of_channel.map(async (job, index) => {
      const change = changes[index];
      if (change !== undefined) await settle(deps, job.delivery, change).catch((error: unknown) => void errors.set(job, asError(error)));
    }));
  }));
  return jobs.map((job) => errors.get(job));
}

/** A delivery that its writer still holds since `since_ms`, by the monotonic clock. */
export type FreshJob = { job: Job; since_ms: number };

/** Sends what was just written. What waited too long, or could not be stored, is sent by whoever finds its claim run out. */
export async function sendFresh(deps: Deps, batch: readonly FreshJob[]): Promise<undefined[]> {
  const now_ms = deps.clock.monotonic_ms();
  const jobs = batch.filter(({ since_ms }) => now_ms - since_ms < FRESH_MS).map(({ job }) => job);
  const errors = (await sendJobs(deps, jobs, AbortSignal.timeout(SEND_MS))).filter((error) => error !== undefined);
  if (errors.length > 0) deps.log.warn({ error: errors[0], messages: errors.length }, 'what became of messages could not be stored');
  return batch.map(() => undefined);
}

export function failed(last_error: string): DeliveryChange {
  return { state: 'FAILED', last_error, wait_ms: null };
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Nothing for one that a receipt has moved on before anybody was asked. */
async function sendChannel(deps: Deps, channel: OutsideChannel, jobs: readonly Job[], signal: AbortSignal): Promise<(DeliveryChange | undefined)[]> {
  const now_ms = deps.clock.now_ms();
  const hopeless = new Map(jobs.flatMap((job) => {
    const why = hopelessness(job, now_ms);
    return why === undefined ? [] : [[job, failed(why)] as const];
  }));
  const rounds = await sendRound(deps, channel, jobs.filter((job) => !hopeless.has(job)), signal);
  return jobs.map((job) => {
    const round = rounds.get(job);
    return hopeless.get(job) ?? (round && changeAfter(deps, job, round));
  });
}

/** Why nobody is asked to send it. An address that is gone leaves what the primary could not deliver a failure like any other. */
function hopelessness(job: Job, now_ms: number): string | undefined {
  if (isTooOld(job.delivery, now_ms)) return 'TOO_OLD';
  if (addressOf(job) !== '') return undefined;
  return isHandedOver(job.delivery) ? 'NOT_DELIVERED' : NO_RECIPIENT;
}

type Round = { provider: Provider; outcome: SendOutcome };

/**
 * Both providers, one after the other, until one takes a message or refuses it, or a receipt shows that one had taken it. Who
 * could not deliver a message is not asked again.
 */
async function sendRound(deps: Deps, channel: OutsideChannel, jobs: readonly Job[], signal: AbortSignal): Promise<Map<Job, Round>> {
  const rounds = new Map<Job, Round>();
  let left = jobs;
  for (const provider of providersInOrder((one) => deps.messaging.open(channel, one))) {
    const able = left.filter(({ delivery }) => delivery.provider !== provider);
    // What was with a provider before may have arrived meanwhile.
    const turn = able.some((job) => rounds.has(job) || isHandedOver(job.delivery)) ? await unchanged(deps, able) : able;
    if (turn.length === 0) continue;
    const outcomes = await deps.messaging.send(channel, provider, turn.map(contentOf), signal);
    for (const [index, job] of turn.entries()) rounds.set(job, { provider, outcome: outcomes[index]! });
    left = left.filter((job) => (rounds.get(job)?.outcome.kind ?? 'failed') === 'failed');
  }
  return rounds;
}

async function unchanged({ store }: Deps, jobs: readonly Job[]): Promise<Job[]> {
  const versions = await store.record(SYSTEM, (unit) => unit.deliveries.versions(jobs.map(({ delivery }) => delivery.delivery_id)));
  return jobs.filter(({ delivery }) => versions.get(delivery.delivery_id) === delivery.version);
}

function changeAfter({ clock, retry_ms, receipt_ms }: Deps, job: Job, { provider, outcome }: Round): DeliveryChange {
  const recipient_masked = maskRecipient(job.channel, addressOf(job));
  const tries = job.delivery.tries + 1;
  if (outcome.kind === 'taken') {
    return { state: 'SENT', provider, provider_ref: outcome.provider_ref, recipient_masked, tries, last_error: '', sent_time_ms: clock.now_ms(), wait_ms: receipt_ms };
  }
  if (outcome.kind === 'refused' || tries >= SEND_ROUNDS) return { ...failed(outcome.problem), recipient_masked, tries };
  return { recipient_masked, tries, last_error: outcome.problem, wait_ms: pauseAfter_ms(tries, retry_ms) };
}

function contentOf(job: Job): OutgoingMessage {
  return { message_id: sendIdOf(job.delivery), recipient: addressOf(job), ...render(job.template, languageOf(job.contact), job.parameters) };
}

function addressOf({ channel, contact }: Job): string {
  return contact === undefined ? '' : recipientOf(channel, contact);
}

function languageOf(contact: Contact | undefined): 'zh' | 'en' {
  return contact?.language === 'en' ? 'en' : 'zh';
}
