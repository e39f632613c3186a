// Carries the outbox to the bus: per bucket in order, each event once in the stream.
//
// A commit wakes the relay. A round reads what waits in all its buckets with one statement, publishes the buckets side by
// side and moves the progress of all of them with another; rounds keep a distance, so that under load many events share
// these two. Only now and then, when leases are renewed, it looks for what no commit told of.
//
// Every publication names the last sequence it expects on its subject. A relay that died between publishing and noting
// it, one that was frozen and woke up after its lease had passed on, or a publication that arrived after its timeout
// all show as a mismatch; then the last message of the subject tells how far the bucket really is (relay_bucket.ts).
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '#kit/store/mysql.ts';
import { repeat, type Loop } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Bus } from './bus.ts';
import { busMetrics, type BusMetrics } from './metrics.ts';
import { OUTBOX_SIGNAL, pruneOutbox } from './outbox.ts';
import { publishRows, type BucketRun } from './relay_bucket.ts';
import { relayStore, type OwnedBucket, type RelayStore } from './relay_store.ts';
import { openWaker, type Waker } from './relay_waker.ts';

export interface RelayOptions {
  readonly db: Database;
  readonly nats: Bus;
  readonly log: Log;
  readonly service: string;
  readonly lease_ttl_ms?: number;
  /** How often to look without being woken: how long a process that died after a commit can leave its events unseen. */
  readonly poll_ms?: number;
  /** Events of one bucket in one round. */
  readonly batch?: number;
}

export interface Relay {
  /** Looks at once. Commits of this and of other processes of the service do it by themselves. */
  nudge(): void;
  /** Resolves when nothing waits to be published by anybody. For tests and for a clean shutdown; the caller bounds it. */
  idle(): Promise<void>;
  /** Ends after the publication under way and gives the buckets to another process. */
  stop(): Promise<void>;
}

const LEASE_TTL_MS = 10_000;
/** With the renewal of the leases, so that an idle relay sends two statements in this time. */
const POLL_MS = LEASE_TTL_MS / 4;
const BATCH = 200;
/** Between two rounds: under load many events should share a round. None before an event that follows a quiet time. */
const COMPANY_MS = 40;
/** Between two looks because of commits that left nothing in our buckets. */
const LOOK_AGAIN_MS = 250;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_BATCHES = 20;
/** The share of a lease's life after which nothing is published under it. */
const SAFE_SHARE = 0.8;

/** Starts relaying all buckets of a database that nobody else relays. */
export function startRelay(options: RelayOptions): Relay {
  const relay = new RelayRun(options);
  return { nudge: () => relay.nudge(), idle: () => relay.idle(), stop: () => relay.stop() };
}

class RelayRun {
  readonly #options: RelayOptions;
  readonly #store: RelayStore;
  readonly #metrics: BusMetrics;
  readonly #loop: Loop;
  readonly #waker: Waker;
  readonly #endListening: () => void;
  readonly #owned = new Map<string, OwnedBucket>();
  #alone = false;
  #backlog = 0;
  #safe_until_ms = 0;
  #looked_at_ms = -Infinity;
  #pruned_at_ms = performance.now();
  #rested_at_ms = -Infinity;
  #woken = false;
  #look_again: NodeJS.Timeout | undefined;
  #idle_waiters: (() => void)[] = [];

  constructor(options: RelayOptions) {
    this.#options = options;
    const { db, nats, log, service, poll_ms = POLL_MS } = options;
    const owner = randomUUID();
    this.#store = relayStore(db, owner);
    this.#metrics = busMetrics(service);
    this.#loop = repeat({ name: 'outbox_relay', service, every_ms: poll_ms, max_backoff_ms: 2_000, log, run: (signal) => this.#round(signal) });
    this.#waker = openWaker({ nats, service, sender: owner, every_ms: COMPANY_MS, onWake: () => this.nudge() });
    this.#endListening = db.on(OUTBOX_SIGNAL, () => this.#onCommit());
    this.#loop.nudge();
  }

