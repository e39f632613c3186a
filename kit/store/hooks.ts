// What is registered during a transaction, to be run around its commit or taken back with a savepoint.

import type { SqlValue } from './pool.ts';

export interface Statement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** Per kind and transaction; more is a loop that forgot to stop. */
const MAX_HOOKS = 10_000;

export interface HookMark {
  readonly before: number;
  readonly last: number;
  readonly after: number;
  readonly undo: number;
  readonly names: ReadonlySet<string>;
}

export class Hooks {
  readonly #before: (() => Promise<void>)[] = [];
  readonly #last: (() => Statement[])[] = [];
  readonly #after: (() => void)[] = [];
  readonly #undo: (() => void)[] = [];
  #names = new Set<string>();

  before(fn: () => Promise<void>): void {
    push(this.#before, fn);
  }

  last(statements: () => Statement[]): void {
    push(this.#last, statements);
  }

  after(fn: () => void): void {
    push(this.#after, fn);
  }

  undo(fn: () => void): void {
    push(this.#undo, fn);
  }

  notify(name: string): void {
    this.#names.add(name);
  }

  mark(): HookMark {
    return { before: this.#before.length, last: this.#last.length, after: this.#after.length, undo: this.#undo.length, names: new Set(this.#names) };
  }

  /** Forgets what was registered since the mark, and runs what was registered for that, the latest first. */
  restore(mark: HookMark): void {
    for (const fn of this.#undo.splice(mark.undo).toReversed()) fn();
    this.#before.length = mark.before;
    this.#last.length = mark.last;
    this.#after.length = mark.after;
    this.#names = new Set(mark.names);
  }

  async runBefore(): Promise<void> {
    // By index, because a hook may register further ones; their number is bounded.
    for (let index = 0; index < this.#before.length; index += 1) await this.#before[index]?.();
  }

  /** What is to go with the commit, in order. */
  lastStatements(): Statement[] {
    return this.#last.flatMap((statements) => statements());
  }

  /** Runs what follows the commit; `failed` hears of each that throws, since nothing can be undone any more. */
  runAfter(tell: (name: string) => void, failed: (error: unknown) => void): void {
    const told = [...this.#names].map((name) => () => tell(name));
    for (const fn of [...this.#after, ...told]) {
      try {
        fn();
      } catch (error) {
        failed(error);
      }
    }
  }
}

function push<T>(list: T[], fn: T): void {
  if (list.length >= MAX_HOOKS) throw new Error('too many hooks in one transaction');
  list.push(fn);
}
