// Calls to outside systems over HTTP: signed with our key, answers checked with theirs, bounded in time, tries and size.
import type { KeyObject } from 'node:crypto';
import { randomUUID } from 'node:crypto';
import { BrokenCircuitError, TaskCancelledError } from 'cockatiel';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { FailureError } from '#kit/base/result.ts';
import { createPolicy } from '#kit/rpc/external.ts';
import type { PolicyOptions } from '#kit/rpc/external.ts';
import { Gate } from '#kit/rpc/gate.ts';
import { AnswerTooLarge, exchange } from './exchange.ts';
import { ExternalError } from './outcome.ts';
import type { ExternalAnswer, ExternalFailure, ExternalOutcome } from './outcome.ts';
import { answerPart, signPart, verifyPart } from './signature.ts';

export type ExternalClientOptions = {
  /** The outside system, for failures and metrics: `realname`, or `messaging/sms/primary` where each has a breaker. */
  name: string;
  /** Base address, `http://host:port`, without a path. */
  url: string;
  /** Our private key and their public one: loadOurKeys. */
  keys: { sign_key: KeyObject; peer_key: KeyObject };
  /** For one try. Requirement: 3 s for realname, payment and railway, 2 s for messaging. */
  timeout_ms: number;
  /** The calling service, for metrics. */
  service: string;
  /** Tries in all. More than one only for what is idempotent there. Requirement: 3, with exponential backoff. */
  attempts: number;
  /** What operators set meanwhile (kit/settings/calls.ts). */
  tuned?: PolicyOptions['tuned'];
  backoff?: PolicyOptions['backoff'];
  breaker?: PolicyOptions['breaker'];
  /** Calls at once (default 64); further ones are refused as `busy`. */
  concurrency?: number;
  clock?: Clock;
};

export type ExternalRequest = {
  method: 'GET' | 'POST';
  /** With the query, as it is to be sent and signed. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  signal?: AbortSignal;
};

export type ExternalClient = {
  /** Never throws for what happens outside: an answer of 2xx–4xx with a good signature, or what went wrong. */
  call(request: ExternalRequest): Promise<ExternalOutcome>;
  /** Whether calls are let through at the moment. */
  breakerState(): 'closed' | 'half_open' | 'open';
  /** False while the breaker refuses every call; true again when one may try. */
  available(): boolean;
};

/** A client of one outside system, or of one provider in it; the breaker is shared by all its calls. */
export function createExternalClient(options: ExternalClientOptions): ExternalClient {
  const policy = createPolicy(options);
  const gate = new Gate(options.concurrency ?? CONCURRENCY);
  return {
    async call(request) {
      if (!gate.enter()) return { ok: false, error: { system: options.name, problem: 'busy', maybe_done: false, detail: 'too many calls at once' } };
      try {
        return { ok: true, value: await policy.execute(({ signal }) => attemptOnce(options, request, signal), request.signal) };
      } catch (error) {
        return { ok: false, error: failureOf(error, options.name, request.signal) };
      } finally {
        gate.leave();
      }
    },
    breakerState: () => policy.state(),
    available: () => policy.available(),
  };
}

/** What the last try ended with; whatever is not a failure of theirs is a bug of ours and goes on. */
function failureOf(error: unknown, system: string, signal: AbortSignal | undefined): ExternalFailure {
  const cause = error instanceof FailureError ? error.cause : undefined;
  if (cause instanceof ExternalError) return cause.failure;
  if (cause instanceof BrokenCircuitError) return { system, problem: 'breaker_open', maybe_done: false, detail: 'the circuit is open' };
  if (!(cause instanceof TaskCancelledError)) throw error;
  const cancelled = signal?.aborted === true;
  return { system, problem: cancelled ? 'cancelled' : 'timeout', maybe_done: true, detail: cancelled ? 'the caller gave up' : 'no answer in time' };
}

/** One try. Each has a nonce of its own: the other side refuses a nonce that it has seen. */
async function attemptOnce(options: ExternalClientOptions, request: ExternalRequest, signal: AbortSignal): Promise<ExternalAnswer> {
  const clock = options.clock ?? systemClock;
  const body = request.body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(request.body));
  const nonce = randomUUID();
  const signed = signPart({ method: request.method, path: request.path, body }, { key: options.keys.sign_key, now_ms: clock.now_ms(), nonce });
  const failure = (problem: ExternalFailure['problem'], detail: string, more: Partial<ExternalFailure> = {}): ExternalFailure => ({ system: options.name, problem, maybe_done: true, detail, ...more });

  const { status, headers, bytes } = await exchange(new URL(request.path, options.url), {
    method: request.method,
    headers: { ...signed, 'content-type': 'application/json' },
    body: request.method === 'GET' ? undefined : body,
    signal,
    answer_limit_bytes: ANSWER_LIMIT,
  }).catch((error: unknown) => {
    if (error instanceof AnswerTooLarge) throw new ExternalError(failure('body', 'the answer is too large'), { cause: error });
    throw new ExternalError(failure('unreachable', 'the connection failed', { maybe_done: !neverSent(error) }), { cause: error });
  });
  // A broken proxy in between can't sign; what it says is no word of theirs, but it is a failure all the same.
  if (status >= 500) throw new ExternalError(failure('status', `status ${status}`, { status }));
  const verified = verifyPart(answerPart(request.method, request.path, status, bytes), headers, { key: options.keys.peer_key, now_ms: clock.now_ms(), nonce });
  if (!verified.ok) throw new ExternalError(failure('signature', `the answer's ${verified.error.detail} is wrong`, { status }));
  return { status, body: parseJson(bytes, () => new ExternalError(failure('body', 'the answer is no JSON', { status }))) };
}

function parseJson(bytes: Uint8Array, problem: () => Error): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw problem();
  }
}

/** Only when no connection was made is it sure that nothing was received. */
function neverSent(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && NOT_CONNECTED.has(code);
}

const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);
const ANSWER_LIMIT = 8 * 1024 * 1024;
const CONCURRENCY = 64;