  nudge(): void {
    this.#woken = true;
    this.#loop.nudge();
  }

  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle_waiters.push(resolve);
      this.#loop.nudge();
    });
  }

  async stop(): Promise<void> {
    this.#endListening();
    this.#waker.stop();
    clearTimeout(this.#look_again);
    await this.#loop.stop();
    await this.#store.release().catch((error: unknown) => this.#options.log.warn({ error }, 'relay leases not released'));
  }

  /** A commit of this process; the bucket may be relayed by another one, which hears of it over the bus. */
  #onCommit(): void {
    this.nudge();
    if (!this.#alone || performance.now() >= this.#safe_until_ms) this.#waker.wakeOthers();
  }

  async #round(signal: AbortSignal): Promise<'again' | void> {
    await this.#rest(signal);
    if (signal.aborted) return;
    const woken = this.#woken;
    this.#woken = false;
    const asked = this.#idle_waiters.length > 0;
    const due = !woken || asked || this.#since(this.#looked_at_ms) >= this.#ttl_ms() / 4;
    const waiting = due ? await this.#look() : [];
    let taken = await this.#publish(woken ? [...this.#owned.values()] : waiting, signal);
    if (woken && taken.events === 0 && this.#mayLookAgain()) taken = await this.#publish(await this.#look(), signal);
    await this.#skipGaps(waiting);
    if (due) await this.#prune();
    // More waits, so no pause; whatever a commit tells meanwhile is part of it.
    this.#woken ||= taken.full;
    if (!taken.full && (woken || asked)) this.#rested_at_ms = performance.now() + COMPANY_MS;
    return taken.full || this.#idle_waiters.length > 0 ? 'again' : undefined;
  }

  /** A commit left nothing in our buckets: either we have it already, or its bucket is new or another's. */
  #mayLookAgain(): boolean {
    const wait_ms = LOOK_AGAIN_MS - this.#since(this.#looked_at_ms);
    if (wait_ms <= 0) return true;
    this.#look_again ??= setTimeout(() => {
      this.#look_again = undefined;
      this.nudge();
    }, wait_ms);
    return false;
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const wait_ms = this.#rested_at_ms - performance.now();
    if (wait_ms > 0) await sleep(wait_ms, undefined, { signal }).catch(() => {});
  }

  /** Renews the leases and takes what is free; those of ours where something waits. */
  async #look(): Promise<readonly OwnedBucket[]> {
    const asked_at_ms = performance.now();
    const { owned, waiting, backlog, alone } = await this.#store.claim(this.#ttl_ms());
    const before = new Map(this.#owned);
    this.#owned.clear();
    for (const bucket of owned) this.#owned.set(nameOf(bucket), furtherOf(bucket, before.get(nameOf(bucket))));
    this.#alone = alone;
    this.#looked_at_ms = asked_at_ms;
    this.#safe_until_ms = asked_at_ms + this.#ttl_ms() * SAFE_SHARE;
    this.#setBacklog(backlog);
    if (backlog === 0) for (const resolve of this.#idle_waiters.splice(0)) resolve();
    return waiting.map((bucket) => this.#owned.get(nameOf(bucket))!);
  }

  /** `full` when a bucket gave as many events as a round takes of it. */
  async #publish(buckets: readonly OwnedBucket[], signal: AbortSignal): Promise<{ events: number; full: boolean }> {
    const { nats, service, log, batch = BATCH } = this.#options;
    const rows = await this.#store.read(buckets, batch);
    const run: BucketRun = { nats, service, log, store: this.#store, metrics: this.#metrics, mayGoOn: () => !signal.aborted && performance.now() < this.#safe_until_ms };
    const groups = [...Map.groupBy(rows, nameOf)];
    const outcomes = await Promise.all(groups.map(([name, of_bucket]) => publishRows(run, this.#owned.get(name)!, of_bucket)));
    // Also after a failure: what did get through need not be found again by a mismatch.
    await this.#mark(outcomes.map(({ reached }) => reached));
    const failed = outcomes.find(({ error }) => error !== undefined);
    // The loop pauses for longer and longer while the bus or the database is away.
    if (failed !== undefined) throw failed.error;
    return { events: rows.length, full: groups.some(([, of_bucket]) => of_bucket.length >= batch) };
  }

  async #mark(reached: readonly OwnedBucket[]): Promise<void> {
    const moved = reached.filter((bucket) => bucket.published_sequence > this.#owned.get(nameOf(bucket))!.published_sequence);
    if (moved.length === 0) return;
    if (!(await this.#store.mark(moved))) {
      // What is still ours, and how far it is, the next look says.
      this.#options.log.warn({ buckets: moved.map(nameOf) }, 'the lease of a bucket has passed on');
      this.#looked_at_ms = -Infinity;
      return;
    }
    for (const bucket of moved) {
      const name = nameOf(bucket);
      this.#setBacklog(this.#backlog - Number(bucket.published_sequence - this.#owned.get(name)!.published_sequence));
      this.#owned.set(name, bucket);
    }
  }

  /** Rows that somebody deleted are not waited for. */
  async #skipGaps(waiting: readonly OwnedBucket[]): Promise<void> {
    for (const bucket of waiting) {
      const moved = this.#owned.get(nameOf(bucket)) !== bucket;
      const next = moved ? undefined : await this.#store.next(bucket);
      if (next === undefined || next === bucket.published_sequence + 1n) continue;
      this.#options.log.warn({ stream: bucket.stream, bucket: bucket.bucket, next: String(next) }, 'events are missing from the outbox');
      this.#owned.set(nameOf(bucket), { ...bucket, published_sequence: next - 1n });
      this.nudge();
    }
  }

  async #prune(): Promise<void> {
    if (this.#since(this.#pruned_at_ms) < PRUNE_EVERY_MS || this.#owned.size === 0) return;
    this.#pruned_at_ms = performance.now();
    for (let batch = 0; batch < PRUNE_BATCHES && (await pruneOutbox(this.#options.db)) > 0; batch += 1);
  }

  #setBacklog(events: number): void {
    this.#backlog = Math.max(0, events);
    this.#metrics.outbox_backlog.set({}, this.#backlog);
  }

  #ttl_ms(): number {
    return this.#options.lease_ttl_ms ?? LEASE_TTL_MS;
  }

  #since(at_ms: number): number {
    return performance.now() - at_ms;
  }
}

/** A gap that was skipped is in the database with the next event only. */
function furtherOf(bucket: OwnedBucket, known: OwnedBucket | undefined): OwnedBucket {
  return known !== undefined && known.term === bucket.term && known.published_sequence > bucket.published_sequence ? known : bucket;
}

function nameOf({ stream, bucket }: Pick<OwnedBucket, 'stream' | 'bucket'>): string {
  return `${stream}/${bucket}`;
}
