import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { errorSpec } from '#kit/base/errors.ts';
import { fail, type Result } from '#kit/base/result.ts';
import { startCallbackServer, type CallbackRequest, type CallbackServer } from '#kit/external/callback_server.ts';
import { verifyPart } from '#kit/external/signature.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Deps } from '../app/ports.ts';
import { takeReceipt } from '../app/take_receipt.ts';
import { PROVIDERS } from '../domain/delivery.ts';
import type { OutsideChannel } from '../domain/delivery.ts';
import { PATHS } from './messaging.ts';

export const RECEIPTS_PATH = '/callbacks/messaging/v1';

/** Where providers report what became of a message: `POST /callbacks/messaging/v1/{channel}/{provider}`, signed by them. */
export function startReceipts(deps: Deps, { host, port, service, peer_key }: { host: string; port: number; service: string; peer_key: KeyObject }): Promise<CallbackServer> {
  const outcomes = metricsFor(service).counter('external_callbacks_total', 'Callbacks of outside systems by outcome', ['outcome']);
  return startCallbackServer({
    host,
    port,
    log: deps.log,
    path: new RegExp(`^${RECEIPTS_PATH}/([a-z]{2,16})/([a-z]{2,16})$`),
    async take(request) {
      const taken = await receive(deps, peer_key, request);
      return taken.ok ? { status: 200, outcome: taken.value } : { status: errorSpec(taken.error.reason).http_status, outcome: taken.error.reason };
    },
    count: ({ outcome }) => outcomes.inc({ outcome }),
  });
}

async function receive(deps: Deps, key: KeyObject, { path, found: [, channel_path = '', provider_word = ''], body, headers }: CallbackRequest): Promise<Result<string>> {
  const verified = verifyPart({ method: 'POST', path, body }, headers, { key, now_ms: deps.clock.now_ms() });
  if (!verified.ok) return verified;
  const channel = (Object.keys(PATHS) as OutsideChannel[]).find((one) => PATHS[one] === channel_path);
  const provider = PROVIDERS.find((one) => one === provider_word);
  const report = REPORT.safeParse(parseJson(body));
  if (channel === undefined || provider === undefined || !report.success) return fail('FIELD_INVALID', { detail: 'the receipt is malformed' });
  const { message_id, provider_ref, state } = report.data;
  return takeReceipt(deps, { channel, provider, message_id, provider_ref, state });
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

const REPORT = z.object({ message_id: z.string().min(1).max(64), provider_ref: z.string().min(1).max(100), state: z.enum(['DELIVERED', 'FAILED']) });
