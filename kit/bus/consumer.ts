// Takes events from a stream and gives each its effect once.
//
// The inbox row (consumer, event id) is written in the transaction of the effect, so a second delivery finds it and
// does nothing. A handler that throws is tried again after 1, 2, 4, 8 … s and 8 times in all, then the event becomes a
// dead letter. When one of our own stores is away the consumer stops fetching until it is back, and no try is used up.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, ReplayPolicy, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { isOutage, StatementTimeout } from '#kit/store/errors.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import { backoff_ms } from '#kit/store/sweeper.ts';
import { repeat } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { withTraceHeaders } from '#kit/telemetry/trace.ts';
import type { Bus } from './bus.ts';
import { cleanReason, publishDeadLetter } from './dead_letter.ts';
import { deliveryStore, pruneInbox, type DeliveryStore } from './delivery_store.ts';
import { decodeEvent, HEADER_TYPE, type BusEvent } from './envelope.ts';
import { busMetrics, type BusMetrics } from './metrics.ts';
import { bucketName, consumerSubjects, EVENT_BUCKETS, eventBucket, streamName, type StreamName } from './streams.ts';

/** Thrown by a handler for an event that no repetition will help: it becomes a dead letter at once. */
export class TerminalError extends Error {
  override name = 'TerminalError';
}

export interface ReceivedEvent extends BusEvent {
  readonly stream: StreamName;
  readonly bucket: number;
  readonly stream_sequence: number;
  /** Failed tries before this one. */
  readonly tries: number;
}

export interface ConsumerOptions {
  readonly nats: Bus;
  readonly db: Database;
  readonly stream: StreamName;
  /** Name of the consumer, the same in all processes and versions of a service: `payment-orders`. */
  readonly durable: string;
  /** The types to handle; others are skipped. Default: all. */
  readonly types?: readonly string[];
  /** Does its work inside `tx` and never relies on order: load the aggregate, compare and set on its version. */
  readonly handle: (event: ReceivedEvent, tx: Tx) => Promise<void>;
  readonly service: string;
  readonly log: Log;
  /** Tries before an event becomes a dead letter. */
  readonly max_deliver?: number;
  /** How many events are handled at once in this process; with `ordered`, per bucket it is always one. */
  readonly max_in_flight?: number;
  /** One delivery at a time per bucket over all processes; later events of a key wait for a failed one. */
  readonly ordered?: boolean;
  readonly backoff_base_ms?: number;
  readonly backoff_cap_ms?: number;
  readonly ack_wait_ms?: number;
  readonly transaction_timeout_ms?: number;
  /** Further own stores that a handler needs (Redis): work waits until they answer. */
  readonly storesReady?: () => Promise<boolean>;
}

export interface RunningConsumer {
  readonly durable: string;
  /** True while a store is away and nothing is fetched. */
  paused(): boolean;
  /** Takes no more, waits for what is being handled (bounded) and ends. */
  stop(): Promise<void>;
}

const MAX_DELIVER = 8;
const MAX_IN_FLIGHT = 16;
const ACK_WAIT_MS = 30_000;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 128_000;
/** While waiting for events; also how long a lost connection goes unnoticed at worst. */
const FETCH_MS = 10_000;
const FETCH_PAUSE_MS = 500;
const OUTAGE_NAK_MS = 1_000;
const OUTAGE_PAUSE_MS = 250;
const DRAIN_MS = 15_000;
const LAG_EVERY_MS = 10_000;
const PRUNE_EVERY_MS = 3_600_000;
/** Deliveries open at the server over all processes. */
const MAX_ACK_PENDING = 1_000;

/** Creates the durable consumer when it is missing and starts to take events. New consumers begin with what the stream still has. */
export async function startConsumer(options: ConsumerOptions): Promise<RunningConsumer> {
  if (!/^[\w-]{1,40}$/.test(options.durable)) throw new Error(`not a name for a consumer: ${options.durable}`);
  const consumer = new EventConsumer(options);
  await consumer.start();
  return { durable: options.durable, paused: () => consumer.paused(), stop: () => consumer.stop() };
}

type Verdict = 'done' | 'duplicate' | 'skipped' | 'retried' | 'outage' | 'dead';

