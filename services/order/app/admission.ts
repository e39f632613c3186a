/**
 * Who submits is let in while there is a fair chance to be answered within the method's three seconds. With more at once
 * all of them would take too long and the work done for each be wasted; so the rest is refused before anything is asked
 * or written (promise 5 of the design).
 */
import type { Clock } from '#kit/base/clock.ts';

/** Expected time inside; the method's deadline is three seconds, and the way to here takes some of it. */
const WAIT_MAX_MS = 2000;
/** So few are always let in. */
const INSIDE_FREE = 16;
/** The pace is taken from so many ends at most, and believed from so many on. */
const ENDS_KEPT = 64;
const ENDS_MIN = 16;

export class Admission {
  readonly #clock: Pick<Clock, 'monotonic_ms'>;
  /** When the last submissions ended, since somebody has always been inside. */
  #ends_ms: number[] = [];
  #inside = 0;

  constructor(clock: Pick<Clock, 'monotonic_ms'>) {
    this.#clock = clock;
  }

  /** True when there is room; whoever got in leaves exactly once. */
  enter(): boolean {
    if (this.#inside >= INSIDE_FREE && this.expected_ms() > WAIT_MAX_MS) return false;
    this.#inside += 1;
    return true;
  }

  leave(): void {
    this.#inside -= 1;
    // A pace is only told by those who had to share: an idle hour is no slow hour.
    if (this.#inside === 0) this.#ends_ms = [];
    else if (this.#ends_ms.push(this.#clock.monotonic_ms()) > ENDS_KEPT) this.#ends_ms.shift();
  }

  /** How long one who enters now would take at the pace of late; 0 while that is not known. */
  expected_ms(): number {
    const [first_ms] = this.#ends_ms;
    if (first_ms === undefined || this.#ends_ms.length < ENDS_MIN) return 0;
    return (this.#inside * (this.#clock.monotonic_ms() - first_ms)) / (this.#ends_ms.length - 1);
  }
}
