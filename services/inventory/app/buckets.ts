import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Epochs, Ledger, RunImage, RunStore, SeatStore } from './ports.ts';
import { recordOf } from './records.ts';
import { closedQuotas } from '../domain/quota.ts';
import type { RunHeader } from '../domain/run.ts';

export type BucketsOptions = { count: number; epochs: Epochs; seats: SeatStore; runs: RunStore; ledger: Ledger; clock: Clock; log: Log; onRebuilt?: (bucket: number, epoch: number) => void };

export type Rebuilt = { runs: number; holds: number };

const RUNS_PER_PAGE = 500;
/** How long to wait for another process that rebuilds a bucket before trying oneself. */
const WAIT_FOR_OTHER_MS = 30_000;
const WAIT_STEP_MS = 100;
const REPAIRS_AT_ONCE = 4;

/**
 * What this process knows of each bucket's epoch, and the way back when Redis doesn't agree: the epoch is bumped (which
 * ends every ledger transaction of the older one), Redis is written from the ledger, the bucket opens.
 */
export class Buckets {
  readonly #options: BucketsOptions;
  readonly #epochs = new Map<number, number>();
  readonly #repairs = new Map<number, Promise<Rebuilt | undefined>>();

  constructor(options: BucketsOptions) {
    this.#options = options;
  }

