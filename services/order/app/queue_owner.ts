/**
 * Drains the waiting queues of the runs whose lease this process has, in the order of their rows. Woken by every
 * submission, so an idle run makes nobody wait; a busy one lets entries go at the pace of its seats (domain/pace.ts).
 *
 * What is in flight comes first: a new owner repeats what its predecessor had taken from the queue before it takes more,
 * and places are held for one batch after the other, so that nobody is served with seats of somebody who came before.
 */
import { bucketOf } from '#kit/base/hash.ts';
import { QUEUE_BUCKETS, type QueueEntry } from '../domain/entry.ts';
import { BATCH_LIMIT, fullBucket, nextToken_ms, QUEUE_CAP, refill, takeable, type Bucket } from '../domain/pace.ts';
import { scoreOf } from '../domain/priority.ts';
import { holdPlaces, type Held } from './hold_places.ts';
import type { Outlooks } from './outlooks.ts';
import type { Paces } from './paces.ts';
import type { QueueLease } from './ports.ts';
import { settleEntries, type ProcessPorts } from './process_entries.ts';
import { runKey } from './signals.ts';

export type OwnerPorts = ProcessPorts & {
  paces: Paces;
  outlooks: Pick<Outlooks, 'count'>;
  /** The lease of a queue bucket, while this process surely holds it. */
  leaseOf(bucket: number): QueueLease | undefined;
};

/** Batches of one run whose orders are being written at once: meanwhile the next may hold its places. */
const BATCHES_MAX = 4;
const RUNS_LISTED = 5000;
/** More than all batches of an owner and what it put off. */
const IN_FLIGHT_MAX = 5000;
/** How long an idle run's pace is remembered. */
const FORGET_MS = 60_000;

