// Brings deliveries together that come at about the same moment, one batch after the other.
import { setImmediate as afterThisTurn } from 'node:timers/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';

/** Between the beginnings of two batches. None before what comes after a quiet time. */
const COMPANY_MS = 20;

export class Gatherer {
  readonly #max: number;
  readonly #deliver: (messages: readonly JsMsg[]) => Promise<void>;
  #waiting: JsMsg[] = [];
  #running: Promise<void> | undefined;

  /** `deliver` gets at most `max` at once and never throws. */
  constructor(max: number, deliver: (messages: readonly JsMsg[]) => Promise<void>) {
    this.#max = max;
    this.#deliver = deliver;
  }

  add(message: JsMsg): void {
    this.#waiting.push(message);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // What arrived in one packet is read in one turn.
    await afterThisTurn();
    while (this.#waiting.length > 0) {
      const began_ms = performance.now();
      await this.#deliver(this.#waiting.splice(0, this.#max));
      const wait_ms = began_ms + COMPANY_MS - performance.now();
      if (wait_ms > 0 && this.#waiting.length < this.#max) await sleep(wait_ms);
    }
  }
}