  get all(): number[] {
    return Array.from({ length: this.#options.count }, (_, bucket) => bucket);
  }

  /** The epoch to call Redis and the ledger with; undefined while the bucket is being brought up to date. */
  epochOf(bucket: number): number | undefined {
    return this.#repairs.has(bucket) ? undefined : this.#epochs.get(bucket);
  }

  /** The same, after waiting for a rebuild that is under way: for work that must not be refused. */
  async settledEpoch(bucket: number): Promise<number | undefined> {
    await this.#repairs.get(bucket)?.catch(() => undefined);
    return this.epochOf(bucket);
  }

  /** Reads the epochs; rebuilds the buckets that Redis doesn't have as the ledger says. */
  async start(): Promise<void> {
    const { epochs, seats } = this.#options;
    const known = await epochs.read(this.all);
    const states = await seats.bucketStates(this.all);
    const behind = this.all.filter((bucket) => {
      const epoch = known.get(bucket);
      const agreed = epoch !== undefined && states[bucket]?.open === true && states[bucket].epoch === epoch;
      if (agreed) this.#epochs.set(bucket, epoch);
      return !agreed;
    });
    await this.repairAll(behind);
  }

  /** Looks whether Redis still has every bucket as we know it, so that a loss is mended before anybody meets it. */
  async check(): Promise<void> {
    const states = await this.#options.seats.bucketStates(this.all);
    for (const bucket of this.all) {
      const epoch = this.epochOf(bucket);
      if (epoch === undefined) this.suspect(bucket, 'UNKNOWN');
      else if (states[bucket] === undefined) this.suspect(bucket, 'LOST');
      else if (states[bucket].epoch !== epoch || !states[bucket].open) this.suspect(bucket, 'EPOCH');
    }
  }

  /** Repairs several at a time; what was rebuilt by this process, in sum. Throws when one could not be repaired. */
  async repairAll(buckets: readonly number[], force = false): Promise<Rebuilt & { buckets: number }> {
    const sum = { buckets: 0, runs: 0, holds: 0 };
    const queue = buckets.values();
    const worker = async () => {
      for (const bucket of queue) {
        const rebuilt = await this.repair(bucket, force);
        if (rebuilt === undefined) continue;
        sum.buckets += 1;
        sum.runs += rebuilt.runs;
        sum.holds += rebuilt.holds;
      }
    };
    await Promise.all(Array.from({ length: REPAIRS_AT_ONCE }, worker));
    return sum;
  }

  /** Redis or the ledger didn't agree with our epoch: finds out who is right, in the background, once at a time. */
  suspect(bucket: number, why: string): void {
    if (this.#repairs.has(bucket)) return;
    this.#options.log.warn({ bucket, why }, 'a bucket is closed until it is brought up to date');
    // Whoever waits has its own reference; here the failure is logged and the next call suspects again.
    this.repair(bucket, why === 'MISSING' || why === 'SEQUENCE').catch((error: unknown) => this.#options.log.error({ error, bucket }, 'a bucket was not brought up to date'));
  }

  /** `force` rebuilds even when Redis and ledger agree on the epoch: when a run is missing, or history was lost. */
  repair(bucket: number, force = false): Promise<Rebuilt | undefined> {
    const running = this.#repairs.get(bucket);
    if (running !== undefined) return running;
    const work = this.#repair(bucket, force, this.#epochs.get(bucket)).finally(() => this.#repairs.delete(bucket));
    this.#repairs.set(bucket, work);
    return work;
  }

  async #repair(bucket: number, force: boolean, seen_epoch: number | undefined): Promise<Rebuilt | undefined> {
    const deadline_ms = performance.now() + WAIT_FOR_OTHER_MS;
    while (performance.now() < deadline_ms) {
      // Forced, an epoch that is newer than the one we had means that another process has just done it.
      const epoch = await this.#agreedEpoch(bucket);
      if (epoch !== undefined && (!force || epoch !== seen_epoch)) {
        this.#epochs.set(bucket, epoch);
        return undefined;
      }
      const rebuilt = await this.#options.epochs.withLease(bucket, () => this.#rebuild(bucket));
      if (rebuilt !== undefined) return rebuilt;
      await sleep(WAIT_STEP_MS);
    }
    throw new Error(`bucket ${bucket} was not rebuilt by another process in time`);
  }

  /** The epoch that Redis and ledger agree on and Redis is open for. */
  async #agreedEpoch(bucket: number): Promise<number | undefined> {
    const [state] = await this.#options.seats.bucketStates([bucket]);
    const epoch = (await this.#options.epochs.read([bucket])).get(bucket);
    return state?.open === true && state.epoch === epoch ? epoch : undefined;
  }

  async #rebuild(bucket: number): Promise<Rebuilt> {
    const { epochs, seats, log } = this.#options;
    const started_ms = performance.now();
    const epoch = await epochs.bump(bucket);
    if ((await seats.begin(bucket, epoch)) !== 'OK') throw new Error(`Redis has a newer epoch of bucket ${bucket} than the ledger`);
    // The bump has committed, so whatever of older epochs the ledger will ever hold is in what is read from here on.
    const done: Rebuilt = { runs: 0, holds: 0 };
    for await (const runs of this.runsOf([bucket])) {
      const images = await this.imagesOf(runs);
      await seats.openRuns(new Map([[bucket, epoch]]), images);
      done.runs += runs.length;
      done.holds += images.reduce((sum, { records }) => sum + records.length, 0);
    }
    if ((await seats.finish(bucket, epoch)) !== 'OK') throw new Error(`bucket ${bucket} got a newer epoch while it was rebuilt`);
    this.#epochs.set(bucket, epoch);
    log.info({ bucket, epoch, ...done, ms: Math.round(performance.now() - started_ms) }, 'bucket rebuilt from the ledger');
    this.#options.onRebuilt?.(bucket, epoch);
    return done;
  }

  /** Runs of buckets, a page at a time. */
  async *runsOf(buckets: readonly number[], service_dates: readonly string[] = []): AsyncGenerator<RunHeader[]> {
    let after_run_no = 0n;
    for (;;) {
      const runs = await this.#options.runs.page({ buckets, after_run_no, limit: RUNS_PER_PAGE, service_dates });
      if (runs.length > 0) yield runs;
      if (runs.length < RUNS_PER_PAGE) return;
      after_run_no = runs.at(-1)!.run_no;
    }
  }

  /** What the ledger says of the runs. */
  async imagesOf(runs: readonly RunHeader[]): Promise<RunImage[]> {
    const bits = await this.#options.ledger.readBits(runs);
    const held = Map.groupBy(await this.#options.ledger.heldHolds(runs), (hold) => hold.run_id);
    return runs.map((run) => ({ run, ...bits.get(run.run_id)!, closed_quotas: closedQuotas(run.quotas, run.layout, this.#options.clock.now_ms()), records: (held.get(run.run_id) ?? []).map(recordOf) }));
  }
}