type Draining = {
  pace?: Bucket;
  busy: boolean;
  again: boolean;
  batches: number;
  cancel_later?: () => void;
  used_ms: number;
  /** What was in flight has been looked for under this term. */
  repeated_term?: bigint;
  /** In flight, and in the hands of this process. */
  in_hand: Set<string>;
};

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
    if (this.#stopped || this.#leaseOf(run_id) === undefined) return;
    const run = this.#runs.get(run_id) ?? { busy: false, again: false, batches: 0, used_ms: 0, in_hand: new Set() };
    this.#runs.set(run_id, run);
    run.again = true;
    if (run.busy || run.cancel_later !== undefined) return;
    run.busy = true;
    this.#keep(this.#drain(run_id, run));
  }

  /** Entries of this run have been in flight for too long. They are repeated before anybody else is served. */
  repeat(run_id: string): void {
    const run = this.#runs.get(run_id);
    if (run !== undefined) run.repeated_term = undefined;
    this.wake(run_id);
  }

  /** Looks for open entries in the rows: what no wake told of, and what a predecessor left. */
  async look(): Promise<void> {
    const now_ms = this.#ports.clock.monotonic_ms();
    for (const [run_id, run] of this.#runs) {
      if (!run.busy && run.batches === 0 && run.cancel_later === undefined && now_ms - run.used_ms > FORGET_MS) this.#runs.delete(run_id);
    }
    for (const { run_id, waiting } of await this.#ports.entries.openRuns(RUNS_LISTED)) {
      if (waiting || !this.#isRepeated(run_id)) this.wake(run_id);
    }
  }

  /** What is in flight was looked for under the lease that this process has: the rest is in its hands or not overdue yet. */
  #isRepeated(run_id: string): boolean {
    const term = this.#runs.get(run_id)?.repeated_term;
    return term !== undefined && term === this.#leaseOf(run_id)?.term;
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
      // Entries may have been taken from the queue all the same.
      run.repeated_term = undefined;
      this.#ports.log.warn({ error, run_id }, 'a queue could not be drained');
    } finally {
      run.busy = false;
      run.used_ms = this.#ports.clock.monotonic_ms();
    }
  }

  async #step(run_id: string, run: Draining): Promise<void> {
    if (run.batches >= BATCHES_MAX) return;
    const lease = this.#leaseOf(run_id);
    if (lease === undefined) return;
    if (run.repeated_term !== lease.term) return this.#repeatInFlight(run_id, run, lease);
    const { paces, clock, entries, meters, outlooks } = this.#ports;
    const rate = await paces.drainPerSecond(run_id);
    const now_ms = clock.monotonic_ms();
    run.pace = run.pace === undefined ? fullBucket(rate, now_ms) : refill(run.pace, rate, now_ms);
    const count = takeable(run.pace);
    if (count === 0) {
      // Only whom a queue makes wait needs to know.
      this.#keep(outlooks.count(run_id));
      return this.#later(run_id, run, nextToken_ms(run.pace, rate));
    }

    const next = (await entries.waiting(run_id, count)).map(({ entry_id }) => entry_id);
    if (next.length === 0) return;
    const started = await entries.start(next, lease);
    if (started === undefined) return;
    run.pace = { ...run.pace, tokens: run.pace.tokens - started.length };
    // Fewer were all there were: whoever comes now wakes us.
    if (next.length === count) run.again = true;
    for (const entry of started) meters.waited(clock.now_ms() - entry.enter_ms);
    await Promise.all([this.#showMoved(run_id, lease, next), this.#serve(run_id, run, started, lease)]);
  }

  /** Left by a predecessor, or undecided by inventory when it was asked last. */
  async #repeatInFlight(run_id: string, run: Draining, lease: QueueLease): Promise<void> {
    run.again = true;
    const in_flight = await this.#ports.entries.inFlight(run_id, IN_FLIGHT_MAX);
    const left = in_flight.filter(({ entry_id }) => !run.in_hand.has(entry_id));
    if (left.length > 0) await this.#showMoved(run_id, lease, left.map(({ entry_id }) => entry_id));
    run.repeated_term = lease.term;
    for (let start = 0; start < left.length; start += BATCH_LIMIT) await this.#serve(run_id, run, left.slice(start, start + BATCH_LIMIT), lease);
  }

  /** Resolves when the places are held; the orders are written meanwhile. */
  async #serve(run_id: string, run: Draining, batch: readonly QueueEntry[], lease: QueueLease): Promise<void> {
    if (batch.length === 0) return;
    for (const { entry_id } of batch) run.in_hand.add(entry_id);
    const { inventory, log, clock, timers, paces } = this.#ports;
    const goesOn = (): boolean => !this.#stopped && this.#leaseOf(run_id)?.term === lease.term;
    const { held, interrupted } = await holdPlaces({ inventory, log, clock, timers, goesOn, measured: (latency_ms) => paces.measured(run_id, latency_ms) }, batch);
    // Should the lease only have been in doubt, nobody passes those who were left undecided.
    if (interrupted) run.repeated_term = undefined;
    const left = interrupted ? held.filter(({ outcome }) => outcome === undefined) : [];
    for (const { entry } of left) run.in_hand.delete(entry.entry_id);
    run.batches += 1;
    this.#keep(this.#settle(run_id, run, held.filter((one) => !left.includes(one)), lease));
  }

  async #settle(run_id: string, run: Draining, held: readonly Held[], lease: QueueLease): Promise<void> {
    try {
      await settleEntries(this.#ports, held, lease);
    } catch (error) {
      // They stay PROCESSING and are repeated when they are overdue.
      this.#ports.log.warn({ error, run_id, entries: held.length }, 'entries could not be settled');
    } finally {
      for (const { entry } of held) run.in_hand.delete(entry.entry_id);
      run.batches -= 1;
      if (run.batches === BATCHES_MAX - 1) this.wake(run_id);
    }
  }

  /** What people see of it. A Redis that lost the queue, or may have lost some of it, gets all of it from the rows. */
  async #showMoved(run_id: string, lease: QueueLease, entry_ids: readonly string[]): Promise<void> {
    const { queue, entries, signals, log } = this.#ports;
    try {
      const server = await queue.served(run_id, lease.term, entry_ids);
      if (server !== undefined) {
        const newest = await entries.newest();
        const waiting = await entries.waiting(run_id, QUEUE_CAP);
        await queue.rebuild(run_id, { term: lease.term, server, newest }, waiting.map(({ entry_id, priority, sequence }) => ({ entry_id, score: scoreOf(priority, sequence) })));
      }
    } catch (error) {
      log.warn({ error, run_id }, 'served entries stay in Redis until the queue is built again');
    }
    signals.emit(runKey(run_id));
  }

  #leaseOf(run_id: string): QueueLease | undefined {
    return this.#ports.leaseOf(bucketOf(run_id, QUEUE_BUCKETS));
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
