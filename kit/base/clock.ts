/** Time as a dependency. Deadlines and durations use `monotonic_ms`, which no administrator can step. */
export type Clock = {
  /** Wall time, milliseconds since 1970-01-01T00:00Z. */
  now_ms(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic_ms(): number;
};

export const systemClock: Clock = {
  now_ms: () => Date.now(),
  monotonic_ms: () => performance.now(),
};

/** A clock that stands still until it is told otherwise: for tests and simulation. */
export class ManualClock implements Clock {
  #now_ms: number;
  #monotonic_ms = 0;

  constructor(now_ms: number = Date.UTC(2026, 0, 15, 4)) {
    this.#now_ms = now_ms;
  }

  now_ms(): number {
    return this.#now_ms;
  }

  monotonic_ms(): number {
    return this.#monotonic_ms;
  }

  /** Lets time pass, on both scales. */
  advance(ms: number): void {
    if (ms < 0) throw new RangeError('time only passes forward; use stepWall for a corrected wall clock');
    this.#now_ms += ms;
    this.#monotonic_ms += ms;
  }

  /** Corrects the wall clock, also backwards, as NTP or an administrator would; the monotonic scale stays. */
  stepWall(by_ms: number): void {
    this.#now_ms += by_ms;
  }
}
