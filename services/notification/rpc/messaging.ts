import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '#kit/base/clock.ts';
import { createExternalClient } from '#kit/external/http.ts';
import type { ExternalClient } from '#kit/external/http.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Messaging } from '../app/ports.ts';
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
  /** Failures in a row that open the circuit of a provider, and how long it stays open. */
  breaker: { failures: number; half_open_after_ms: number };
};

/** The providers over signed HTTP. Each provider of each channel has a circuit of its own, so that one can fail alone. */
export function createMessaging(options: MessagingOptions): Messaging {
  const { url, keys, service, clock, timeout_ms, tuned, breaker, log, receipts_url } = options;
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
    async send(channel, provider, message, signal) {
      const receipt_url = receipts_url && `${receipts_url}/${PATHS[channel]}/${provider}`;
      const outcome = await clientOf(channel, provider).call({ method: 'POST', path: pathOf(channel, provider), body: { ...message, receipt_url }, signal });
      if (!outcome.ok) {
        log.warn({ channel, provider, problem: outcome.error.problem }, 'a provider took no message');
        return { kind: 'failed', problem: outcome.error.problem };
      }
      const taken = TAKEN.safeParse(outcome.value.body);
      if (outcome.value.status === 200 && taken.success) return { kind: 'taken', provider_ref: taken.data.provider_ref };
      return { kind: 'refused', problem: `status_${outcome.value.status}` };
    },
    async receipt(channel, provider, provider_ref, signal) {
      const outcome = await clientOf(channel, provider).call({ method: 'GET', path: `${pathOf(channel, provider)}/${encodeURIComponent(provider_ref)}`, signal });
      const receipt = outcome.ok ? RECEIPT.safeParse(outcome.value.body) : undefined;
      return receipt?.success === true ? receipt.data.state : 'UNKNOWN';
    },
  };
}

/** The word of a channel in paths, ours and theirs. */
export const PATHS: Record<OutsideChannel, string> = { SMS: 'sms', EMAIL: 'email', PUSH: 'push' };
const TAKEN = z.object({ provider_ref: z.string().min(1).max(100) });
const RECEIPT = z.object({ state: z.enum(['ACCEPTED', 'DELIVERED', 'FAILED']) });
