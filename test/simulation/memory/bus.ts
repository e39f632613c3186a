/**
 * Events: an outbox that is written with the effect, a relay that publishes late, often or out of order, and consumers
 * that take each event once by an inbox in the transaction of its effect. At least once until eight tries failed, as
 * kit/bus does it; then the event is a dead letter and nothing may depend on it.
 */
import { isOutage } from '#kit/store/errors.ts';
import { backoff_ms } from '#kit/store/sweeper.ts';
import type { Net } from '../process.ts';

export type SimEvent = { event_id: string; type: string; key: string; payload: unknown };

/** Handles one delivery in a process of the consumer; throws to have it again later. Undefined when nobody is there. */
export type Consumer = { name: string; deliver(event: SimEvent): Promise<void> | undefined };

const PUBLISH_MS = 5;
const ACK_WAIT_MS = 30_000;
const TRIES_MAX = 8;
const BASE_MS = 1000;
const CAP_MS = 128_000;
const NOBODY_MS = 1000;
const LATE_MS = [2000, 20_000, 120_000] as const;
const REORDER_MS = 1500;
const REPEAT_MS = 60_000;

/** In the transaction of the effect: an event that had its effect has none again. */
export class Inbox {
  readonly #seen = new Set<string>();

  has(event_id: string): boolean {
    return this.#seen.has(event_id);
  }

  add(event_id: string): void {
    this.#seen.add(event_id);
  }
}

export class SimBus {
  readonly dead_letters: { consumer: string; event: SimEvent }[] = [];
  readonly #net: Net;
  readonly #consumers: Consumer[] = [];
  #count = 0;

  constructor(net: Net) {
    this.#net = net;
  }

  subscribe(consumer: Consumer): void {
    this.#consumers.push(consumer);
  }

  /** Part of the transaction that is being written. */
  append(type: string, key: string, payload: unknown): SimEvent {
    this.#count += 1;
    const event = { event_id: `event-${this.#count}`, type, key, payload };
    this.publish(event);
    return event;
  }

  /** Also once more, as when a stream is replayed. */
  publish(event: SimEvent): void {
    const { scheduler, faults } = this.#net;
    const late_ms = faults.hits('event_delayed') ? scheduler.pick(LATE_MS) : 0;
    const shuffled_ms = faults.hits('event_reordered') ? scheduler.random.unit() * REORDER_MS : 0;
    const times = faults.hits('event_repeated') ? 2 + scheduler.between(0, 2) : 1;
    for (const consumer of this.#consumers) {
      for (let time = 0; time < times; time += 1) scheduler.after(PUBLISH_MS + late_ms + shuffled_ms + (time === 0 ? 0 : scheduler.random.unit() * REPEAT_MS), () => void this.#deliver(consumer, event, 0));
    }
  }

  async #deliver(consumer: Consumer, event: SimEvent, tries: number): Promise<void> {
    const { scheduler } = this.#net;
    const again = (wait_ms: number, tried: number): void => void scheduler.after(wait_ms, () => void this.#deliver(consumer, event, tried));
    const work = consumer.deliver(event);
    if (work === undefined) return again(NOBODY_MS, tries);
    // A process that ended while it handled the event answers never; the server delivers it once more.
    const cancel = scheduler.after(ACK_WAIT_MS, () => again(0, tries));
    try {
      await work;
      cancel();
    } catch (error) {
      cancel();
      scheduler.note(consumer.name, `${event.type} ✗ ${String(error)}`);
      if (isOutage(error)) return again(NOBODY_MS, tries);
      if (tries + 1 >= TRIES_MAX) this.dead_letters.push({ consumer: consumer.name, event });
      else again(backoff_ms(tries + 1, BASE_MS, CAP_MS), tries + 1);
    }
  }
}
