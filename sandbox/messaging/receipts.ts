// Providers report what became of messages to who sent them, several in one callback, until each is taken.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { systemClock } from '#kit/base/clock.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { company, type Company } from '#kit/run/company.ts';
import { createCallbackSender } from '../shared/callback.ts';
import type { SandboxParts } from '../shared/sandbox.ts';
import type { SentMessage } from './outbox.ts';

export type Receipts = {
  /** Reports in the background once the outcome is due; `reported` is called when it was taken. */
  report(message: SentMessage): void;
};

/** How long the first waits for others to the same address. */
const COMPANY_MS = 20;
/** In one callback. */
const TOGETHER_MAX = 200;
/** How often one that was not taken is reported, while its callback was. */
const ROUNDS = 50;
const PAUSE_MS = 500;

export function openReceipts({ keys, faults, log, clock = systemClock, lifecycle }: SandboxParts, reported: (message: SentMessage) => Promise<void>): Receipts {
  const ending = new AbortController();
  const sender = createCallbackSender({ sign_key: keys.sign_key, faults, log, clock });
  /** By address: a provider of a channel has one of its own. */
  const by_url = new Map<string, Company<SentMessage, boolean>>();
  lifecycle.onStop('receipts', async () => {
    ending.abort();
    await sender.stop();
  });

  function companyOf(url: string): Company<SentMessage, boolean> {
    const known = by_url.get(url);
    if (known !== undefined) return known;
    const made = company<SentMessage, boolean>({ wait_ms: COMPANY_MS, together_max: TOGETHER_MAX, batches_max: 64, waiting_max: 100_000, timers: systemTimers, run: (messages) => send(url, messages) });
    by_url.set(url, made);
    return made;
  }

  /** Whether each was taken; none is when nobody took the callback. */
  async function send(url: string, messages: readonly SentMessage[]): Promise<boolean[]> {
    const receipts = messages.map(({ message_id, provider_ref, outcome }) => ({ message_id, provider_ref, state: outcome }));
    if (receipts.length === 1) return [await sender.send({ url, body: receipts[0] })];
    const taken = await sender.ask({ url, body: { receipts } });
    const results = ANSWER.safeParse(taken?.answer);
    return messages.map((_, index) => results.success && TAKEN.has(results.data.results[index] ?? ''));
  }

  async function deliver(message: SentMessage): Promise<void> {
    const { receipt_url } = message;
    if (receipt_url === undefined) return;
    const wait_ms = message.receipt_time_ms - clock.now_ms();
    if (wait_ms > 0) await sleep(wait_ms, undefined, { ref: false, signal: ending.signal });
    for (let round = 0; round < ROUNDS && !ending.signal.aborted; round += 1) {
      if (await companyOf(receipt_url).join(message)) return reported(message);
      await sleep(PAUSE_MS, undefined, { ref: false, signal: ending.signal });
    }
  }

  return {
    report(message) {
      deliver(message).catch((error: unknown) => {
        if (!ending.signal.aborted) log.warn({ error }, 'a receipt could not be reported');
      });
    },
  };
}

const TAKEN = new Set(['taken', 'known']);
const ANSWER = z.object({ results: z.array(z.string()) });
