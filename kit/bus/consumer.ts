// Takes events from a stream and gives each its effect once.
//
// The inbox row (consumer, event id) is written in the transaction of the effect, so a second delivery finds it and
// does nothing. A handler that throws is tried again after 1, 2, 4, 8 … s and 8 times in all, then the event becomes a
// dead letter. Events that come at one moment can be handled together (`handleMany`, `share`: kit/README.md); what fails in
// company is then handled by itself, so that nobody pays for another. When one of our own stores is away the consumer stops fetching until it is back, and no try is used up.
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, ReplayPolicy, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { repeat } from '#kit/run/loop.ts';
import { Deliverer, type DeliveryOptions } from './delivery.ts';
import { pruneInbox } from './delivery_store.ts';
import { Gatherer } from './gather.ts';
import { busMetrics, type BusMetrics } from './metrics.ts';
import { bucketName, consumerSubjects, EVENT_BUCKETS, streamName } from './streams.ts';

export { TerminalError, type ReceivedEvent } from './delivery.ts';

export interface ConsumerOptions extends DeliveryOptions {
  /** How many events are under way at once in this process; with `ordered`, per bucket it is always one. */
  readonly max_in_flight?: number;
  /** One delivery at a time per bucket over all processes; later events of a key wait for a failed one. */
  readonly ordered?: boolean;
  readonly ack_wait_ms?: number;
  /** Takes only what is replayed to it: for dead letters that a service writes of its own work. */
  readonly replays_only?: boolean;
}

export interface RunningConsumer {
  readonly durable: string;
  /** True while a store is away and nothing is fetched. */
  paused(): boolean;
  /** Takes no more, waits for what is being handled (bounded) and ends. */
  stop(): Promise<void>;
}

const MAX_IN_FLIGHT = 16;
/** Where they share transactions: the next ones wait while a batch is handled. */
const MAX_IN_FLIGHT_TOGETHER = 128;
const MAX_TOGETHER = 64;
const ACK_WAIT_MS = 30_000;
/** While waiting for events; also how long a lost connection goes unnoticed at worst. */
const FETCH_MS = 10_000;
const FETCH_PAUSE_MS = 500;
const DRAIN_MS = 15_000;
const LAG_EVERY_MS = 10_000;
const PRUNE_EVERY_MS = 3_600_000;
/** Deliveries open at the server over all processes. */
const MAX_ACK_PENDING = 1_000;

/** Creates the durable consumer when it is missing and starts to take events. New consumers begin with what the stream still has. */
export async function startConsumer(options: ConsumerOptions): Promise<RunningConsumer> {
  if (!/^[\w-]{1,40}$/.test(options.durable)) throw new Error(`not a name for a consumer: ${options.durable}`);
  const handlers = [options.handle, options.handleMany, options.prepare].filter((handler) => handler !== undefined);
  if (handlers.length !== 1) throw new Error(`${options.durable} needs one of handle and handleMany, or prepare`);
  const consumer = new EventConsumer(options);
  await consumer.start();
  return { durable: options.durable, paused: () => consumer.paused(), stop: () => consumer.stop() };
}

