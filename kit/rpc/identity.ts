import { Metadata } from '@grpc/grpc-js';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { injectTrace } from '#kit/telemetry/trace.ts';
import { accountOf, CALLER_KEY, CALLER_SIGNATURE_KEY, signCaller } from './caller.ts';
import type { AccountCaller } from './caller.ts';
import type { Call } from './call.ts';

export const ROUTE_KEY = 'x-route-key';

/** How we present ourselves to other services. */
export type IdentityOptions = {
  /** Our name, e.g. `order`. */
  service: string;
  /** Signs caller contexts. Without it we call as nobody, as a client outside the system does. */
  caller_key?: Uint8Array;
  clock?: Clock;
};

/** How long a context that speaks for no account is used again for its method: far less than the skew that is accepted. */
const REUSE_MS = 5000;

export type OutgoingOptions = {
  /** The account acted for; default: that of `parent`. `null` acts for nobody. */
  caller?: AccountCaller | null;
  /** The call that caused this one: its account, address, agent and language go along. */
  parent?: Call;
  /** Extra headers. */
  metadata?: Readonly<Record<string, string>>;
  /** Where the mesh routes the call: the bucket id for inventory. */
  route_key?: string;
};

type Signed = { context: Buffer; signature: Buffer };

/** Makes the metadata of outgoing calls: signed caller context, trace, route key. */
export class OutgoingIdentity {
  readonly #options: IdentityOptions;
  readonly #clock: Clock;
  readonly #reusable = new Map<string, Signed & { issue_time_ms: number }>();

  constructor(options: IdentityOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  metadataFor(method: string, { caller, parent, metadata: headers, route_key }: OutgoingOptions): Metadata {
    const metadata = new Metadata();
    const account = caller === undefined ? parent && accountOf(parent.caller) : (caller ?? undefined);
    this.#sign(method, account, parent, metadata);
    injectTrace((name, value) => metadata.set(name, value));
    if (parent !== undefined) metadata.set('accept-language', parent.locale);
    if (route_key !== undefined) metadata.set(ROUTE_KEY, route_key);
    for (const name in headers) metadata.set(name, headers[name]!);
    return metadata;
  }

  #sign(method: string, account: AccountCaller | undefined, parent: Call | undefined, metadata: Metadata): void {
    const { caller_key } = this.#options;
    if (caller_key === undefined) return;
    const { context, signature } = account === undefined && parent === undefined ? this.#signOwn(method, caller_key) : this.#signFor(method, caller_key, account, parent);
    metadata.set(CALLER_KEY, context);
    metadata.set(CALLER_SIGNATURE_KEY, signature);
  }

  #signFor(method: string, key: Uint8Array, account: AccountCaller | undefined, parent: Call | undefined): Signed {
    const { service } = this.#options;
    return signCaller({ service, method, issue_time_ms: this.#clock.now_ms(), on_behalf_of: account, client_ip: parent?.peer_ip, user_agent: parent?.user_agent }, key);
  }

  /** Methods are few, so this map is as bounded as the contract. */
  #signOwn(method: string, key: Uint8Array): Signed {
    const now_ms = this.#clock.now_ms();
    const known = this.#reusable.get(method);
    if (known !== undefined && Math.abs(now_ms - known.issue_time_ms) < REUSE_MS) return known;
    const fresh = { ...signCaller({ service: this.#options.service, method, issue_time_ms: now_ms }, key), issue_time_ms: now_ms };
    this.#reusable.set(method, fresh);
    return fresh;
  }
}
