// Carries the outbox to the bus: per bucket in order, each event once in the stream.
//
// Every publication names the last sequence it expects on its subject. A relay that died between publishing and noting
// it, one that was frozen and woke up after its lease had passed on, or a publication that arrived after its timeout
// all show as a mismatch; then the last message of the subject tells how far the bucket really is. Nats-Msg-Id helps
// for two minutes only and isn't relied on.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { headers } from '@nats-io/transport-node';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { Database } from '#kit/store/mysql.ts';
import { repeat, type Loop } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { BUS_TIMEOUT_MS, type Bus } from './bus.ts';
import { encodeEvent, HEADER_TYPE, HEADER_WATERMARK } from './envelope.ts';
import { busMetrics, type BusMetrics } from './metrics.ts';
import { OUTBOX_SIGNAL, pruneOutbox } from './outbox.ts';
import { relayStore, type OutboxRow, type OwnedBucket, type RelayStore } from './relay_store.ts';
import { eventSubject, streamName } from './streams.ts';

export interface RelayOptions {
  readonly db: Database;
  readonly nats: Bus;
  readonly log: Log;
  readonly service: string;
  readonly lease_ttl_ms?: number;
  /** How often to look without being woken. */
  readonly poll_ms?: number;
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
const POLL_MS = 500;
const BATCH = 200;
/** A bucket publishes at most this much in a row before leases are renewed and others looked at. */
const BATCHES_PER_ROUND = 20;
/** Between two rounds: every bucket of a round costs a commit, so under load several events should share one. */
const PAUSE_MS = 20;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_BATCHES = 20;
const MAX_RECOVERIES = 3;

/** Starts relaying all buckets of a database that nobody else relays. */
export function startRelay(options: RelayOptions): Relay {
  const relay = new RelayRun(options);
  return { nudge: () => relay.nudge(), idle: () => relay.idle(), stop: () => relay.stop() };
}

class RelayRun {
  readonly #options: RelayOptions;
  readonly #owner = randomUUID();
  readonly #store: RelayStore;
  readonly #metrics: BusMetrics;
  readonly #loop: Loop;
  readonly #endListening: (() => void)[] = [];
  #owned = new Map<string, OwnedBucket>();
  #safe_until_ms = 0;
  #claimed_at_ms = -Infinity;
  #pruned_at_ms = performance.now();
  #rested_at_ms = -Infinity;
  #idle_waiters: (() => void)[] = [];
  #wake_sent = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#store = relayStore(options.db, this.#owner);
    this.#metrics = busMetrics(options.service);
    this.#loop = repeat({
      name: 'outbox_relay',
      service: options.service,
      every_ms: options.poll_ms ?? POLL_MS,
      max_backoff_ms: 2_000,
      log: options.log,
      run: (signal) => this.#round(signal),
    });
    this.#endListening.push(options.db.on(OUTBOX_SIGNAL, () => this.#onCommit()));
    const wake = options.nats.connection.subscribe(this.#wakeSubject(), { callback: () => this.#loop.nudge() });
    this.#endListening.push(() => wake.unsubscribe(), options.nats.onReconnect(() => this.#loop.nudge()));
    this.#loop.nudge();
  }

  nudge(): void {
    this.#loop.nudge();
  }

  idle(): Promise<void> {
    this.#loop.nudge();
    return new Promise((resolve) => this.#idle_waiters.push(resolve));
  }

  async stop(): Promise<void> {
    for (const end of this.#endListening) end();
    await this.#loop.stop();
    await this.#store.release().catch((error: unknown) => this.#options.log.warn({ error }, 'relay leases not released'));
  }

  /** A commit of this process; the bucket may be relayed by another one, which hears of it over the bus. */
  #onCommit(): void {
    this.#loop.nudge();
    if (this.#wake_sent || this.#options.nats.connection.isClosed()) return;
    this.#wake_sent = true;
    setImmediate(() => {
      this.#wake_sent = false;
      if (!this.#options.nats.connection.isClosed()) this.#options.nats.connection.publish(this.#wakeSubject());
    });
  }

  #wakeSubject(): string {
    return `${this.#options.nats.prefix}wake.outbox.${this.#options.service}`;
  }

  async #round(signal: AbortSignal): Promise<'again' | void> {
    const ttl_ms = this.#options.lease_ttl_ms ?? LEASE_TTL_MS;
    await this.#rest(signal);
    let waiting = await this.#store.waiting();
    if (waiting.unowned || performance.now() - this.#claimed_at_ms > ttl_ms / 4) {
      await this.#claim(ttl_ms);
      waiting = await this.#store.waiting();
    }
    this.#metrics.outbox_backlog.set({}, waiting.backlog);
    if (waiting.backlog === 0) this.#tellIdle();
    const outcomes = await Promise.allSettled(
      waiting.keys.flatMap((key) => this.#owned.get(key) ?? []).map((owned) => this.#drain(owned, signal)),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    this.#rested_at_ms = performance.now() + PAUSE_MS;
    // The loop pauses for longer and longer while the bus or the database is away, and every wake-up tries again.
    if (failed !== undefined) throw failed.reason;
    await this.#prune();
    return waiting.keys.length > 0 ? 'again' : undefined;
  }

  /** No pause for an event that comes after a quiet time. */
  async #rest(signal: AbortSignal): Promise<void> {
    const wait_ms = this.#rested_at_ms - performance.now();
    if (wait_ms > 0) await sleep(wait_ms, undefined, { signal }).catch(() => {});
  }

  async #claim(ttl_ms: number): Promise<void> {
    const asked_at_ms = performance.now();
    const owned = await this.#store.claim(ttl_ms);
    this.#owned = new Map(owned.map((bucket) => [`${bucket.stream}/${bucket.bucket}`, bucket]));
    this.#safe_until_ms = asked_at_ms + ttl_ms * 0.8;
    this.#claimed_at_ms = asked_at_ms;
  }

  async #drain(owned: OwnedBucket, signal: AbortSignal): Promise<void> {
    for (let round = 0; round < BATCHES_PER_ROUND && !signal.aborted && performance.now() < this.#safe_until_ms; round += 1) {
      const batch = this.#options.batch ?? BATCH;
      const rows = await this.#store.read(owned, owned.published_sequence, batch);
      if (rows.length === 0) return;
      const progress = { published: owned.published_sequence, subject: owned.subject_sequence };
      try {
        for (const row of rows) {
          if (signal.aborted || performance.now() >= this.#safe_until_ms) break;
          await this.#publish(owned, row, progress);
        }
      } finally {
        // Also after a failure: what did get through need not be found again by a mismatch.
        if (progress.published > owned.published_sequence) await this.#mark(owned, progress);
      }
      // What came meanwhile waits for the next round, to share its commit with others.
      if (rows.length < batch) return;
    }
  }

  async #mark(owned: OwnedBucket, progress: Progress): Promise<void> {
    if (!(await this.#store.mark(owned, progress.published, progress.subject))) {
      this.#claimed_at_ms = -Infinity;
      throw new Error(`the lease of ${owned.stream}/${owned.bucket} has passed on`);
    }
    owned.published_sequence = progress.published;
    owned.subject_sequence = progress.subject;
  }

  async #publish(owned: OwnedBucket, row: OutboxRow, progress: Progress): Promise<void> {
    for (let recoveries = 0; progress.published < row.sequence; recoveries += 1) {
      try {
        progress.subject = await this.#send(owned, row, progress.subject);
        progress.published = row.sequence;
        this.#metrics.published.inc({ stream: owned.stream });
        this.#metrics.publish_seconds.observe({ stream: owned.stream }, Math.max(0, Date.now() - row.created_at.getTime()) / 1_000);
      } catch (error) {
        if (!isWrongLastSequence(error) || recoveries >= MAX_RECOVERIES) throw error;
        await this.#recover(owned, progress);
      }
    }
  }

  async #send(owned: OwnedBucket, row: OutboxRow, subject_sequence: bigint): Promise<bigint> {
    const { nats, service } = this.#options;
    // Known to be away: waiting for a timeout would only delay the moment of going on.
    if (!nats.connected()) throw new Error('the event bus is away');
    const trace = JSON.parse(row.trace) as Record<string, string>;
    const message_headers = headers();
    message_headers.set(HEADER_TYPE, row.type);
    message_headers.set(HEADER_WATERMARK, `${row.sequence}:${row.event_id}`);
    for (const [name, value] of Object.entries(trace)) message_headers.set(name, value);
    const body = encodeEvent({ ...row, key: row.event_key, payload: row.payload, trace });
    const ack = await nats.js.publish(eventSubject(nats, owned.stream, owned.bucket, service), body, {
      msgID: row.event_id,
      timeout: BUS_TIMEOUT_MS,
      headers: message_headers,
      expect: { streamName: streamName(nats, owned.stream), lastSubjectSequence: Number(subject_sequence) },
    });
    return BigInt(ack.seq);
  }

  /** Reads from the stream itself (its leader, not a replica) how far the bucket is. */
  async #recover(owned: OwnedBucket, progress: Progress): Promise<void> {
    const { nats, service, log } = this.#options;
    const subject = eventSubject(nats, owned.stream, owned.bucket, service);
    const last = await nats.jsm.streams.getMessage(streamName(nats, owned.stream), { last_by_subj: subject });
    progress.subject = BigInt(last?.seq ?? 0);
    const [sequence_text = '', ...rest] = (last?.header.get(HEADER_WATERMARK) ?? '').split(':');
    const event_id = rest.join(':');
    if (!/^\d+$/.test(sequence_text)) return;
    const sequence = BigInt(sequence_text);
    // Only when that event is ours: a database restored from a backup counts anew, and its new events must go out.
    if (sequence > progress.published && (await this.#store.eventIdAt(owned, sequence)) === event_id) progress.published = sequence;
    log.info({ stream: owned.stream, bucket: owned.bucket, published: String(progress.published) }, 'relay found its place in the stream');
  }

  async #prune(): Promise<void> {
    if (performance.now() - this.#pruned_at_ms < PRUNE_EVERY_MS || this.#owned.size === 0) return;
    this.#pruned_at_ms = performance.now();
    for (let batch = 0; batch < PRUNE_BATCHES && (await pruneOutbox(this.#options.db)) > 0; batch += 1);
  }

  #tellIdle(): void {
    for (const resolve of this.#idle_waiters.splice(0)) resolve();
  }
}

interface Progress {
  published: bigint;
  subject: bigint;
}

function isWrongLastSequence(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence || error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}