class EventConsumer {
  readonly #options: ConsumerOptions;
  readonly #metrics: BusMetrics;
  readonly #deliverer: Deliverer;
  readonly #aborter = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #open = new Set<ConsumerMessages>();
  readonly #loops: Promise<void>[] = [];
  readonly #housekeeping: { stop(): Promise<void> }[] = [];

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#metrics = busMetrics(options.service);
    // What is still under way from the server would only meet the same outage.
    const stopFetching = () => this.#open.forEach((messages) => messages.stop());
    this.#deliverer = new Deliverer(options, this.#aborter.signal, stopFetching);
  }

  async start(): Promise<void> {
    const { durable, ordered = false, handle, share } = this.#options;
    const { max_in_flight = handle === undefined || share !== undefined ? MAX_IN_FLIGHT_TOGETHER : MAX_IN_FLIGHT } = this.#options;
    const buckets = ordered ? Array.from({ length: EVENT_BUCKETS }, (_, bucket) => bucket) : [undefined];
    for (const bucket of buckets) {
      const name = bucket === undefined ? durable : `${durable}-${bucketName(bucket)}`;
      await this.#ensure(name, bucket);
      this.#loops.push(this.#fetchLoop(name, bucket, bucket === undefined ? max_in_flight : 1));
    }
    this.#keepHouse(buckets.map((bucket) => (bucket === undefined ? durable : `${durable}-${bucketName(bucket)}`)));
  }

  paused(): boolean {
    return this.#deliverer.outage() !== undefined;
  }

  async stop(): Promise<void> {
    this.#aborter.abort();
    for (const messages of this.#open) messages.stop();
    const drained = Promise.all([...this.#loops, ...this.#running, ...this.#housekeeping.map((loop) => loop.stop())]);
    await Promise.race([drained, sleep(DRAIN_MS, undefined, { ref: false })]);
    await this.#deliverer.signOff().catch((error: unknown) => this.#options.log.warn({ error }, 'consumer could not sign off'));
  }

  async #ensure(name: string, bucket: number | undefined): Promise<void> {
    const { nats, stream, durable, ack_wait_ms = ACK_WAIT_MS, replays_only = false } = this.#options;
    const changeable = {
      ack_wait: ack_wait_ms * 1e6,
      // Tries are counted by us (delivery_store.ts); the server delivers until we say that it is enough.
      max_deliver: -1,
      max_ack_pending: bucket === undefined ? MAX_ACK_PENDING : 1,
      filter_subjects: consumerSubjects(nats, stream, durable, bucket).slice(replays_only ? -1 : 0),
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
    const take = this.#taker(slots, width);
    let consumer: Consumer | undefined;
    while (!signal.aborted) {
      await this.#deliverer.outage();
      const free = await slots.free();
      if (signal.aborted) return;
      try {
        consumer ??= await nats.js.consumers.get(streamName(nats, stream), name);
        await this.#fetch(consumer, free, take);
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
  async #fetch(consumer: Consumer, count: number, take: (message: JsMsg) => void): Promise<void> {
    const messages = await consumer.fetch({ max_messages: count, expires: FETCH_MS });
    this.#open.add(messages);
    try {
      for await (const message of messages) {
        take(message);
        if (this.#deliverer.outage() !== undefined || this.#aborter.signal.aborted) messages.stop();
      }
    } finally {
      this.#open.delete(messages);
    }
  }

  /** What is done with each delivery: first ones together with others where the handler can, the rest by themselves. */
  #taker(slots: Slots, width: number): (message: JsMsg) => void {
    const track = (work: Promise<void>, count: number): void => {
      const tracked = work.finally(() => {
        slots.give(count);
        this.#running.delete(tracked);
      });
      this.#running.add(tracked);
    };
    const alone = (message: JsMsg): void => track(this.#heartbeating([message], () => this.#deliverer.deliver(message)), 1);
    const gatherer = new Gatherer(MAX_TOGETHER, (messages) => {
      // Who has to be handled alone keeps its place until that has ended.
      const left = new Set(messages);
      const leave = (message: JsMsg): void => {
        left.delete(message);
        alone(message);
      };
      return this.#heartbeating(messages, () => this.#deliverer.deliverMany(messages, leave)).finally(() => slots.give(left.size));
    });
    const together = this.#options.handle === undefined && width > 1;
    return (message) => {
      slots.take();
      if (!together || message.redelivered) return alone(message);
      gatherer.add(message);
      const idle = gatherer.idle().finally(() => this.#running.delete(idle));
      this.#running.add(idle);
    };
  }

  /** Tells the server that the handling goes on, for as long as it does. */
  async #heartbeating(messages: readonly JsMsg[], work: () => Promise<void>): Promise<void> {
    const heartbeat = setInterval(() => messages.forEach((message) => message.working()), (this.#options.ack_wait_ms ?? ACK_WAIT_MS) / 3);
    await work().finally(() => clearInterval(heartbeat));
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

  give(count: number): void {
    this.#free += count;
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
