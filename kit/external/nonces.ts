import { SIGNATURE_SKEW_MS } from './signature.ts';

/** Remembers the nonces of a window of time in memory. A service that must survive a restart records them in its database. */
export class NonceMemory {
  readonly #limit: number;
  readonly #seen = new Map<string, number>();

  constructor(limit = 100_000) {
    this.#limit = limit;
  }

  /** True the first time. When full, the new one is refused: forgetting an old one would let it be replayed. */
  take(nonce: string, now_ms: number): boolean {
    this.#forgetBefore(now_ms - 2 * SIGNATURE_SKEW_MS);
    if (this.#seen.has(nonce) || this.#seen.size >= this.#limit) return false;
    this.#seen.set(nonce, now_ms);
    return true;
  }

  /** The map is in order of arrival, so only its head is looked at. */
  #forgetBefore(limit_ms: number): void {
    for (const [nonce, at_ms] of this.#seen) {
      if (at_ms >= limit_ms) return;
      this.#seen.delete(nonce);
    }
  }
}
