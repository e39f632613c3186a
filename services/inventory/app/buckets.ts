import { setTimeout as sleep } from 'node:timers/promises';
import { bulkhead } from 'cockatiel';
import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { BucketEpoch, BucketState, Epochs, Ledger, OperatorAct, RunImage, RunStore, SeatStore } from './ports.ts';
import { recordOf } from './records.ts';
import { closedSeats, type RunHeader } from '../domain/run.ts';

export type BucketsOptions = { count: number; epochs: Epochs; seats: SeatStore; runs: RunStore; ledger: Ledger; clock: Clock; log: Log; onRebuilt?: (bucket: number, epoch: number) => void };

export type Rebuilt = { runs: number; holds: number };

/** `force` rebuilds even when Redis and ledger agree on the epoch; `reopening` also what an operator has closed. */
export type RepairOptions = { force?: boolean; reopening?: OperatorAct };

const RUNS_PER_PAGE = 500;
/** How long to wait for another process that rebuilds a bucket before trying oneself. */
const WAIT_FOR_OTHER_MS = 30_000;
const WAIT_STEP_MS = 100;
const REPAIRS_AT_ONCE = 4;
/** A server that stays away is asked again by the next hold then, which costs the holds of its tick one deadline. */
const MAX_PROBES = 100;

/**
 * What this process knows of each bucket's epoch, and the way back when Redis doesn't agree: the epoch is bumped (which
 * ends every ledger transaction of the older one), Redis is written from the ledger, the bucket opens. What an operator
 * has closed stays so, whatever is suspected of it, until it is reopened by name.
 */
export class Buckets {
  readonly #options: BucketsOptions;
  readonly #epochs = new Map<number, number>();
  readonly #repairs = new Map<number, Promise<Rebuilt | undefined>>();
  readonly #away = new Set<number>();
  /** When all of Redis is lost all buckets want to be rebuilt; a few at a time leave connections for those that are open again. */
  readonly #turns = bulkhead(REPAIRS_AT_ONCE, Infinity);

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

  /** Whether a header was read since the bucket's epoch is known, and so has the layout that Redis has. */
  isCurrent(run: RunHeader): boolean {
    return this.#options.runs.isCurrent(run);
  }

  /** The same, after waiting for a rebuild that is under way: for work that must not be refused. */
  async settledEpoch(bucket: number): Promise<number | undefined> {
    await this.#repairs.get(bucket)?.catch(() => undefined);
    return this.epochOf(bucket);
  }

  /**
   * Reads the epochs; rebuilds the buckets that Redis doesn't have as the ledger says. `beside` another version that serves, a bucket
   * that this one doesn't find is no loss but a sign of another format: rebuilding it would take it from those that sell it, so it throws.
   */
  async start({ beside = false }: { beside?: boolean } = {}): Promise<void> {
    const { known, states } = await this.#readAll();
    const behind = this.all.filter((bucket) => {
      const [row, state] = [known.get(bucket), states.get(bucket)];
      // What is closed, or on a server of the cluster that is away, must not keep the others from selling.
      if (row?.closed === true || state === 'AWAY') return false;
      const epoch = agreedEpoch(row, state);
      if (epoch !== undefined) this.#setEpoch(bucket, epoch);
      return epoch === undefined;
    });
    if (beside && behind.length > 0) throw new Error(`Redis has no open bucket ${behind.slice(0, 8).join(', ')} as this version keeps them: it can't serve beside another one`);
    await this.repairAll(behind);
  }

  /** Looks whether Redis still has every bucket as the ledger and we know it, so that a loss is mended before anybody meets it. */
  async check(): Promise<void> {
    const { known, states } = await this.#readAll();
    for (const bucket of this.all) {
      const row = known.get(bucket);
      if (row?.closed === true) {
        this.#shut(bucket, row.epoch);
        continue;
      }
      const why = this.#whyWrong(bucket, row, states.get(bucket));
      if (why !== undefined) this.suspect(bucket, why);
    }
  }

