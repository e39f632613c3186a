// Keeps leases for as long as a process lives: tries for those it has not, renews those it has, with a statement or two for
// all of them, and watches the end of each by the monotonic clock.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#kit/telemetry/log.ts';
import { acquireLeases, registerLeases, releaseLease, renewLease, renewLeases, type Lease } from './lease.ts';
import type { Database } from './mysql.ts';

export interface LeaseKeeperOptions {
  readonly db: Database;
  readonly log: Log;
  readonly names: readonly string[];
  /** Unique per process start, not per machine: a restarted process is another owner. */
  readonly owner: string;
  /** Of each. A successor has it at most this, and a quarter of it, after its owner died. */
  readonly ttl_ms: number;
  /** A lease is ours from now on. */
  readonly onHeld?: (lease: Lease) => void;
  /** It is not any more: stop what relies on it. Called before the lease can have a new owner, clocks being honest. */
  readonly onLost?: (lease: Lease) => void;
}

export interface LeaseKeeper {
  /** The lease of that name, while it is surely held by the monotonic clock. */
  current(name: string): Lease | undefined;
  /** Stops renewing and gives the leases back. */
  stop(): Promise<void>;
}

/** The share of its life at which a lease counts as lost when no renewal came through. */
const SAFE_SHARE = 0.8;
const RENEWALS_PER_LIFE = 4;

/** Tries for the leases until it has them, renews them, and starts over with each that was lost. */
export function keepLeases(options: LeaseKeeperOptions): LeaseKeeper {
  const keeper = new Keeper(options);
  return { current: (name) => keeper.current(name), stop: () => keeper.stop() };
}

interface Held {
  readonly lease: Lease;
  readonly safe_until_ms: number;
}

class Keeper {
  readonly #options: LeaseKeeperOptions;
  readonly #aborter = new AbortController();
  readonly #held = new Map<string, Held>();
  /** Renewals that wait for a transaction, by name. */
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #done: Promise<void>;
  #registered = false;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#done = this.#work();
  }

  current(name: string): Lease | undefined {
    const held = this.#held.get(name);
    return held !== undefined && performance.now() < held.safe_until_ms ? held.lease : undefined;
  }

  async stop(): Promise<void> {
    const { db, log } = this.#options;
    this.#aborter.abort();
    await this.#done;
    await Promise.all(this.#waiting.values());
    clearTimeout(this.#watchdog);
    const leases = [...this.#held.values()].map(({ lease }) => lease);
    this.#held.clear();
    await Promise.all(leases.map((lease) => releaseLease(db, lease).catch((error: unknown) => log.warn({ error, lease: lease.name }, 'lease not released'))));
  }

  async #work(): Promise<void> {
    const { signal } = this.#aborter;
    while (!signal.aborted) {
      await this.#step().catch((error: unknown) => this.#options.log.warn({ error }, 'leases not renewed'));
      await sleep(this.#options.ttl_ms / RENEWALS_PER_LIFE, undefined, { signal }).catch(() => {});
    }
  }

  async #step(): Promise<void> {
    const { db, names, owner, ttl_ms } = this.#options;
    if (!this.#registered) await registerLeases(db, names);
    this.#registered = true;
    await this.#renew();
    const asked_at_ms = performance.now();
    for (const lease of await acquireLeases(db, names.filter((name) => !this.#held.has(name)), owner, ttl_ms)) this.#hold(lease, asked_at_ms);
  }

  async #renew(): Promise<void> {
    const { db, ttl_ms } = this.#options;
    const leases = [...this.#held.values()].map(({ lease }) => lease).filter(({ name }) => !this.#waiting.has(name));
    const asked_at_ms = performance.now();
    const { renewed, busy, lost } = await renewLeases(db, leases, ttl_ms);
    // Between question and answer the watchdog may have given one up; it is tried for anew.
    for (const lease of renewed) if (this.#held.has(lease.name)) this.#hold(lease, asked_at_ms);
    for (const lease of lost) this.#lose(lease);
    for (const lease of busy) this.#waiting.set(lease.name, this.#renewBusy(lease).finally(() => this.#waiting.delete(lease.name)));
  }

  async #renewBusy(lease: Lease): Promise<void> {
    const { db, log, ttl_ms } = this.#options;
    const asked_at_ms = performance.now();
    try {
      if (!(await renewLease(db, lease, ttl_ms))) this.#lose(lease);
      else if (this.#held.has(lease.name)) this.#hold(lease, asked_at_ms);
    } catch (error) {
      log.warn({ error, lease: lease.name }, 'lease not renewed');
    }
  }

  #hold(lease: Lease, asked_at_ms: number): void {
    const first = !this.#held.has(lease.name);
    this.#held.set(lease.name, { lease, safe_until_ms: asked_at_ms + this.#options.ttl_ms * SAFE_SHARE });
    this.#watch();
    if (first) this.#options.onHeld?.(lease);
  }

  #lose(lease: Lease): void {
    if (this.#held.get(lease.name)?.lease.term !== lease.term) return;
    this.#held.delete(lease.name);
    this.#options.log.warn({ lease: lease.name, term: String(lease.term) }, 'lease lost');
    this.#options.onLost?.(lease);
  }

  /** A renewal can hang longer than a lease lives, so the ends are watched apart from it. */
  #watch(): void {
    clearTimeout(this.#watchdog);
    if (this.#held.size === 0 || this.#aborter.signal.aborted) return;
    const next_ms = Math.min(...[...this.#held.values()].map(({ safe_until_ms }) => safe_until_ms));
    this.#watchdog = setTimeout(() => {
      for (const { lease, safe_until_ms } of this.#held.values()) if (performance.now() >= safe_until_ms) this.#lose(lease);
      this.#watch();
    }, Math.max(1, next_ms - performance.now()));
  }
}
