import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';

/**
 * The request id of what a person means to do: the same id while the same thing is tried again, a new one for anything
 * else. So a second click after a lost answer buys nothing twice.
 */
export class Intent {
  readonly #makeId: () => string;
  #current: { body: string; id: string } | undefined;

  constructor(makeId: () => string = () => uuid7(systemClock, systemRandom)) {
    this.#makeId = makeId;
  }

  /** The id for a body; `body` is any text that differs when the request differs. */
  idFor(body: string): string {
    if (this.#current?.body !== body) this.#current = { body, id: this.#makeId() };
    return this.#current.id;
  }

  /** The outcome is known: the next try is a new wish, even with the same body. */
  settle(): void {
    this.#current = undefined;
  }
}
