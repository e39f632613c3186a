/** How many different questions are remembered; beyond it counts are halved and the rare ones go. */
const MAX_QUESTIONS = 5_000;

/** Which questions are asked most, roughly, with more weight on what was asked lately. */
export class Popular {
  #counts = new Map<string, number>();

  note(question: string): void {
    this.#counts.set(question, (this.#counts.get(question) ?? 0) + 1);
    while (this.#counts.size > MAX_QUESTIONS) this.#halve();
  }

  /** The most asked first. */
  top(count: number): string[] {
    return [...this.#counts].toSorted(([, a], [, b]) => b - a).slice(0, count).map(([question]) => question);
  }

  #halve(): void {
    this.#counts = new Map([...this.#counts].map(([question, count]) => [question, Math.floor(count / 2)] as const).filter(([, count]) => count > 0));
  }
}
