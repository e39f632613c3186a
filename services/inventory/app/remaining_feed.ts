import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Buckets } from './buckets.ts';
import { Digests } from './digests.ts';
import type { InventoryMetrics } from './metrics.ts';
import type { RunStore, SeatStore } from './ports.ts';
import { remainingOf, type RunRemaining } from './remaining.ts';
import { RemainingWatcher, type WatchFilter, type WatchMessage } from './remaining_watcher.ts';
import { isRetired, type RunHeader } from '../domain/run.ts';

/** Carries states between the processes of the service; what is lost on the way it notices, and has it read again. */
export type RemainingRelay = { publish(state: RunRemaining): void };

export type FeedOptions = {
  buckets: Buckets;
  seats: Pick<SeatStore, 'snapshots'>;
  runs: Pick<RunStore, 'find'>;
  metrics: InventoryMetrics;
  log: Log;
  clock: Clock;
  relay?: RemainingRelay;
};

/** Changes of a run are told at most this often (contract). */
const FLUSH_MS = 50;
/** And so that telling takes at most a third of the time: under load states are coalesced more, and holds come first. */
const PAUSE_PER_FLUSH = 2;
const DIGEST_MS = 1_000;
const RUNS_PER_READ = 64;
/** Of those that are only read to be sure: changes do not wait long for them. */
const REREAD_PER_FLUSH = 512;
/** Redis or the database was away. */
const PAUSE_AFTER_FAILURE_MS = 500;

