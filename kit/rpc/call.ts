import type { Metadata } from '@grpc/grpc-js';
import { ANONYMOUS, accountOf } from './caller.ts';
import type { AccountCaller, Caller } from './caller.ts';
import { localeOf } from './status.ts';
import type { Locale } from './status.ts';

/** One incoming call, as a handler sees it. */
export type Call = {
  readonly caller: Caller;
  /** The account the call is made for, directly or through a service; undefined for nobody's. */
  readonly account: AccountCaller | undefined;
  /** Aborted when the client cancels, the deadline passes, or a draining server ends an endless stream. */
  readonly signal: AbortSignal;
  /** When the answer is no longer wanted, milliseconds since 1970; Infinity for endless streams. */
  readonly deadline_ms: number;
  /** Time left until then, never negative. */
  remaining_ms(): number;
  readonly metadata: Metadata;
  /** The traveller's address as the edge saw it, else the peer's. */
  readonly peer_ip: string;
  readonly user_agent: string;
  /** The device of the token, else what the client says of itself. */
  readonly device_id: string;
  readonly locale: Locale;
  /** `/rail.order.v1.OrderService/GetOrder` */
  readonly method: string;
  /** The request's own `request_id`, where the message has one. */
  readonly request_id: string | undefined;
};

/** What a server knows of a call; most of it is read from the headers only when somebody asks. */
export class ServerCall implements Call {
  caller: Caller = ANONYMOUS;
  deadline_ms = Infinity;
  request_id: string | undefined;
  readonly metadata: Metadata;
  readonly method: string;
  /** From a signed caller context, which passes on what the edge saw. */
  client_ip: string | undefined;
  client_agent: string | undefined;
  readonly #peer: () => string;
  readonly #now_ms: () => number;
  #abort: AbortController | undefined;
  #abort_reason: Error | undefined;

  constructor(method: string, metadata: Metadata, peer: () => string, now_ms: () => number) {
    this.method = method;
    this.metadata = metadata;
    this.#peer = peer;
    this.#now_ms = now_ms;
  }

  get account(): AccountCaller | undefined {
    return accountOf(this.caller);
  }

  /** Made when first asked for: most handlers never do, and a controller costs more than the rest of a call's state. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abort_reason !== undefined) this.#abort.abort(this.#abort_reason);
    }
    return this.#abort.signal;
  }

  abort(reason: Error): void {
    this.#abort_reason ??= reason;
    this.#abort?.abort(this.#abort_reason);
  }

  remaining_ms(): number {
    return Math.max(0, this.deadline_ms - this.#now_ms());
  }

  get peer_ip(): string {
    return this.client_ip ?? this.#forwardedFor() ?? withoutPort(this.#peer());
  }

  get user_agent(): string {
    return this.client_agent ?? this.header('user-agent') ?? '';
  }

  get device_id(): string {
    const bound = this.account?.device_id;
    return bound === undefined || bound === '' ? (this.header('x-device-id') ?? '').slice(0, 128) : bound;
  }

  get locale(): Locale {
    return localeOf(this.header('accept-language'));
  }

  header(name: string): string | undefined {
    const value = this.metadata.get(name)[0];
    return typeof value === 'string' ? value : undefined;
  }

  /** The last entry is the one that our own edge appended; what stands before it a client may have made up. */
  #forwardedFor(): string | undefined {
    const last = this.header('x-forwarded-for')?.split(',').at(-1)?.trim();
    return last === '' ? undefined : last;
  }
}

function withoutPort(peer: string): string {
  const end = peer.lastIndexOf(':');
  return end < 0 ? peer : peer.slice(0, end);
}
