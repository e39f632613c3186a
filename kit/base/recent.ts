import type { Clock } from './clock.ts';
import type { Result } from './result.ts';

export type RecentOptions<T> = { life_ms: number; limit: number; clock: Pick<Clock, 'monotonic_ms'>; /** Default: every good answer. */ keep?: ((value: T) => boolean) | undefined };

/**
 * Answers that may be a little old: each is given again for `life_ms`, and those who ask at once share one question.
 * Only good answers are kept. Beyond `limit` all is forgotten, which costs a question each and no list of use.
 */
export class Recent<T> {
  readonly #options: RecentOptions<T>;
  readonly #kept = new Map<string, { answer: Promise<Result<T>>; until_ms: number }>();

  constructor(options: RecentOptions<T>) {
    this.#options = options;
  }

  get(key: string, ask: () => Promise<Result<T>>): Promise<Result<T>> {
    const { life_ms, limit, clock, keep = () => true } = this.#options;
    const now_ms = clock.monotonic_ms();
    const known = this.#kept.get(key);
    if (known !== undefined && known.until_ms > now_ms) return known.answer;
    if (this.#kept.size >= limit) this.#kept.clear();
    const entry = { answer: ask(), until_ms: now_ms + life_ms };
    this.#kept.set(key, entry);
    const forget = (): void => {
      if (this.#kept.get(key) === entry) this.#kept.delete(key);
    };
    entry.answer.then((answer) => (answer.ok && keep(answer.value) ? undefined : forget()), forget);
    return entry.answer;
  }
}
