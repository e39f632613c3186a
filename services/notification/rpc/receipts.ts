import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { errorSpec } from '#kit/base/errors.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { startCallbackServer, type CallbackRequest, type CallbackServer } from '#kit/external/callback_server.ts';
import { verifyPart } from '#kit/external/signature.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Deps } from '../app/ports.ts';
import { takeReceipt, type Receipt } from '../app/take_receipt.ts';
import { PROVIDERS } from '../domain/delivery.ts';
import type { OutsideChannel } from '../domain/delivery.ts';
import { PATHS } from './messaging.ts';

export const RECEIPTS_PATH = '/callbacks/messaging/v1';

/**
 * Where providers report what became of messages, signed by them: `POST /callbacks/messaging/v1/{channel}/{provider}` with one
 * receipt, or with `{receipts: […]}` and an answer `{results: […]}` in their order: what is neither `taken` nor `known` there is
 * to be reported again.
 */
export function startReceipts(deps: Deps, { host, port, service, peer_key }: { host: string; port: number; service: string; peer_key: KeyObject }): Promise<CallbackServer> {
  const outcomes = metricsFor(service).counter('external_callbacks_total', 'Callbacks of outside systems by outcome', ['outcome']);
  return startCallbackServer({
    host,
    port,
    log: deps.log,
    path: new RegExp(`^${RECEIPTS_PATH}/([a-z]{2,16})/([a-z]{2,16})$`),
    async take(request) {
      const received = receive(deps, peer_key, request);
      if (!received.ok) return { status: errorSpec(received.error.reason).http_status, outcome: received.error.reason };
      const { receipts, many } = received.value;
      const results = await Promise.all(receipts.map((receipt) => takeReceipt(deps, receipt)));
      const words = results.map((taken) => (taken.ok ? taken.value : taken.error.reason));
      const [first] = results;
      return many ? { status: 200, outcome: 'many', results: words } : { status: first?.ok === false ? errorSpec(first.error.reason).http_status : 200, outcome: words[0] ?? '' };
    },
    count: (answer) => ('results' in answer && answer.results !== undefined ? answer.results : [answer.outcome]).forEach((outcome) => outcomes.inc({ outcome })),
  });
}

function receive(deps: Deps, key: KeyObject, { path, found: [, channel_path = '', provider_word = ''], body, headers }: CallbackRequest): Result<{ receipts: Receipt[]; many: boolean }> {
  const verified = verifyPart({ method: 'POST', path, body }, headers, { key, now_ms: deps.clock.now_ms() });
  if (!verified.ok) return verified;
  const channel = (Object.keys(PATHS) as OutsideChannel[]).find((one) => PATHS[one] === channel_path);
  const provider = PROVIDERS.find((one) => one === provider_word);
  const report = REPORTS.safeParse(parseJson(body));
  if (channel === undefined || provider === undefined || !report.success) return fail('FIELD_INVALID', { detail: 'the receipt is malformed' });
  const many = 'receipts' in report.data;
  const reports = 'receipts' in report.data ? report.data.receipts : [report.data];
  return ok({ receipts: reports.map((one) => ({ channel, provider, ...one })), many });
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Of one callback; its body has an end as well (callback_server.ts). */
const RECEIPTS_MAX = 500;
const REPORT = z.object({ message_id: z.string().min(1).max(64), provider_ref: z.string().min(1).max(100), state: z.enum(['DELIVERED', 'FAILED']) });
const REPORTS = z.union([REPORT, z.object({ receipts: z.array(REPORT).min(1).max(RECEIPTS_MAX) })]);
