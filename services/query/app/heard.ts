import type { Clock } from '#kit/base/clock.ts';

/** When somebody was last heard: how old what they said may be. */
export class Heard {
  readonly #clock: Clock;
  #last_ms: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): void {
    this.#last_ms = this.#clock.monotonic_ms();
  }

  /** Undefined before the first time. */
  age_ms(): number | undefined {
    return this.#last_ms === undefined ? undefined : Math.round(this.#clock.monotonic_ms() - this.#last_ms);
  }
}
