// What happens to one delivery: its effect with the inbox in one transaction, another try later, a dead letter, or
// back to the server because a store is away.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import { isOutage, StatementTimeout, StoreUnavailable } from '#kit/store/errors.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import { backoff_ms } from '#kit/store/sweeper.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { withTraceHeaders } from '#kit/telemetry/trace.ts';
import type { Bus } from './bus.ts';
import { cleanReason, publishDeadLetter } from './dead_letter.ts';
import { deliveryStore, type DeliveryStore } from './delivery_store.ts';
import { decodeEvent, HEADER_TYPE, type BusEvent } from './envelope.ts';
import { busMetrics, type BusMetrics } from './metrics.ts';
import { eventBucket, type StreamName } from './streams.ts';

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

export type HandleMany = (events: readonly ReceivedEvent[], tx: Tx) => Promise<void>;

/** What the handling of one event needs of a consumer's options. */
export interface DeliveryOptions {
  readonly nats: Bus;
  readonly db: Database;
  readonly stream: StreamName;
  /** Name of the consumer, the same in all processes and versions of a service: `payment-orders`. */
  readonly durable: string;
  /** The types to handle; others are skipped. Default: all. */
  readonly types?: readonly string[];
  /** Does its work inside `tx` and never relies on order: load the aggregate, compare and set on its version. */
  readonly handle?: (event: ReceivedEvent, tx: Tx) => Promise<void>;
  /**
   * With `handle`: the names of all rows that it decides by and changes (`order/1`), so that events that come at the same
   * moment share a transaction (Database.transaction). It may run twice then, and waits for nothing but `tx`.
   */
  readonly share?: (event: ReceivedEvent) => readonly string[];
  /**
   * Instead of `handle`: the effects of events of different keys, in the order of the stream, by statements for all of
   * them. When it throws they are handled one by one, so that the outcome of each is its own. No trace is active: an
   * event that follows from another takes its `trace`.
   */
  readonly handleMany?: HandleMany;
  /**
   * Instead of `handleMany`, where that needs to know what the database does not: looks it up while no transaction is open
   * and answers with the handler, which is called with those events that have had no effect yet. A throw is one of the handler.
   */
  readonly prepare?: (events: readonly ReceivedEvent[]) => Promise<HandleMany>;
  readonly service: string;
  readonly log: Log;
  /** Tries before an event becomes a dead letter. */
  readonly max_deliver?: number;
  readonly backoff_base_ms?: number;
  readonly backoff_cap_ms?: number;
  readonly transaction_timeout_ms?: number;
  /** Further own stores that a handler needs (Redis): work waits until they answer. */
  readonly storesReady?: () => Promise<boolean>;
}

const MAX_DELIVER = 8;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 128_000;
/** For a transaction of many: what hangs is soon handled by itself, and the others go on. */
const TOGETHER_MS = 5_000;
const OUTAGE_NAK_MS = 1_000;
const OUTAGE_PAUSE_MS = 250;

export type Verdict = 'done' | 'duplicate' | 'skipped' | 'retried' | 'outage' | 'dead' | 'left';

interface Opened {
  readonly message: JsMsg;
  readonly event: ReceivedEvent;
}

export class Deliverer {
  readonly #options: DeliveryOptions;
  readonly #signal: AbortSignal;
  readonly #onOutage: () => void;
  readonly #store: DeliveryStore;
  readonly #metrics: BusMetrics;
  #outage: Promise<void> | undefined;

  /** `onOutage` is called when a store is found away; `signal` ends the waiting for it. */
  constructor(options: DeliveryOptions, signal: AbortSignal, onOutage: () => void) {
    this.#options = options;
    this.#signal = signal;
    this.#onOutage = onOutage;
    this.#store = deliveryStore(options.db, options.durable, randomUUID());
    this.#metrics = busMetrics(options.service);
  }

  /** Pending while a store is away; undefined otherwise. */
  outage(): Promise<void> | undefined {
    return this.#outage;
  }

  /** Handles one delivery and answers the server. Never throws. */
  async deliver(message: JsMsg): Promise<void> {
    const { durable, log } = this.#options;
    let verdict: Verdict = 'left';
    try {
      verdict = await this.#judge(message);
    } catch (error) {
      // The dead letter couldn't be stored, or tries couldn't be counted: the server will deliver it again.
      log.warn({ error, consumer: durable }, 'a delivery is left to the server');
      message.nak(OUTAGE_NAK_MS);
    }
    if (verdict !== 'skipped') this.#count(verdict);
  }

