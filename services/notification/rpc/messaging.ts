import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '#kit/base/clock.ts';
import { createExternalClient } from '#kit/external/http.ts';
import type { ExternalClient } from '#kit/external/http.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Messaging, OutgoingMessage, SendOutcome } from '../app/ports.ts';
import { PROVIDERS } from '../domain/delivery.ts';
import type { OutsideChannel, Provider } from '../domain/delivery.ts';

export type MessagingOptions = {
  url: string;
  keys: { sign_key: KeyObject; peer_key: KeyObject };
  service: string;
  log: Log;
  clock: Clock;
  /** Where providers report what became of a message, by channel and provider; they are asked where it is left out. */
  receipts_url?: string;
  /** Requirement: 2 s. */
  timeout_ms: number;
  /** What operators set meanwhile. */
  tuned?: () => { timeout_ms?: number; attempts?: number };
  /** How many messages go in one request (default 100); 1 for providers that take them one by one. */
  together_max?: number;
  /** Failures in a row that open the circuit of a provider, and how long it stays open. */
  breaker: { failures: number; half_open_after_ms: number };
};

/** The providers over signed HTTP. Each provider of each channel has a circuit of its own, so that one can fail alone. */
export function createMessaging(options: MessagingOptions): Messaging {
  const { url, keys, service, clock, timeout_ms, tuned, breaker, log, receipts_url, together_max = TOGETHER_MAX } = options;
  const clients = new Map<string, ExternalClient>();
  for (const channel of Object.keys(PATHS) as OutsideChannel[]) {
    for (const provider of PROVIDERS) {
      const name = `messaging/${PATHS[channel]}/${provider}`;
      clients.set(name, createExternalClient({ name, url, keys, service, clock, timeout_ms, tuned, breaker, attempts: 2, backoff: { initial_ms: 100, max_ms: 1000 } }));
    }
  }
  const clientOf = (channel: OutsideChannel, provider: Provider) => clients.get(`messaging/${PATHS[channel]}/${provider}`)!;
  const pathOf = (channel: OutsideChannel, provider: Provider) => `/v1/${PATHS[channel]}/${provider}/messages`;
  return {
    open: (channel, provider) => clientOf(channel, provider).breakerState() === 'open',
    async send(channel, provider, messages, signal) {
      const door = { client: clientOf(channel, provider), path: pathOf(channel, provider), receipt_url: receipts_url && `${receipts_url}/${PATHS[channel]}/${provider}` };
      const outcomes = await Promise.all(chunks(messages, together_max).map((part) => sendTogether(door, part, signal)));
      const problems = outcomes.flat().flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.problem] : []));
      if (problems.length > 0) log.warn({ channel, provider, problem: problems[0], messages: problems.length }, 'a provider took no message');
      return outcomes.flat();
    },
    async receipt(channel, provider, provider_ref, signal) {
      const outcome = await clientOf(channel, provider).call({ method: 'GET', path: `${pathOf(channel, provider)}/${encodeURIComponent(provider_ref)}`, signal });
      const receipt = outcome.ok ? RECEIPT.safeParse(outcome.value.body) : undefined;
      return receipt?.success === true ? receipt.data.state : 'UNKNOWN';
    },
  };
}

type Door = { client: ExternalClient; path: string; receipt_url: string | undefined };

/** One signed request for all of them. A provider that refuses them together is asked for each, so that a bad one is refused alone. */
async function sendTogether(door: Door, messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<SendOutcome[]> {
  const alone = () => Promise.all(messages.map((message) => sendAlone(door, message, signal)));
  if (messages.length === 1) return alone();
  const outcome = await door.client.call({ method: 'POST', path: door.path, body: { messages, receipt_url: door.receipt_url }, signal });
  if (!outcome.ok) return messages.map(() => ({ kind: 'failed', problem: outcome.error.problem }));
  const results = RESULTS.safeParse(outcome.value.body);
  if (outcome.value.status !== 200 || !results.success) return alone();
  const by_id = new Map(results.data.results.map((result) => [result.message_id, result]));
  return messages.map(({ message_id }): SendOutcome => {
    const result = by_id.get(message_id);
    if (result === undefined) return { kind: 'failed', problem: 'body' };
    return result.provider_ref === undefined ? { kind: 'refused', problem: `refused_${result.error ?? ''}`.slice(0, 64) } : { kind: 'taken', provider_ref: result.provider_ref };
  });
}

async function sendAlone({ client, path, receipt_url }: Door, message: OutgoingMessage, signal: AbortSignal): Promise<SendOutcome> {
  const outcome = await client.call({ method: 'POST', path, body: { ...message, receipt_url }, signal });
  if (!outcome.ok) return { kind: 'failed', problem: outcome.error.problem };
  const taken = TAKEN.safeParse(outcome.value.body);
  return outcome.value.status === 200 && taken.success ? { kind: 'taken', provider_ref: taken.data.provider_ref } : { kind: 'refused', problem: `status_${outcome.value.status}` };
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));
}

const TOGETHER_MAX = 100;

/** The word of a channel in paths, ours and theirs. */
export const PATHS: Record<OutsideChannel, string> = { SMS: 'sms', EMAIL: 'email', PUSH: 'push' };
const TAKEN = z.object({ provider_ref: z.string().min(1).max(100) });
/** One for each message: its number there, or why it is refused. */
const RESULTS = z.object({ results: z.array(z.object({ message_id: z.string(), provider_ref: z.string().min(1).max(100).optional(), error: z.string().regex(/^\w{1,40}$/).optional() })) });
const RECEIPT = z.object({ state: z.enum(['ACCEPTED', 'DELIVERED', 'FAILED']) });