/** Tells watchers what remains: changes of this process and, over the relay, of others. */
export class RemainingFeed {
  readonly #options: FeedOptions;
  readonly #watchers = new Set<RemainingWatcher>();
  readonly #digests = new Digests();
  #dirty = new Set<string>();
  readonly #reread = new Set<string>();
  #flushing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #next_flush_ms = -Infinity;
  readonly #digest_timer: NodeJS.Timeout;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#digest_timer = setInterval(() => this.#tellDigests(), DIGEST_MS);
  }

  /** Seats of these runs changed: their state is read and told soon. */
  changed(run_ids: Iterable<string>): void {
    for (const run_id of run_ids) this.#dirty.add(run_id);
    this.#schedule();
  }

  /** Other processes may have changed runs of these buckets and not told us: watchers get them as they are now. */
  async reread(buckets: readonly number[]): Promise<void> {
    if (buckets.length === 0 || this.#watchers.size === 0) return;
    this.#options.log.warn({ buckets }, 'changes of other processes were lost on the way; their buckets are read again');
    for await (const runs of this.#options.buckets.runsOf(buckets)) for (const { run_id } of runs) this.#reread.add(run_id);
    this.#schedule();
  }

  /** A state that another process has told. */
  received(state: RunRemaining): void {
    this.#tell(state);
  }

  /** Everything in a bucket has a new epoch. */
  async bucketRebuilt(bucket: number): Promise<void> {
    for await (const runs of this.#options.buckets.runsOf([bucket])) this.changed(runs.map(({ run_id }) => run_id));
  }

  /** A snapshot of the buckets, one after the other, then changes until `signal` is aborted. */
  async *watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<WatchMessage> {
    const watcher = new RemainingWatcher(filter, () => this.#digests.of(filter));
    // Listening begins before reading, so nothing falls between; older states are dropped by whoever is newer.
    this.#watchers.add(watcher);
    this.#options.metrics.watchers.set({}, this.#watchers.size);
    try {
      for (const bucket of filter.buckets) yield* this.#snapshot(bucket, watcher, signal);
      yield* watcher.messages(signal);
    } finally {
      this.#watchers.delete(watcher);
      this.#options.metrics.watchers.set({}, this.#watchers.size);
    }
  }

  /** Tells what is still to be told, to other processes above all. */
  async stop(): Promise<void> {
    clearInterval(this.#digest_timer);
    await this.#flushing;
    clearTimeout(this.#timer);
    if (this.#dirty.size > 0) await this.#flush();
  }

  async *#snapshot(bucket: number, watcher: RemainingWatcher, signal: AbortSignal): AsyncGenerator<WatchMessage> {
    const { service_dates } = watcher.filter;
    const begin = this.#digests.now();
    for await (const states of ahead(this.#snapshotStates(bucket, service_dates))) {
      if (signal.aborted) return;
      for (const state of states) this.#found(state, watcher);
      yield { runs: states, complete: [], digests: [] };
    }
    this.#digests.forgetUntold({ bucket, service_dates }, begin);
    watcher.passed(bucket);
    yield { runs: [], complete: [bucket], digests: [] };
  }

  async *#snapshotStates(bucket: number, service_dates: ReadonlySet<string>): AsyncGenerator<RunRemaining[]> {
    for await (const page of this.#options.buckets.runsOf([bucket], [...service_dates])) {
      for (let start = 0; start < page.length; start += RUNS_PER_READ) yield await this.#read(page.slice(start, start + RUNS_PER_READ));
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#flushing !== undefined) return;
    const wait_ms = Math.max(0, this.#next_flush_ms - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = undefined;
        if (this.#dirty.size > 0 || this.#reread.size > 0) this.#schedule();
      });
    }, wait_ms);
  }

  async #flush(): Promise<void> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    const started_ms = performance.now();
    try {
      await this.#tellRuns(dirty, (state) => this.#options.relay?.publish(state));
      await this.#tellRuns(firstOf(this.#reread, REREAD_PER_FLUSH));
    } catch (error) {
      // What was told already is told once more; nothing may be left out, since nobody else tells it.
      for (const run_id of dirty) this.#dirty.add(run_id);
      this.#next_flush_ms = performance.now() + PAUSE_AFTER_FAILURE_MS;
      this.#options.log.warn({ error, runs: dirty.size }, 'changes of remaining could not be read and are tried again');
      return;
    }
    const took_ms = performance.now() - started_ms;
    this.#next_flush_ms = started_ms + Math.max(FLUSH_MS, took_ms * (1 + PAUSE_PER_FLUSH));
  }

  async #tellRuns(run_ids: Iterable<string>, publish?: (state: RunRemaining) => void): Promise<void> {
    const all = [...run_ids];
    for (let start = 0; start < all.length; start += RUNS_PER_READ) {
      const part = all.slice(start, start + RUNS_PER_READ);
      const runs = await this.#options.runs.find(part);
      for (const state of await this.#read([...runs.values()])) {
        this.#tell(state);
        publish?.(state);
      }
      for (const run_id of part) this.#reread.delete(run_id);
    }
  }

  /** The states of runs whose bucket is open; a closed bucket is told anew when it was rebuilt. */
  async #read(runs: readonly RunHeader[]): Promise<RunRemaining[]> {
    const reachable: { run: RunHeader; epoch: number }[] = [];
    for (const run of runs) {
      if (isRetired(run, this.#options.clock.now_ms())) continue;
      const epoch = await this.#options.buckets.settledEpoch(run.bucket);
      // A header of before a change of coaches: the rebuild that came with it tells the run anew.
      if (epoch !== undefined && this.#options.buckets.isCurrent(run)) reachable.push({ run, epoch });
    }
    const replies = await this.#options.seats.snapshots(reachable);
    return replies.flatMap((reply, index) => {
      const { run, epoch } = reachable[index]!;
      if (reply.status === 'OK') return [remainingOf(run, epoch, reply.snapshot)];
      this.#options.buckets.suspect(run.bucket, reply.status);
      return [];
    });
  }

  /** A snapshot for one watcher may find what nobody has told the others. */
  #found(state: RunRemaining, by: RemainingWatcher): void {
    if (!this.#digests.note(state)) return;
    for (const watcher of this.#watchers) if (watcher !== by) watcher.offerFound(state);
  }

  #tell(state: RunRemaining): void {
    this.#digests.note(state);
    for (const watcher of this.#watchers) watcher.offer(state);
  }

  #tellDigests(): void {
    for (const watcher of this.#watchers) watcher.offerDigests();
  }
}

/** The same, with the next value asked for before the last one is used: Redis reads while we count and send. */
async function* ahead<T>(values: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = values.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      next = values.next();
      // Whoever leaves early never looks at it.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await values.return(undefined);
  }
}

function firstOf<T>(values: Iterable<T>, count: number): T[] {
  const first: T[] = [];
  for (const value of values) {
    if (first.length === count) break;
    first.push(value);
  }
  return first;
}
