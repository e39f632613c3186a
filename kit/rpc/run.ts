import { status } from '@grpc/grpc-js';
import type { ServerUnaryCall, StatusObject } from '@grpc/grpc-js';
import type { Clock } from '#kit/base/clock.ts';
import type { Failure } from '#kit/base/result.ts';
import { errorSpec } from '#kit/base/errors.ts';
import { extractTrace, markFailed, runInSpan, SpanKind, startSpan } from '#kit/telemetry/trace.ts';
import type { Context, Span } from '#kit/telemetry/trace.ts';
import { checkAccess } from './access.ts';
import type { AccessRule } from './access.ts';
import type { Authenticator } from './authenticate.ts';
import { ServerCall } from './call.ts';
import type { EndlessStreams } from './endless.ts';
import { RpcError, toFailure, unwrap } from './error.ts';
import type { Gate } from './gate.ts';
import type { ServerObserver } from './observe.ts';
import { toStatus } from './status.ts';

/** What all calls of one method share. */
export type Endpoint = {
  /** `/rail.order.v1.OrderService/GetOrder` */
  path: string;
  rule: AccessRule;
  authenticate: Authenticator;
  observer: ServerObserver;
  /** None: not counted, as for health checks. */
  gate: Gate | undefined;
  clock: Clock;
  /** A client's own deadline is cut to this, in milliseconds, so that no call holds its place for hours. */
  max_timeout_ms: number;
  /** How long a client of a stream may read nothing, in milliseconds. */
  max_stall_ms: number;
  endless: boolean;
  endless_streams: EndlessStreams;
};

/** The part of a grpc-js call that all four kinds have. */
type ServerSide = Pick<ServerUnaryCall<Buffer, Buffer>, 'metadata' | 'cancelled' | 'getPeer' | 'getDeadline'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/** The life of one call: admitted, identified, allowed, ended exactly once. */
export class Run {
  readonly call: ServerCall;
  readonly #endpoint: Endpoint;
  readonly #grpc: ServerSide;
  readonly #span: Span;
  readonly #context: Context;
  readonly #begin_ms: number;
  readonly #answer: (status: StatusObject) => void;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #on_end: (() => void) | undefined;

  /** `answer` sends a status other than OK. */
  constructor(endpoint: Endpoint, grpc: ServerSide, answer: (status: StatusObject) => void) {
    const { path, clock } = endpoint;
    this.#endpoint = endpoint;
    this.#grpc = grpc;
    this.#answer = answer;
    this.#begin_ms = clock.monotonic_ms();
    this.call = new ServerCall(path, grpc.metadata, () => grpc.getPeer(), () => clock.now_ms());
    this.#context = extractTrace((name) => this.call.header(name));
    this.#span = startSpan(path.slice(1), SpanKind.SERVER, SPAN_ATTRIBUTES, this.#context);
    endpoint.observer.begin(path);
    this.#setDeadline();
    grpc.on('cancelled', () => this.#onCancelled());
  }

  get ended(): boolean {
    return this.#ended;
  }

  get max_stall_ms(): number {
    return this.#endpoint.max_stall_ms;
  }

  /** Runs the work of the call in its span; whatever it throws becomes the status. The place is free when the work has really ended. */
  work(work: () => Promise<void>): void {
    const { gate, endless, endless_streams } = this.#endpoint;
    if (gate?.enter() === false) return this.fail(RpcError.of(OVERLOADED));
    if (endless) endless_streams.add(this);
    runInSpan(this.#span, this.#context, work)
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        endless_streams.delete(this);
        gate?.leave();
      });
  }

  /** Finds out who calls and whether they may. Throws the refusal, also when the call ended meanwhile: no handler starts then. */
  async authorize(): Promise<void> {
    const { authenticate, path, rule } = this.#endpoint;
    const answer = authenticate(this.call.metadata, path);
    const identified = unwrap(answer instanceof Promise ? await answer : answer);
    this.call.caller = identified.caller;
    this.call.client_ip = identified.client_ip;
    this.call.client_agent = identified.user_agent;
    unwrap(checkAccess(rule, identified.caller));
    if (this.#ended) throw RpcError.of(CANCELLED);
  }

  /** Ends the call well. False when it had ended before, so that nothing more is sent. */
  succeed(): boolean {
    if (this.#ended) return false;
    this.#end(undefined, undefined);
    return true;
  }

  /** Ends the call with the status for an error, unless it has ended. */
  fail(error: unknown): void {
    if (this.#ended) return;
    const failure = toFailure(error);
    this.#end(failure, error);
    if (!this.#grpc.cancelled) this.#answer(toStatus(failure, this.call.locale));
  }

  /** What is told when the call ends from outside (deadline, cancellation, drain) while a stream waits. One listener at a time. */
  whenEnded(listener: (() => void) | undefined): void {
    this.#on_end = listener;
    if (this.#ended) listener?.();
  }

  #end(failure: Failure | undefined, error: unknown): void {
    const { observer, path, clock } = this.#endpoint;
    this.#ended = true;
    clearTimeout(this.#timer);
    runInSpan(this.#span, this.#context, () => observer.end(path, clock.monotonic_ms() - this.#begin_ms, failure, error));
    if (failure !== undefined) {
      this.#span.setAttribute('rpc.grpc.status_code', status[errorSpec(failure.reason).code]);
      if (failure.reason === 'INTERNAL') markFailed(this.#span, error);
      this.call.abort(error instanceof Error ? error : new Error(failure.reason));
    }
    this.#span.end();
    this.#on_end?.();
  }

  /** The earlier of the client's deadline and our own; grpc-js itself watches the client's. */
  #setDeadline(): void {
    const { clock, rule, endless, max_timeout_ms } = this.#endpoint;
    const wanted = this.#grpc.getDeadline();
    const wanted_ms = wanted instanceof Date ? wanted.getTime() : wanted;
    if (endless) {
      this.call.deadline_ms = wanted_ms;
      return;
    }
    const now_ms = clock.now_ms();
    const limit_ms = now_ms + (wanted_ms === Infinity ? rule.timeout_ms : Math.max(max_timeout_ms, rule.timeout_ms));
    this.call.deadline_ms = Math.min(wanted_ms, limit_ms);
    if (wanted_ms > limit_ms) this.#timer = setTimeout(() => this.fail(RpcError.of(DEADLINE)), limit_ms - now_ms);
  }

  /**
   * A passed deadline of the client looks like a cancellation: grpc-js has sent the status itself, or the client, whose
   * time began a little earlier, has hung up. It reports every answered call here too, after the status was sent.
   */
  #onCancelled(): void {
    if (this.#ended) return;
    const late = this.call.remaining_ms() <= DEADLINE_SLACK_MS;
    this.fail(RpcError.of(late ? DEADLINE : CANCELLED));
  }
}

/** How much earlier than ours a client's clock may end the same deadline. */
const DEADLINE_SLACK_MS = 20;

const SPAN_ATTRIBUTES = { 'rpc.system': 'grpc' };
const OVERLOADED: Failure = { reason: 'OVERLOADED', retry_after_ms: 1000 };
const DEADLINE: Failure = { reason: 'DEADLINE' };
const CANCELLED: Failure = { reason: 'CANCELLED' };
