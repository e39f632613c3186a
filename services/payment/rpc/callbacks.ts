import type { KeyObject } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { errorSpec, type ErrorReason } from '#kit/base/errors.ts';
import { startCallbackServer, type CallbackAnswer, type CallbackRequest, type CallbackServer } from '#kit/external/callback_server.ts';
import { TIMESTAMP_HEADER, verifyPart } from '#kit/external/signature.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { takeCallback } from '../app/take_callback.ts';
import type { PaymentStore } from '../app/ports.ts';

export type CallbackOptions = { host: string; port: number; store: PaymentStore; /** The public key of the company that speaks for a channel. */ gateway_keys: (payment_channel: string) => KeyObject; clock: Clock; log: Log };

/** The channel is named once the signature has proved who speaks: labels of metrics are no place for a stranger's words. */
type Answer = CallbackAnswer & { payment_channel?: string };

const OUTCOMES = { new: 'ok', stale: 'stale', repeated: 'repeated' } as const;
const PATH = /^\/callbacks\/payment\/v1\/([a-z]{2,16})$/;

/** Where the gateway calls back. */
export function startCallbacks(options: CallbackOptions): Promise<CallbackServer> {
  const outcomes = metricsFor('payment').counter('payment_callbacks_total', 'Callbacks of the gateway by channel and outcome: ok had an effect, repeated came before with the same bytes, stale told nothing new', ['payment_channel', 'outcome']);
  return startCallbackServer<Answer>({
    host: options.host,
    port: options.port,
    log: options.log,
    path: PATH,
    take: (request) => receive(options, request),
    count: ({ outcome, payment_channel = 'none' }: Answer) => outcomes.inc({ payment_channel, outcome }),
  });
}

async function receive({ store, gateway_keys, clock, log }: CallbackOptions, { path, found: [, channel = ''], body, headers }: CallbackRequest): Promise<Answer> {
  const part = { method: 'POST', path, body };
  const key = gateway_keys(channel);
  const fresh = verifyPart(part, headers, { key, now_ms: clock.now_ms() });
  // A repeat keeps its first answer whatever its age, so an old time alone is judged after the book was looked at.
  const verified = fresh.ok ? fresh : verifyPart(part, headers, { key, now_ms: Number(headers[TIMESTAMP_HEADER]) });
  if (!verified.ok) return refusal('SIGNATURE_INVALID');
  const taken = await takeCallback(store, channel, body, { nonce: verified.value.nonce, fresh: fresh.ok });
  if (taken.ok) return { status: 200, outcome: OUTCOMES[taken.value.effect], result: 'ok', payment_channel: channel };
  if (taken.error.reason === 'AMOUNT_INVALID') log.error({ alert: true, payment_channel: channel }, 'the gateway reports another amount');
  return refusal(taken.error.reason);
}

function refusal(reason: ErrorReason): Answer {
  return { status: errorSpec(reason).http_status, outcome: reason };
}
