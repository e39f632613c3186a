import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeyObject } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { errorSpec, type ErrorReason } from '#kit/base/errors.ts';
import { TIMESTAMP_HEADER, verifyPart } from '#kit/external/signature.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { takeCallback } from '../app/take_callback.ts';
import type { PaymentStore } from '../app/ports.ts';

export type CallbackOptions = { host: string; port: number; store: PaymentStore; /** The public key of the company that speaks for a channel. */ gateway_keys: (payment_channel: string) => KeyObject; clock: Clock; log: Log };

/** The channel is named once the signature has proved who speaks: labels of metrics are no place for a stranger's words. */
type Outcome = { status: number; outcome: string; payment_channel?: string };

const OUTCOMES = { new: 'ok', stale: 'stale', repeated: 'repeated' } as const;
const PATH = /^\/callbacks\/payment\/v1\/([a-z]{2,16})$/;
const MAX_BODY_BYTES = 65_536;
const REQUEST_TIMEOUT_MS = 5000;

/** Where the gateway calls back. It gets 200 only after the effect is committed; anything else makes it call again. */
export async function startCallbacks(options: CallbackOptions): Promise<{ port: number; stop(): Promise<void> }> {
  const outcomes = metricsFor('payment').counter('payment_callbacks_total', 'Callbacks of the gateway by channel and outcome: ok had an effect, repeated came before with the same bytes, stale told nothing new', ['payment_channel', 'outcome']);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const answer = ({ status, outcome, payment_channel = 'none' }: Outcome): void => {
      outcomes.inc({ payment_channel, outcome });
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ result: status === 200 ? 'ok' : outcome }));
    };
    receive(options, request).then(
      answer,
      (error: unknown) => {
        options.log.warn({ error }, 'a callback could not be taken');
        answer({ status: 503, outcome: 'TRY_AGAIN' });
      },
    );
    response.on('error', () => undefined);
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), REQUEST_TIMEOUT_MS).unref();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

async function receive({ store, gateway_keys, clock, log }: CallbackOptions, request: IncomingMessage): Promise<Outcome> {
  const path = request.url ?? '/';
  const channel = PATH.exec(path)?.[1];
  if (request.method !== 'POST' || channel === undefined) return refusal('NOT_IMPLEMENTED', 404);
  const raw = await bodyOf(request);
  if (raw === undefined) return refusal('MESSAGE_TOO_LARGE', 413);
  const part = { method: 'POST', path, body: raw };
  const key = gateway_keys(channel);
  const fresh = verifyPart(part, request.headers, { key, now_ms: clock.now_ms() });
  // A repeat keeps its first answer whatever its age, so an old time alone is judged after the book was looked at.
  const verified = fresh.ok ? fresh : verifyPart(part, request.headers, { key, now_ms: Number(request.headers[TIMESTAMP_HEADER]) });
  if (!verified.ok) return refusal('SIGNATURE_INVALID');
  const taken = await takeCallback(store, channel, raw, { nonce: verified.value.nonce, fresh: fresh.ok });
  if (taken.ok) return { status: 200, outcome: OUTCOMES[taken.value.effect], payment_channel: channel };
  if (taken.error.reason === 'AMOUNT_INVALID') log.error({ alert: true, payment_channel: channel }, 'the gateway reports another amount');
  return refusal(taken.error.reason);
}

function refusal(reason: ErrorReason, status: number = errorSpec(reason).http_status): Outcome {
  return { status, outcome: reason };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

