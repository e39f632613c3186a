// Transactions of several callers in one of the database: BEGIN, COMMIT and the log's flush once for all, and what several
// of them have to say at the same moment in one packet.
//
// Each unit runs as if it were alone. Units whose keys meet never share, since rows are not locked between them; a
// statement that fails takes the whole of it back, and then each unit runs again by itself.
import { AsyncLocalStorage } from 'node:async_hooks';
import { CommitUnknown, StatementTimeout, StoreUnavailable } from './errors.ts';
import type { StoreMetrics } from './metrics.ts';
import { LeftCompany, SharedRun, type Unit } from './shared_run.ts';
import { runOnce, type Parts, type Tx } from './transaction.ts';

/** How a transaction may share one of the database with others. */
export interface Company {
  /** Names of all rows that it decides by and changes, such as `order/1`; two with the same key follow one another. */
  readonly keys: readonly string[];
  /** How long it may wait for others when there have been some lately. Default 10. */
  readonly linger_ms?: number;
}

const LINGER_MS = 10;
/** Nobody came for so long: the next one does not wait for company. */
const QUIET_MS = 50;
const UNITS_MAX = 64;
const RUNS_MAX = 2;
const WAITING_MAX = 2_000;

type Waiting = { unit: Unit; keys: readonly string[]; timeout_ms: number };

export class SharedTransactions {
  readonly #parts: Parts;
  readonly #metrics: StoreMetrics;
  #waiting: Waiting[] = [];
  readonly #busy = new Set<string>();
  #runs = 0;
  #timer: NodeJS.Timeout | undefined;
  #last_ms = -Infinity;

  constructor(parts: Parts, metrics: StoreMetrics) {
    this.#parts = parts;
    this.#metrics = metrics;
  }

  /** `alone` is the same transaction by itself, for when nobody is there to share with or sharing failed. Throws what that throws. */
  run<T>(fn: (tx: Tx) => Promise<T>, { keys, linger_ms = LINGER_MS }: Company, timeout_ms: number, alone: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(new StoreUnavailable('too many transactions wait to share one'));
    const inContext = AsyncLocalStorage.snapshot();
    return new Promise<T>((resolve, reject) => {
      const unit: Unit = {
        fn: (tx) => inContext(fn, tx),
        resolve: (value) => resolve(value as T),
        reject,
        alone: () => inContext(alone).then(resolve, reject),
      };
      this.#waiting.push({ unit, keys, timeout_ms });
      this.#plan(linger_ms);
    });
  }

  #plan(linger_ms: number): void {
    const now_ms = performance.now();
    const quiet = now_ms - this.#last_ms > QUIET_MS;
    this.#last_ms = now_ms;
    if (this.#waiting.length >= UNITS_MAX) return this.#start();
    this.#timer ??= setTimeout(() => this.#start(), quiet ? 0 : linger_ms);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#runs >= RUNS_MAX || this.#waiting.length === 0) return;
    const taken = this.#take();
    if (taken.length === 0) return;
    for (const { keys } of taken) for (const key of keys) this.#busy.add(key);
    this.#runs += 1;
    void this.#runAll(taken).finally(() => {
      for (const { keys } of taken) for (const key of keys) this.#busy.delete(key);
      this.#runs -= 1;
      this.#start();
    });
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#start(), LINGER_MS);
  }

  /** In the order they came; who meets one that is under way or had to wait, waits as well. */
  #take(): Waiting[] {
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const met = new Set(this.#busy);
    for (const waiting of this.#waiting) {
      const free = taken.length < UNITS_MAX && waiting.keys.every((key) => !met.has(key));
      (free ? taken : left).push(waiting);
      for (const key of waiting.keys) met.add(key);
    }
    this.#waiting = left;
    return taken;
  }

  async #runAll(taken: readonly Waiting[]): Promise<void> {
    this.#metrics.shared_units.observe({}, taken.length);
    const [only] = taken;
    if (taken.length === 1 && only !== undefined) return settled([only.unit]);
    const run = new SharedRun(taken.map(({ unit }) => unit), {
      tell: this.#parts.tell,
      failed: (error) => this.#parts.log.error({ error }, 'a callback after commit failed'),
    });
    try {
      await runOnce(this.#parts, (tx) => run.drive(tx), Math.min(...taken.map(({ timeout_ms }) => timeout_ms)));
      run.tellDone();
    } catch (error) {
      const open = run.stop();
      if (error instanceof StoreUnavailable || error instanceof CommitUnknown || error instanceof StatementTimeout) {
        for (const unit of open) unit.reject(error);
        return;
      }
      // Who is known to have broken it runs by itself, the others together once more; else nobody knows who it was.
      const culprit = error instanceof LeftCompany ? error.unit : undefined;
      const others = taken.filter(({ unit }) => open.includes(unit) && unit !== culprit);
      if (culprit === undefined) return settled(open);
      await Promise.all([settled([culprit]), others.length > 0 ? this.#runAll(others) : undefined]);
    }
  }
}

/** Runs each by itself, and waits until all have ended. */
async function settled(units: readonly Unit[]): Promise<void> {
  await Promise.all(units.map((unit) => unit.alone()));
}
