import { add, NOTHING, since, type Sample } from './domain/sample.ts';
import type { PodCounters } from './ports.ts';

/** Adds up what came to each version since the watch began, over proxies that come, go and restart. */
export class Watch {
  readonly #last = new Map<string, PodCounters>();
  #begun = false;
  #canary = NOTHING;
  #stable = NOTHING;

  note(readings: readonly PodCounters[]): void {
    for (const reading of readings) {
      // What a proxy had counted before it was first seen is of before, unless it came after the watch began.
      const last = this.#last.get(reading.pod) ?? (this.#begun ? { pod: reading.pod, canary: NOTHING, stable: NOTHING } : reading);
      this.#canary = add(this.#canary, since(reading.canary, last.canary));
      this.#stable = add(this.#stable, since(reading.stable, last.stable));
      this.#last.set(reading.pod, reading);
    }
    this.#begun = true;
  }

  /** Whether anything was read yet. */
  get begun(): boolean {
    return this.#begun;
  }

  get canary(): Sample {
    return this.#canary;
  }

  get stable(): Sample {
    return this.#stable;
  }
}