class EventConsumer {
  readonly #options: ConsumerOptions;
  readonly #store: DeliveryStore;
  readonly #metrics: BusMetrics;
  readonly #aborter = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #open = new Set<ConsumerMessages>();
  readonly #loops: Promise<void>[] = [];
  readonly #housekeeping: { stop(): Promise<void> }[] = [];
  #outage: Promise<void> | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#store = deliveryStore(options.db, options.durable, randomUUID());
    this.#metrics = busMetrics(options.service);
  }

  async start(): Promise<void> {
    const { durable, ordered = false, max_in_flight = MAX_IN_FLIGHT } = this.#options;
    const buckets = ordered ? Array.from({ length: EVENT_BUCKETS }, (_, bucket) => bucket) : [undefined];
    for (const bucket of buckets) {
      const name = bucket === undefined ? durable : `${durable}-${bucketName(bucket)}`;
      await this.#ensure(name, bucket);
      this.#loops.push(this.#fetchLoop(name, bucket, bucket === undefined ? max_in_flight : 1));
    }
    this.#keepHouse(buckets.map((bucket) => (bucket === undefined ? durable : `${durable}-${bucketName(bucket)}`)));
  }

  paused(): boolean {
    return this.#outage !== undefined;
  }

  async stop(): Promise<void> {
    this.#aborter.abort();
    for (const messages of this.#open) messages.stop();
    const drained = Promise.all([...this.#loops, ...this.#running, ...this.#housekeeping.map((loop) => loop.stop())]);
    await Promise.race([drained, sleep(DRAIN_MS, undefined, { ref: false })]);
    await this.#store.leave().catch((error: unknown) => this.#options.log.warn({ error }, 'consumer could not sign off'));
  }

  async #ensure(name: string, bucket: number | undefined): Promise<void> {
    const { nats, stream, durable, ack_wait_ms = ACK_WAIT_MS } = this.#options;
    const changeable = {
      ack_wait: ack_wait_ms * 1e6,
      // Tries are counted by us (delivery_store.ts); the server delivers until we say that it is enough.
      max_deliver: -1,
      max_ack_pending: bucket === undefined ? MAX_ACK_PENDING : 1,
      filter_subjects: consumerSubjects(nats, stream, durable, bucket),
    };
    const fixed = { durable_name: name, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All, replay_policy: ReplayPolicy.Instant };
    try {
      await nats.jsm.consumers.add(streamName(nats, stream), { ...fixed, ...changeable });
    } catch (error) {
      if (!/already exists/.test(String(error))) throw error;
      await nats.jsm.consumers.update(streamName(nats, stream), name, changeable);
    }
  }

  async #fetchLoop(name: string, bucket: number | undefined, width: number): Promise<void> {
    const { nats, stream, log } = this.#options;
    const signal = this.#aborter.signal;
    const slots = new Slots(width);
    let consumer: Consumer | undefined;
    while (!signal.aborted) {
      if (this.#outage !== undefined) await this.#outage;
      const free = await slots.free();
      if (signal.aborted) return;
      try {
        consumer ??= await nats.js.consumers.get(streamName(nats, stream), name);
        await this.#fetch(consumer, free, slots);
      } catch (error) {
        if (signal.aborted) return;
        // The server is away, or the consumer was deleted: look for it anew, and make it again when it is gone.
        log.warn({ error, consumer: name }, 'events could not be fetched');
        consumer = undefined;
        await sleep(FETCH_PAUSE_MS * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
        await this.#ensure(name, bucket).catch(() => {});
      }
    }
  }

  /** Only as many as can be handled now are fetched, so no delivery waits in a buffer while its time runs. */
  async #fetch(consumer: Consumer, count: number, slots: Slots): Promise<void> {
    const messages = await consumer.fetch({ max_messages: count, expires: FETCH_MS });
    this.#open.add(messages);
    try {
      for await (const message of messages) {
        slots.take();
        const work = this.#deliver(message).finally(() => {
          slots.give();
          this.#running.delete(work);
        });
        this.#running.add(work);
        if (this.#outage !== undefined || this.#aborter.signal.aborted) messages.stop();
      }
    } finally {
      this.#open.delete(messages);
    }
  }

  /** Never throws. */
  async #deliver(message: JsMsg): Promise<void> {
    const { durable, log, ack_wait_ms = ACK_WAIT_MS } = this.#options;
    const heartbeat = setInterval(() => message.working(), ack_wait_ms / 3);
    try {
      const verdict = await this.#judge(message);
      this.#metrics.consumed.inc({ consumer: durable, outcome: verdict });
    } catch (error) {
      // The dead letter couldn't be stored, or tries couldn't be counted: the server will deliver it again.
      log.warn({ error, consumer: durable }, 'a delivery is left to the server');
      message.nak(OUTAGE_NAK_MS);
    } finally {
      clearInterval(heartbeat);
    }
  }

  async #judge(message: JsMsg): Promise<Verdict> {
    const { types, stream } = this.#options;
    const type = message.headers?.get(HEADER_TYPE);
    if (types !== undefined && type !== undefined && type !== '' && !types.includes(type)) {
      message.ack();
      return 'skipped';
    }
    let event: ReceivedEvent;
    try {
      const decoded = decodeEvent(message.data);
      event = { ...decoded, stream, bucket: eventBucket(decoded.key), stream_sequence: message.seq, tries: 0 };
    } catch (error) {
      return this.#bury(message, undefined, `not an event: ${String(error)}`, 1);
    }
    if (this.#outage !== undefined) return this.#putBack(message);
    return this.#attempt(message, event);
  }

  async #attempt(message: JsMsg, event: ReceivedEvent): Promise<Verdict> {
    const { max_deliver = MAX_DELIVER, durable, log } = this.#options;
    try {
      const tries = message.redelivered ? await this.#store.begin(event.event_id) : 0;
      if (tries >= max_deliver) return await this.#bury(message, event, 'its process ended while it was handled', tries);
      const started_ms = performance.now();
      const fresh = await this.#handle({ ...event, tries }, message.redelivered);
      this.#metrics.handle_seconds.observe({ consumer: durable }, (performance.now() - started_ms) / 1_000);
      message.ack();
      return fresh ? 'done' : 'duplicate';
    } catch (error) {
      if (await this.#isOutage(error)) {
        log.warn({ error, consumer: durable, event_id: event.event_id }, 'a store is away: the consumer waits');
        return this.#putBack(message);
      }
      return this.#failed(message, event, error);
    }
  }

  async #handle(event: ReceivedEvent, redelivered: boolean): Promise<boolean> {
    const { db, handle, transaction_timeout_ms } = this.#options;
    return withTraceHeaders({ ...event.trace }, () =>
      db.transaction(
        async (tx) => {
          if (!(await this.#store.enter(tx, event.event_id, redelivered))) return false;
          await handle(event, tx);
          return true;
        },
        { timeout_ms: transaction_timeout_ms },
      ),
    );
  }

  async #failed(message: JsMsg, event: ReceivedEvent, error: unknown): Promise<Verdict> {
    const { max_deliver = MAX_DELIVER, backoff_base_ms = BACKOFF_BASE_MS, backoff_cap_ms = BACKOFF_CAP_MS, durable, log } = this.#options;
    const reason = cleanReason(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    const labels = { consumer: durable, event_id: event.event_id, type: event.type, key: event.key, version: String(event.version) };
    if (error instanceof TerminalError) return this.#bury(message, event, reason, event.tries + 1);
    const tries = await this.#store.failed(event.event_id, reason);
    if (tries >= max_deliver) return this.#bury(message, event, reason, tries);
    const wait_ms = backoff_ms(tries, backoff_base_ms, backoff_cap_ms);
    log.warn({ error, ...labels, tries, wait_ms }, 'an event could not be handled');
    message.nak(wait_ms);
    return 'retried';
  }

  /** The letter is stored before the event is given up; a crash in between repeats the first, which is harmless. */
  async #bury(message: JsMsg, event: ReceivedEvent | undefined, reason: string, tries: number): Promise<Verdict> {
    const { nats, stream, durable, log } = this.#options;
    const letter = {
      stream,
      consumer: durable,
      bucket: event?.bucket ?? 0,
      stream_sequence: message.seq,
      event_id: event?.event_id ?? '',
      type: event?.type ?? '',
      key: event?.key ?? '',
      version: event?.version ?? 0n,
      reason,
      tries,
      failed_at: new Date(),
      envelope: message.data,
    };
    await publishDeadLetter(nats, letter);
    if (event !== undefined) await this.#store.forget(event.event_id);
    message.term(reason.slice(0, 100));
    log.error({ consumer: durable, event_id: letter.event_id, type: letter.type, key: letter.key, version: String(letter.version), reason, tries }, 'an event became a dead letter');
    return 'dead';
  }

  #putBack(message: JsMsg): Verdict {
    message.nak(OUTAGE_NAK_MS);
    this.#outage ??= this.#waitForStores().finally(() => {
      this.#outage = undefined;
    });
    return 'outage';
  }

  /** A deadline that passed is an outage when the database doesn't answer at all, and the handler's fault otherwise. */
  async #isOutage(error: unknown): Promise<boolean> {
    if (isOutage(error)) return true;
    return error instanceof StatementTimeout && !(await this.#storesAnswer());
  }

  async #storesAnswer(): Promise<boolean> {
    const { db, storesReady } = this.#options;
    return (await db.ping()) && (storesReady === undefined || (await storesReady().catch(() => false)));
  }

  async #waitForStores(): Promise<void> {
    const signal = this.#aborter.signal;
    for (const messages of this.#open) messages.stop();
    do await sleep(OUTAGE_PAUSE_MS, undefined, { signal }).catch(() => {});
    while (!signal.aborted && !(await this.#storesAnswer()));
  }

  #keepHouse(names: readonly string[]): void {
    const { nats, stream, durable, service, log, db } = this.#options;
    const lag = repeat({
      name: 'consumer_lag',
      service,
      every_ms: LAG_EVERY_MS,
      log,
      run: async () => {
        const infos = await Promise.all(names.map((name) => nats.jsm.consumers.info(streamName(nats, stream), name)));
        this.#metrics.consumer_lag.set({ consumer: durable }, infos.reduce((sum, info) => sum + info.num_pending + info.num_ack_pending, 0));
      },
    });
    const prune = repeat({ name: 'inbox_prune', service, every_ms: PRUNE_EVERY_MS, log, run: async () => ((await pruneInbox(db)) > 0 ? 'again' : undefined) });
    this.#housekeeping.push(lag, prune);
  }
}

/** Counts free places and tells when there is one. */
class Slots {
  #free: number;
  #waiting: (() => void) | undefined;

  constructor(width: number) {
    this.#free = width;
  }

  take(): void {
    this.#free -= 1;
  }

  give(): void {
    this.#free += 1;
    this.#waiting?.();
  }

  /** The number of free places, as soon as it isn't zero. One caller at a time. */
  async free(): Promise<number> {
    while (this.#free <= 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.#free;
  }
}
