import type { Clock } from '#kit/base/clock.ts';
import { integerBetween, type Random } from '#kit/base/random.ts';

/** What answers are made from. An answer may be given again for as long as all of it is the same. */
export type Sources = {
  timetable: () => unknown;
  /** Counts changes of any run. */
  changes: () => number;
  /** Changes whenever numbers begin or cease to be stale. */
  freshness: () => number;
  /** Another object after each change of the run. */
  stateOf: (run_id: string) => unknown;
};

export type Made<T> = {
  value: T;
  size_bytes: number;
  run_ids: readonly string[];
  /** The moment at which time alone makes it another answer, in milliseconds since 1970. */
  ends_ms: number;
  /** Nothing else than the sources and that moment can change it. */
  lasting: boolean;
};

/** Between these an answer is given again before it is looked at anew (requirements 5.1: 200–500 ms). */
const LIFE_MS = { least: 200, most: 500 };
/** However little changed: the bound of every cache within the system (requirements 5.1: Redis 5–20 s). */
export const OLDEST_MS = 20_000;
const MAX_BYTES = 32 << 20;

type Kept<T> = Made<T> & { states: readonly unknown[]; timetable: unknown; freshness: number; changes: number; fresh_until_ms: number; oldest_ms: number };

/**
 * Answers of this process. Each is given again for a random 200 to 500 ms, and longer when it is the same still; it is
 * forgotten at once when a run in it, the timetable or what is stale has changed. So it is never behind memory: it spares
 * the work, not the truth.
 */
export class AnswerCache<T> {
  readonly #sources: Sources;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #kept = new Map<string, Kept<T>>();
  #bytes = 0;

  constructor(sources: Sources, clock: Clock, random: Random) {
    this.#sources = sources;
    this.#clock = clock;
    this.#random = random;
  }

  get(key: string): T | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (this.#isSame(kept) && this.#isFresh(kept)) return kept.value;
    this.#forget(key, kept);
    return undefined;
  }

  /** Beyond the room for all answers the oldest go. */
  put(key: string, made: Made<T>): void {
    const before = this.#kept.get(key);
    if (before !== undefined) this.#forget(key, before);
    const sources = this.#sources;
    const now_ms = this.#clock.monotonic_ms();
    const states = made.run_ids.map((run_id) => sources.stateOf(run_id));
    this.#kept.set(key, { ...made, states, timetable: sources.timetable(), freshness: sources.freshness(), changes: sources.changes(), fresh_until_ms: now_ms + this.#life_ms(), oldest_ms: now_ms + OLDEST_MS });
    this.#bytes += made.size_bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#forget(oldest, kept);
    }
  }

  size_bytes(): number {
    return this.#bytes;
  }

  #isSame(kept: Kept<T>): boolean {
    const { timetable, freshness, changes, stateOf } = this.#sources;
    if (kept.timetable !== timetable() || kept.freshness !== freshness()) return false;
    if (kept.changes === changes()) return true;
    // Something in the country has changed: only what is in the answer counts.
    for (const [index, run_id] of kept.run_ids.entries()) if (stateOf(run_id) !== kept.states[index]) return false;
    kept.changes = changes();
    return true;
  }

  #isFresh(kept: Kept<T>): boolean {
    if (this.#clock.now_ms() >= kept.ends_ms) return false;
    const now_ms = this.#clock.monotonic_ms();
    if (now_ms < kept.fresh_until_ms) return true;
    if (!kept.lasting || now_ms >= kept.oldest_ms) return false;
    kept.fresh_until_ms = now_ms + this.#life_ms();
    return true;
  }

  #life_ms(): number {
    return integerBetween(this.#random, LIFE_MS.least, LIFE_MS.most);
  }

  #forget(key: string, kept: Kept<T>): void {
    this.#kept.delete(key);
    this.#bytes -= kept.size_bytes;
  }
}