  /**
   * Closes buckets in the ledger, which ends every transaction of before, then in Redis, then here; other processes meet
   * the new epoch at once or see it with their next check. Throws when Redis is away: the ledger has them as closed all the
   * same, so nothing is sold from them. Repeatable.
   */
  async close(buckets: readonly number[], act: OperatorAct): Promise<void> {
    const { epochs, seats, log } = this.#options;
    const closed = new Map<number, number>();
    for (const bucket of buckets) closed.set(bucket, await epochs.close(bucket, act));
    log.info({ buckets: [...closed.keys()], reason: act.reason, by: act.service }, 'buckets are closed by an operator');
    const told = await Promise.allSettled([...closed].map(([bucket, epoch]) => seats.begin(bucket, epoch)));
    for (const [bucket, epoch] of closed) {
      // A rebuild of an older epoch that is under way fails at Redis or is undone here.
      await this.#repairs.get(bucket)?.catch(() => undefined);
      this.#shut(bucket, epoch);
    }
    for (const outcome of told) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Rebuilds buckets anew, also those that an operator has closed. */
  async reopen(buckets: readonly number[], act: OperatorAct): Promise<Rebuilt & { buckets: number }> {
    // One that is just being repaired may find it closed; what comes after it may not.
    for (const bucket of buckets) await this.#repairs.get(bucket)?.catch(() => undefined);
    return this.repairAll(buckets, { force: true, reopening: act });
  }

  /** Repairs them all, a few at a time; what was rebuilt by this process, in sum. Throws in the end when one could not be repaired. */
  async repairAll(buckets: readonly number[], options: RepairOptions = {}): Promise<Rebuilt & { buckets: number }> {
    const outcomes = await Promise.allSettled(buckets.map((bucket) => this.repair(bucket, options)));
    const sum = { buckets: 0, runs: 0, holds: 0 };
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason;
      if (outcome.value === undefined) continue;
      sum.buckets += 1;
      sum.runs += outcome.value.runs;
      sum.holds += outcome.value.holds;
    }
    return sum;
  }

