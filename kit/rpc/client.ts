import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { CallOptions as GrpcOptions, Client, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { jittered, systemRandom } from '#kit/base/random.ts';
import { systemClock } from '#kit/base/clock.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { CounterOf, HistogramOf } from '#kit/telemetry/metrics.ts';
import type { Call } from './call.ts';
import { Destinations } from './destinations.ts';
import type { DestinationOptions } from './destinations.ts';
import { isRetryable, RpcError } from './error.ts';
import { OutgoingIdentity } from './identity.ts';
import type { IdentityOptions, OutgoingOptions } from './identity.ts';
import { decodeAnswer, encodeMessage, passBytes } from './messages.ts';
import { fromStatus } from './status.ts';

export type ClientOptions = DestinationOptions & IdentityOptions & {
  /** For calls that name none (default 3000). There is no call without a deadline, except for endless streams. */
  default_timeout_ms?: number;
  /** What operators set meanwhile: no unary call takes longer than its class may, and reads that ask to be repeated are as often. */
  bounds?: () => CallBounds;
};

export type CallBounds = { reads: { timeout_ms: number; attempts: number }; writes: { timeout_ms: number } };

export type CallOptions = OutgoingOptions & {
  signal?: AbortSignal;
  /** From now; cut to what is left of `parent`. For streams `Infinity` is allowed. */
  timeout_ms?: number;
  /** Repeats a refused call, with pauses, inside the one deadline. Only for methods without side effects. */
  retry?: { attempts: number };
};

type Method<M> =
  M extends { methodKind: 'unary'; input: infer I extends DescMessage; output: infer O extends DescMessage } ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
  : M extends { methodKind: 'server_streaming'; input: infer I extends DescMessage; output: infer O extends DescMessage } ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
  : never;

/** Unary and server-streaming methods of a contract, as functions, and `close`. All throw RpcError. */
export type ServiceClient<S extends DescService> = { readonly [K in keyof S['method']]: Method<S['method'][K]> } & { close(): void };

/** A client of one service. It connects with its first call. */
export function createClient<S extends DescService>(service: S, options: ClientOptions): ServiceClient<S> {
  const outgoing = new Outgoing(service, options);
  const client: Record<string, unknown> = { close: () => outgoing.close() };
  for (const method of service.methods) {
    if (method.methodKind === 'unary') client[method.localName] = (request: Init, call?: CallOptions) => outgoing.unary(method, request, call ?? {});
    if (method.methodKind === 'server_streaming') client[method.localName] = (request: Init, call?: CallOptions) => outgoing.stream(method, request, call ?? {});
  }
  return client as ServiceClient<S>;
}

type Init = MessageInitShape<DescMessage>;
type Message = MessageShape<DescMessage>;

const DEFAULT_TIMEOUT_MS = 3000;

class Outgoing {
  readonly #destinations: Destinations;
  readonly #identity: OutgoingIdentity;
  readonly #default_timeout_ms: number;
  readonly #bounds: (() => CallBounds) | undefined;
  readonly #duration: HistogramOf<'method' | 'code'>;
  readonly #retries: CounterOf<'method'>;

  constructor(service: DescService, options: ClientOptions) {
    const metrics = metricsFor(options.service);
    this.#destinations = new Destinations(options);
    this.#identity = new OutgoingIdentity(options);
    this.#default_timeout_ms = options.default_timeout_ms ?? DEFAULT_TIMEOUT_MS;
    this.#bounds = options.bounds;
    this.#duration = metrics.histogram('rpc_client_duration_seconds', `Duration of calls to other services`, ['method', 'code']);
    this.#retries = metrics.counter('rpc_client_retries_total', 'Calls that were repeated after a refusal', ['method']);
  }

  close(): void {
    this.#destinations.close();
  }

  async unary(method: DescMethod, request: Init, options: CallOptions): Promise<Message> {
    const bounds = this.#bounds?.();
    const is_read = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    const asked = attemptsOf(method, options);
    const attempts = options.retry === undefined ? asked : (bounds?.reads.attempts ?? asked);
    const deadline_ms = Math.min(this.#deadline_ms(options), Date.now() + ((is_read ? bounds?.reads : bounds?.writes)?.timeout_ms ?? Infinity));
    for (let attempt = 1; ; attempt += 1) {
      try {
        throwIfAborted(options.signal, options.parent);
        const client = this.#destinations.ready(options.route_key) ?? (await this.#destinations.choose(options.route_key, deadline_ms));
        return await this.#once(client, method, request, options, deadline_ms);
      } catch (error) {
        if (attempt >= attempts || !isRetryable(error)) throw error;
        const pause_ms = pauseOf(attempt, error as RpcError);
        if (Date.now() + pause_ms >= deadline_ms) throw error;
        this.#retries.inc({ method: pathOf(method) });
        await pause(pause_ms, options.signal);
      }
    }
  }

  async *stream(method: DescMethod, request: Init, options: CallOptions): AsyncIterable<Message> {
    attemptsOf(method, options);
    const path = pathOf(method);
    const { signal } = options;
    const deadline_ms = this.#deadline_ms(options);
    const client = this.#destinations.ready(options.route_key) ?? (await this.#destinations.choose(options.route_key, deadline_ms));
    throwIfAborted(signal, options.parent);
    const call = client.makeServerStreamRequest(path, passBytes, passBytes, encodeMessage(method.input, request), this.#identity.metadataFor(path, options), grpcOptions(deadline_ms));
    const release = cancelWith(() => call.cancel(), signal, options.parent);
    try {
      for await (const bytes of call as ClientReadableStream<Buffer>) yield decodeAnswer(method.output, bytes as Buffer);
    } catch (error) {
      throw asRpcError(error);
    } finally {
      // Leaving the loop early, or a message that cannot be read: the server should stop too.
      call.cancel();
      release();
    }
  }

  #once(client: Client, method: DescMethod, request: Init, options: CallOptions, deadline_ms: number): Promise<Message> {
    const path = pathOf(method);
    const begin_ms = systemClock.monotonic_ms();
    return new Promise((resolve, reject) => {
      throwIfAborted(options.signal, options.parent);
      const bytes = encodeMessage(method.input, request);
      const finish = (error: ServiceError | null, answer?: Buffer): void => {
        release();
        const failed = error === null ? undefined : fromStatus(error);
        this.#duration.observe({ method: path, code: failed?.code ?? 'OK' }, (systemClock.monotonic_ms() - begin_ms) / 1000);
        if (failed !== undefined) return reject(failed);
        try {
          resolve(decodeAnswer(method.output, answer!));
        } catch (cause) {
          reject(new Error(`${path} answered with what is no ${method.output.typeName}`, { cause }));
        }
      };
      const call = client.makeUnaryRequest(path, passBytes, passBytes, bytes, this.#identity.metadataFor(path, options), grpcOptions(deadline_ms), finish);
      const release = cancelWith(() => call.cancel(), options.signal, options.parent);
    });
  }

  #deadline_ms({ timeout_ms, parent }: CallOptions): number {
    return Math.min(Date.now() + (timeout_ms ?? this.#default_timeout_ms), parent?.deadline_ms ?? Infinity);
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function grpcOptions(deadline_ms: number): GrpcOptions {
  return { deadline: deadline_ms };
}

/** Repeating what changes something could do it twice, so asking for it is a mistake of the caller. */
function attemptsOf(method: DescMethod, { retry }: CallOptions): number {
  if (retry === undefined) return 1;
  if (method.methodKind !== 'unary' || method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) {
    throw new TypeError(`${pathOf(method)} is not a read and must not be retried`);
  }
  return retry.attempts;
}

/** 50, 100, 200 … ms, or what the server asked for, ± 50 %. */
function pauseOf(attempt: number, { retry_after_ms = 0 }: RpcError): number {
  return jittered(Math.max(retry_after_ms, Math.min(50 * 2 ** (attempt - 1), 2000)), 0.5, systemRandom);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(cancelled());
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
}

/** Cancels a call when the caller's signal or the call that caused it ends; returns how to let go of both. */
function cancelWith(cancel: () => void, signal: AbortSignal | undefined, parent: Call | undefined): () => void {
  const parent_signal = parent?.signal;
  signal?.addEventListener('abort', cancel, { once: true });
  parent_signal?.addEventListener('abort', cancel, { once: true });
  return () => {
    signal?.removeEventListener('abort', cancel);
    parent_signal?.removeEventListener('abort', cancel);
  };
}

function throwIfAborted(signal: AbortSignal | undefined, parent: Call | undefined): void {
  if (signal?.aborted === true || parent?.signal.aborted === true) throw cancelled();
}

function cancelled(): RpcError {
  return new RpcError('cancelled before it was answered', { code: 'CANCELLED', reason: 'CANCELLED' });
}

function asRpcError(error: unknown): unknown {
  return error instanceof Error && 'code' in error && 'details' in error ? fromStatus(error as ServiceError) : error;
}
