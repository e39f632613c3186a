import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { fail } from '#kit/base/result.ts';
import { startCallbackServer, type CallbackServer } from '#kit/external/callback_server.ts';
import type { Deps } from '../app/ports.ts';
import { takeReceipt } from '../app/take_receipt.ts';
import { PROVIDERS } from '../domain/delivery.ts';
import type { OutsideChannel } from '../domain/delivery.ts';
import { PATHS } from './messaging.ts';

export const RECEIPTS_PATH = '/callbacks/messaging/v1';

/** Where providers report what became of a message: `POST /callbacks/messaging/v1/{channel}/{provider}`, signed by them. */
export function startReceipts(deps: Deps, options: { host: string; port: number; service: string; peer_key: KeyObject }): Promise<CallbackServer> {
  return startCallbackServer({
    ...options,
    clock: deps.clock,
    log: deps.log,
    path: new RegExp(`^${RECEIPTS_PATH}/([a-z]{2,16})/([a-z]{2,16})$`),
    async take(json, [, path = '', provider_word = '']) {
      const channel = (Object.keys(PATHS) as OutsideChannel[]).find((one) => PATHS[one] === path);
      const provider = PROVIDERS.find((one) => one === provider_word);
      const report = REPORT.safeParse(json);
      if (channel === undefined || provider === undefined || !report.success) return fail('FIELD_INVALID', { detail: 'the receipt is malformed' });
      const { message_id, provider_ref, state } = report.data;
      return takeReceipt(deps, { channel, provider, message_id, provider_ref, state });
    },
  });
}

const REPORT = z.object({ message_id: z.string().min(1).max(64), provider_ref: z.string().min(1).max(100), state: z.enum(['DELIVERED', 'FAILED']) });
