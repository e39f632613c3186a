// Providers report what became of a message to who sent it, until that is taken.
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#kit/base/clock.ts';
import { createCallbackSender } from '../shared/callback.ts';
import type { SandboxParts } from '../shared/sandbox.ts';
import type { SentMessage } from './outbox.ts';

export type Receipts = {
  /** Reports in the background once the outcome is due; `reported` is called when it was taken. */
  report(message: SentMessage): void;
};

export function openReceipts({ keys, faults, log, clock = systemClock, lifecycle }: SandboxParts, reported: (message: SentMessage) => Promise<void>): Receipts {
  const ending = new AbortController();
  const sender = createCallbackSender({ sign_key: keys.sign_key, faults, log, clock });
  lifecycle.onStop('receipts', async () => {
    ending.abort();
    await sender.stop();
  });

  async function deliver({ receipt_url, ...message }: SentMessage): Promise<void> {
    if (receipt_url === undefined) return;
    const wait_ms = message.receipt_time_ms - clock.now_ms();
    if (wait_ms > 0) await sleep(wait_ms, undefined, { ref: false, signal: ending.signal });
    const { message_id, provider_ref, outcome } = message;
    const taken = await sender.send({ url: receipt_url, body: { message_id, provider_ref, state: outcome } });
    if (taken) await reported({ ...message, receipt_url });
  }

  return {
    report(message) {
      deliver(message).catch((error: unknown) => {
        if (!ending.signal.aborted) log.warn({ error }, 'a receipt could not be reported');
      });
    },
  };
}
