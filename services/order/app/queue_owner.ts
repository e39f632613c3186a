/**
 * Drains the waiting queues of the runs whose lease this process has. Woken by every submission, so an idle run makes
 * nobody wait; a busy one lets entries go at the pace of its seats (domain/pace.ts).
 */
import { bucketOf } from '#kit/base/hash.ts';
import { QUEUE_BUCKETS } from '../domain/entry.ts';
import { fullBucket, nextToken_ms, QUEUE_CAP, refill, takeable, type Bucket } from '../domain/pace.ts';
import { scoreOf } from '../domain/priority.ts';
import type { Paces } from './paces.ts';
import type { QueueLease } from './ports.ts';
import { processEntries, type ProcessPorts } from './process_entries.ts';
import { runKey } from './signals.ts';

export type OwnerPorts = ProcessPorts & {
  paces: Paces;
  /** The lease of a queue bucket, while this process surely holds it. */
  leaseOf(bucket: number): QueueLease | undefined;
};

/** Batches of one run under way at once: while one holds seats, the next may leave the queue. */
const BATCHES_MAX = 4;
const RUNS_LISTED = 5000;
/** How long an idle run's pace is remembered. */
const FORGET_MS = 60_000;

type Draining = { pace?: Bucket; busy: boolean; again: boolean; batches: number; cancel_later?: () => void; used_ms: number };

export class QueueOwner {
  readonly #ports: OwnerPorts;
  readonly #runs = new Map<string, Draining>();
  readonly #work = new Set<Promise<void>>();
  #stopped = false;

  constructor(ports: OwnerPorts) {
    this.#ports = ports;
  }

  /** Something may wait in this run's queue. Cheap; does nothing when another process owns it. */
  wake(run_id: string): void {
    if (this.#stopped || this.#ports.leaseOf(bucketOf(run_id, QUEUE_BUCKETS)) === undefined) return;
    const run = this.#runs.get(run_id) ?? { busy: false, again: false, batches: 0, used_ms: 0 };
    this.#runs.set(run_id, run);
    run.again = true;
    if (run.busy || run.cancel_later !== undefined) return;
    run.busy = true;
    this.#keep(this.#drain(run_id, run));
  }

  /** Looks for waiting entries in the rows: what no wake told of, and what a predecessor left. */
  async look(): Promise<void> {
    const now_ms = this.#ports.clock.monotonic_ms();
    for (const [run_id, run] of this.#runs) {
      if (!run.busy && run.batches === 0 && run.cancel_later === undefined && now_ms - run.used_ms > FORGET_MS) this.#runs.delete(run_id);
    }
    for (const { run_id } of await this.#ports.entries.waitingRuns(RUNS_LISTED)) this.wake(run_id);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const run of this.#runs.values()) run.cancel_later?.();
    await Promise.allSettled(this.#work);
  }

  async #drain(run_id: string, run: Draining): Promise<void> {
    try {
      while (run.again && !this.#stopped) {
        run.again = false;
        await this.#step(run_id, run);
      }
    } catch (error) {
      this.#ports.log.warn({ error, run_id }, 'a queue could not be drained');
    } finally {
      run.busy = false;
      run.used_ms = this.#ports.clock.monotonic_ms();
    }
  }

  async #step(run_id: string, run: Draining): Promise<void> {
    const { paces, clock, entries, queue, signals, meters } = this.#ports;
    if (run.batches >= BATCHES_MAX) return;
    const rate = await paces.drainPerSecond(run_id);
    const now_ms = clock.monotonic_ms();
    run.pace = run.pace === undefined ? fullBucket(rate, now_ms) : refill(run.pace, rate, now_ms);
    const count = takeable(run.pace);
    if (count === 0) return this.#later(run_id, run, nextToken_ms(run.pace, rate));
    const lease = this.#ports.leaseOf(bucketOf(run_id, QUEUE_BUCKETS));
    if (lease === undefined) return;

    const first = await this.#first(run_id, lease, count);
    if (first.length === 0) return;
    const started = await entries.start(first, lease);
    if (started === undefined) return;
    await queue.remove(run_id, first).catch((error: unknown) => this.#ports.log.warn({ error, run_id }, 'dequeued entries stay in Redis'));
    run.pace = { ...run.pace, tokens: run.pace.tokens - started.length };
    run.again = true;
    // What was peeked and did not start had left or been served already; it is out of the way now.
    if (started.length === 0) return;
    signals.emit(runKey(run_id));
    for (const entry of started) meters.waited(clock.now_ms() - entry.enter_ms);
    run.batches += 1;
    this.#keep(this.#process(run_id, run, started, lease));
  }

  /** What is next, from the rows: an entry that Redis has not heard of must not be overtaken. Redis is built again after a loss. */
  async #first(run_id: string, lease: QueueLease, count: number): Promise<string[]> {
    const { queue, entries, log } = this.#ports;
    const first = (await entries.waiting(run_id, count)).map(({ entry_id }) => entry_id);
    try {
      if ((await queue.peek(run_id, lease.term, 1)) === undefined) {
        const waiting = await entries.waiting(run_id, QUEUE_CAP);
        await queue.rebuild(run_id, lease.term, waiting.map(({ entry_id, priority, sequence }) => ({ entry_id, score: scoreOf(priority, sequence) })));
      }
    } catch (error) {
      log.warn({ error, run_id }, 'the queue is not to be seen in Redis');
    }
    return first;
  }

  async #process(run_id: string, run: Draining, started: Parameters<typeof processEntries>[1], lease: QueueLease): Promise<void> {
    try {
      await processEntries(this.#ports, started, lease);
    } catch (error) {
      // They stay PROCESSING; the sweeper repeats them.
      this.#ports.log.warn({ error, run_id, entries: started.length }, 'entries could not be processed');
    } finally {
      run.batches -= 1;
      this.wake(run_id);
    }
  }

  #later(run_id: string, run: Draining, wait_ms: number): void {
    run.cancel_later = this.#ports.timers.after(Math.max(1, wait_ms), () => {
      run.cancel_later = undefined;
      this.wake(run_id);
    });
  }

  #keep(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }
}
