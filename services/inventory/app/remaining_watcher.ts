import type { BucketDigest } from './digests.ts';
import type { RunRemaining } from './remaining.ts';

export type WatchFilter = { buckets: readonly number[]; /** All where empty. */ service_dates: ReadonlySet<string> };

export type WatchMessage = { runs: RunRemaining[]; complete: number[]; digests: BucketDigest[] };

/** Runs of one message: keeps it well below the limit of a message's size. */
const RUNS_PER_MESSAGE = 64;

/**
 * One stream's waiting changes: the newest state of each run, so a slow watcher costs memory for a state a run at most and
 * catches up by skipping what is outdated.
 */
export class RemainingWatcher {
  readonly filter: WatchFilter;
  readonly #buckets: ReadonlySet<number>;
  readonly #waiting = new Map<string, RunRemaining>();
  readonly #passed = new Set<number>();
  readonly #digestsNow: () => BucketDigest[];
  #digests_due = false;
  #wake: (() => void) | undefined;

  constructor(filter: WatchFilter, digestsNow: () => BucketDigest[]) {
    this.filter = filter;
    this.#digestsNow = digestsNow;
    this.#buckets = new Set(filter.buckets);
  }

  offer(state: RunRemaining): void {
    if (!this.#buckets.has(state.bucket)) return;
    if (this.filter.service_dates.size > 0 && !this.filter.service_dates.has(state.service_date)) return;
    const waiting = this.#waiting.get(state.run_id);
    if (waiting !== undefined && waiting.version > state.version) return;
    this.#waiting.set(state.run_id, state);
    this.#wake?.();
  }

  /** A snapshot of the bucket was sent: what is newer has to be offered. */
  passed(bucket: number): void {
    this.#passed.add(bucket);
  }

  /** What somebody else's snapshot has found. Where this stream's own is still to come it will find no less. */
  offerFound(state: RunRemaining): void {
    if (this.#passed.has(state.bucket)) this.offer(state);
  }

  /** Digests speak of what was told before them, so they are taken and sent when nothing waits. */
  offerDigests(): void {
    this.#digests_due = true;
    this.#wake?.();
  }

  async *messages(signal: AbortSignal): AsyncGenerator<WatchMessage> {
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#waiting.size === 0 && !this.#digests_due) await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
        const message = this.#take();
        if (message.runs.length > 0 || message.digests.length > 0) yield message;
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #take(): WatchMessage {
    const runs: RunRemaining[] = [];
    for (const [run_id, state] of this.#waiting) {
      if (runs.length === RUNS_PER_MESSAGE) break;
      runs.push(state);
      this.#waiting.delete(run_id);
    }
    if (!this.#digests_due || this.#waiting.size > 0) return { runs, complete: [], digests: [] };
    this.#digests_due = false;
    return { runs, complete: [], digests: this.#digestsNow() };
  }
}
