import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Buckets } from './buckets.ts';
import { Digests } from './digests.ts';
import type { InventoryMetrics } from './metrics.ts';
import type { RunStore, SeatStore } from './ports.ts';
import { remainingOf, type RunRemaining } from './remaining.ts';
import { RemainingWatcher, type WatchFilter, type WatchMessage } from './remaining_watcher.ts';
import { isRetired, type RunHeader } from '../domain/run.ts';

/** Carries states between the processes of the service; what is lost on the way the digests tell. */
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

/** Tells watchers what remains: changes of this process and, over the relay, of others. */
export class RemainingFeed {
  readonly #options: FeedOptions;
  readonly #watchers = new Set<RemainingWatcher>();
  readonly #digests = new Digests();
  #dirty = new Set<string>();
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
    const watcher = new RemainingWatcher(filter);
    // Listening begins before reading, so nothing falls between; older states are dropped by whoever is newer.
    this.#watchers.add(watcher);
    this.#options.metrics.watchers.set({}, this.#watchers.size);
    try {
      for (const bucket of filter.buckets) yield* this.#snapshot(bucket, filter, signal);
      yield* watcher.messages(signal);
    } finally {
      this.#watchers.delete(watcher);
      this.#options.metrics.watchers.set({}, this.#watchers.size);
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#digest_timer);
    clearTimeout(this.#timer);
    await this.#flushing;
  }

  async *#snapshot(bucket: number, { service_dates }: WatchFilter, signal: AbortSignal): AsyncGenerator<WatchMessage> {
    for await (const page of this.#options.buckets.runsOf([bucket], [...service_dates])) {
      for (let start = 0; start < page.length; start += RUNS_PER_READ) {
        if (signal.aborted) return;
        const states = await this.#read(page.slice(start, start + RUNS_PER_READ));
        for (const state of states) this.#digests.note(state);
        yield { runs: states, complete: [], digests: [] };
      }
    }
    yield { runs: [], complete: [bucket], digests: [] };
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#flushing !== undefined) return;
    const wait_ms = Math.max(0, this.#next_flush_ms - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = undefined;
        if (this.#dirty.size > 0) this.#schedule();
      });
    }, wait_ms);
  }

  async #flush(): Promise<void> {
    const dirty = [...this.#dirty];
    this.#dirty = new Set();
    const started_ms = performance.now();
    try {
      for (let start = 0; start < dirty.length; start += RUNS_PER_READ) {
        const runs = await this.#options.runs.find(dirty.slice(start, start + RUNS_PER_READ));
        for (const state of await this.#read([...runs.values()])) {
          this.#tell(state);
          this.#options.relay?.publish(state);
        }
      }
    } catch (error) {
      // Told again with the next change; until then the digests differ and watchers ask.
      this.#options.log.warn({ error, runs: dirty.length }, 'changes of remaining could not be read');
    }
    const took_ms = performance.now() - started_ms;
    this.#next_flush_ms = started_ms + Math.max(FLUSH_MS, took_ms * (1 + PAUSE_PER_FLUSH));
  }

  /** The states of runs whose bucket is open; a closed bucket is told anew when it was rebuilt. */
  async #read(runs: readonly RunHeader[]): Promise<RunRemaining[]> {
    const reachable: { run: RunHeader; epoch: number }[] = [];
    for (const run of runs) {
      if (isRetired(run, this.#options.clock.now_ms())) continue;
      const epoch = await this.#options.buckets.settledEpoch(run.bucket);
      if (epoch !== undefined) reachable.push({ run, epoch });
    }
    const replies = await this.#options.seats.snapshots(reachable);
    return replies.flatMap((reply, index) => {
      const { run, epoch } = reachable[index]!;
      if (reply.status === 'OK') return [remainingOf(run, epoch, reply.snapshot)];
      this.#options.buckets.suspect(run.bucket, reply.status);
      return [];
    });
  }

  #tell(state: RunRemaining): void {
    this.#digests.note(state);
    for (const watcher of this.#watchers) watcher.offer(state);
  }

  #tellDigests(): void {
    for (const watcher of this.#watchers) watcher.offerDigests(this.#digests.of(watcher.filter));
  }
}