  #count(outcome: Verdict): void {
    this.#metrics.consumed.inc({ consumer: this.#options.durable, outcome });
  }

  /** At a clean stop. */
  async signOff(): Promise<void> {
    await this.#store.leave();
  }

  /**
   * Handles first deliveries together, and passes those to `alone` that have to be handled by themselves: what failed
   * in company, and what has none. Never throws.
   */
  async deliverMany(messages: readonly JsMsg[], alone: (message: JsMsg) => void): Promise<void> {
    let rest: Opened[] = [];
    for (const message of messages) {
      const event = this.#open(message);
      if (event instanceof Error) alone(message);
      else if (event !== 'skipped') rest.push({ message, event });
    }
    while (rest.length > 0) {
      // The second event of a key comes after the first, as it does in the stream.
      const of_key = Map.groupBy(rest, ({ event }) => event.key);
      const part = [...of_key.values()].map(([first]) => first!);
      rest = [...of_key.values()].flatMap(([, ...later]) => later);
      if (part.length === 1) alone(part[0]!.message);
      else await this.#together(part, alone);
    }
  }

  async #together(part: readonly Opened[], alone: (message: JsMsg) => void): Promise<void> {
    const { durable, log } = this.#options;
    try {
      if (this.#outage !== undefined) throw new StoreUnavailable('a store is away');
      const started_ms = performance.now();
      const fresh = await this.#handleTogether(part.map(({ event }) => event));
      this.#metrics.handle_seconds.observe({ consumer: durable }, (performance.now() - started_ms) / 1_000);
      for (const { message, event } of part) {
        message.ack();
        this.#count(fresh.has(event.event_id) ? 'done' : 'duplicate');
      }
    } catch (error) {
      const away = await this.#isOutage(error).catch(() => true);
      log.warn({ error, consumer: durable, events: part.length }, away ? 'a store is away: the consumer waits' : 'events could not be handled together, they are handled one by one');
      for (const { message } of part) {
        if (away) this.#count(this.#putBack(message));
        else alone(message);
      }
    }
  }

  async #handleTogether(events: readonly ReceivedEvent[]): Promise<ReadonlySet<string>> {
    const { db, transaction_timeout_ms = TOGETHER_MS } = this.#options;
    const handle = await this.#handlerOf(events);
    return db.transaction(
      async (tx) => {
        const fresh = await this.#store.enterMany(tx, events.map(({ event_id }) => event_id));
        const theirs = events.filter(({ event_id }) => fresh.has(event_id));
        if (theirs.length > 0) await handle(theirs, tx);
        return fresh;
      },
      { timeout_ms: Math.min(TOGETHER_MS, transaction_timeout_ms) },
    );
  }

  /** An error when these bytes are no event. */
  #open(message: JsMsg): ReceivedEvent | 'skipped' | Error {
    const { types, stream } = this.#options;
    const type = message.headers?.get(HEADER_TYPE);
    if (types !== undefined && type !== undefined && type !== '' && !types.includes(type)) {
      message.ack();
      this.#count('skipped');
      return 'skipped';
    }
    try {
      const decoded = decodeEvent(message.data);
      return { ...decoded, stream, bucket: eventBucket(decoded.key), stream_sequence: message.seq, tries: 0 };
    } catch (error) {
      return new Error(`not an event: ${String(error)}`);
    }
  }

  async #judge(message: JsMsg): Promise<Verdict> {
    const event = this.#open(message);
    if (event === 'skipped') return event;
    if (event instanceof Error) return this.#bury(message, undefined, event.message, 1);
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
    const { db, durable, share, transaction_timeout_ms } = this.#options;
    // What was delivered before may have had its effect, and would only send its company home.
    const keys = redelivered ? undefined : share?.(event);
    return withTraceHeaders({ ...event.trace }, async () => {
      const handle = await this.#handlerOf([event]);
      return db.transaction(
        async (tx) => {
          if (!(await this.#store.enter(tx, event.event_id, redelivered))) return false;
          await handle([event], tx);
          return true;
        },
        { timeout_ms: transaction_timeout_ms, ...(keys === undefined ? {} : { share: { keys: [`inbox/${durable}/${event.event_id}`, ...keys] } }) },
      );
    });
  }

  async #handlerOf(events: readonly ReceivedEvent[]): Promise<HandleMany> {
    const { handle, handleMany, prepare } = this.#options;
    return prepare?.(events) ?? handleMany ?? (([event], tx) => handle!(event!, tx));
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
    const signal = this.#signal;
    this.#onOutage();
    do await sleep(OUTAGE_PAUSE_MS, undefined, { signal }).catch(() => {});
    while (!signal.aborted && !(await this.#storesAnswer()));
  }
}