  /** Redis or the ledger didn't agree with our epoch: finds out who is right, in the background, once at a time. */
  suspect(bucket: number, why: string): void {
    if (this.#repairs.has(bucket)) return;
    this.#options.log.warn({ bucket, why }, 'a bucket is closed until it is brought up to date');
    // Whoever waits has its own reference; here the failure is logged and the next call suspects again.
    this.repair(bucket, { force: why === 'MISSING' || why === 'SEQUENCE' }).catch((error: unknown) => this.#options.log.error({ error, bucket }, 'a bucket was not brought up to date'));
  }

  /** Its server did not answer a little while ago: a hold is better refused at once than made to keep the others of its tick waiting. */
  isAway(bucket: number): boolean {
    return this.#away.has(bucket);
  }

  /** Redis did not answer for the bucket. It is asked in the background until it does. */
  noteAway(bucket: number): void {
    if (this.#away.has(bucket)) return;
    this.#away.add(bucket);
    void this.#untilBack(bucket).finally(() => this.#away.delete(bucket));
  }

  async #untilBack(bucket: number): Promise<void> {
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      await sleep(WAIT_STEP_MS, undefined, { ref: false });
      if (await this.#options.seats.bucketStates([bucket]).then(() => true, () => false)) return;
    }
  }

  /** Forced when a run is missing, or history was lost. Undefined when nothing was rebuilt by this process. */
  repair(bucket: number, options: RepairOptions = {}): Promise<Rebuilt | undefined> {
    const running = this.#repairs.get(bucket);
    if (running !== undefined) return running;
    const seen_epoch = this.#epochs.get(bucket);
    const work = this.#turns.execute(() => this.#repair(bucket, options, seen_epoch)).finally(() => this.#repairs.delete(bucket));
    this.#repairs.set(bucket, work);
    return work;
  }

  async #repair(bucket: number, { force = false, reopening }: RepairOptions, seen_epoch: number | undefined): Promise<Rebuilt | undefined> {
    const { epochs, seats } = this.#options;
    const deadline_ms = performance.now() + WAIT_FOR_OTHER_MS;
    while (performance.now() < deadline_ms) {
      const row = (await epochs.read([bucket])).get(bucket);
      if (row?.closed === true && reopening === undefined) {
        this.#shut(bucket, row.epoch);
        return undefined;
      }
      // Forced, an epoch that is newer than the one we had means that another process has just done it.
      const epoch = agreedEpoch(row, (await seats.bucketStates([bucket]))[0]);
      if (epoch !== undefined && (!force || epoch !== seen_epoch)) {
        this.#setEpoch(bucket, epoch);
        return undefined;
      }
      const rebuilt = await epochs.withLease(bucket, () => this.#rebuild(bucket, reopening));
      if (rebuilt !== undefined) return rebuilt;
      await sleep(WAIT_STEP_MS);
    }
    throw new Error(`bucket ${bucket} was not rebuilt by another process in time`);
  }

  /** Coaches are changed only with a new epoch: headers that were read before may have another layout than Redis has now. */
  #setEpoch(bucket: number, epoch: number): void {
    if (this.#epochs.get(bucket) !== epoch) this.#options.runs.renew(bucket);
    this.#epochs.set(bucket, epoch);
  }

  /** The ledger first: a sequence that it has, Redis must have reached. */
  async #readAll(): Promise<{ known: Map<number, BucketEpoch>; states: Map<number, BucketState | 'AWAY' | undefined> }> {
    const known = await this.#options.epochs.read(this.all);
    // A bucket that is closed may be on its way to another server.
    const asked = this.all.filter((bucket) => known.get(bucket)?.closed !== true);
    const states = await this.#options.seats.bucketStates(asked);
    return { known, states: new Map(asked.map((bucket, index) => [bucket, states[index]])) };
  }

  #whyWrong(bucket: number, row: BucketEpoch | undefined, state: BucketState | 'AWAY' | undefined): string | undefined {
    const epoch = this.epochOf(bucket);
    // While its server is away nothing can be repaired.
    if (state === 'AWAY') return undefined;
    if (epoch === undefined) return 'UNKNOWN';
    if (state === undefined) return 'LOST';
    if (state.epoch !== epoch || !state.open || (row !== undefined && row.epoch > epoch)) return 'EPOCH';
    // A replica that lagged and took over: what the ledger has committed since is free again in Redis.
    if (row?.epoch === epoch && state.sequence < row.sequence) return 'SEQUENCE';
    return undefined;
  }

  /** Not used until it is reopened; one that was reopened since stays. */
  #shut(bucket: number, epoch: number): void {
    if ((this.#epochs.get(bucket) ?? 0) <= epoch) this.#epochs.delete(bucket);
  }

  /** Undefined when an operator has closed the bucket at this moment. */
  async #rebuild(bucket: number, reopening: OperatorAct | undefined): Promise<Rebuilt | undefined> {
    const { epochs, seats, log } = this.#options;
    const started_ms = performance.now();
    this.#options.runs.renew(bucket);
    const epoch = await epochs.bump(bucket, reopening);
    if (epoch === undefined) return undefined;
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
    this.#setEpoch(bucket, epoch);
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
    return runs.map((run) => ({ run, ...bits.get(run.run_id)!, closed_quotas: closedSeats(run, this.#options.clock.now_ms()), records: (held.get(run.run_id) ?? []).map(recordOf) }));
  }
}

/** The epoch that Redis and ledger agree on and Redis is open for. */
function agreedEpoch(row: BucketEpoch | undefined, state: BucketState | 'AWAY' | undefined): number | undefined {
  return state !== undefined && state !== 'AWAY' && state.open && state.epoch === row?.epoch ? row.epoch : undefined;
}
