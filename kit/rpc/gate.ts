/** Counts what is under way and says no above a limit: refusing early costs little, while accepted work still finishes. */
export class Gate {
  readonly #limit: number;
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True when there was room; whoever got in leaves exactly once. */
  enter(): boolean {
    if (this.#inside >= this.#limit) return false;
    this.#inside += 1;
    return true;
  }

  leave(): void {
    this.#inside -= 1;
  }

  get inside(): number {
    return this.#inside;
  }
}
