import type { SeatClass } from '../../../timetable/model.ts';
import { BucketView } from './bucket_view.ts';
import type { QuotaCounts } from './buyer.ts';
import type { ClassCounts } from './packed_counts.ts';

/** What remains of one run, for every pair of stops: absolute, so the newest (epoch, version) is all that counts. */
export type RunRemaining = {
  readonly run_id: string;
  readonly bucket: number;
  readonly epoch: number;
  readonly version: bigint;
  readonly open: boolean;
  /** Row-major upper triangle of pairs (0,1), (0,2) … (n-2,n-1): what anybody can buy. */
  readonly classes: ClassCounts;
  /** What some can buy beside; left out where nobody can, which is nearly everywhere. */
  readonly quotas?: ReadonlyMap<SeatClass, readonly QuotaCounts[]>;
};

/**
 * The whole country's remaining, by run. A state is never changed, only replaced, so what was made from one may be kept
 * for as long as `get` answers with the same. Nothing is called fresh that the present stream has not told.
 */
export class RemainingTable {
  readonly #runs = new Map<string, RunRemaining>();
  readonly #listeners = new Set<(run_id: string) => void>();
  #views = new Map<number, BucketView>();
  #connected = false;
  #live = false;
  #warm = false;
  #freshness = 0;
  #changes = 0;

  /** False for a state that is older than what is known: it is dropped. */
  put(state: RunRemaining): boolean {
    const known = this.#runs.get(state.run_id);
    const newer = known === undefined || isNewer(state, known);
    // An older one says all the same that the run is there, at the version we have.
    const view = this.#view(state.bucket);
    if (view.complete && !view.has(state.run_id)) this.#freshness += 1;
    view.note(state.run_id, newer ? state.version : known.version);
    if (!newer) return false;
    this.#runs.set(state.run_id, state);
    this.#changes += 1;
    for (const tell of this.#listeners) tell(state.run_id);
    return true;
  }

  get(run_id: string): RunRemaining | undefined {
    return this.#runs.get(run_id);
  }

  connected(): void {
    this.#freshness += 1;
    this.#connected = true;
    this.#live = false;
    this.#views = new Map();
  }

  disconnected(): void {
    this.#freshness += 1;
    this.#connected = false;
  }

  /** A bucket is told from its beginning again; until that is through it may be behind. */
  snapshotBegins(bucket: number): void {
    this.#freshness += 1;
    this.#views.set(bucket, new BucketView());
  }

  snapshotComplete(bucket: number): void {
    this.#freshness += 1;
    this.#view(bucket).complete = true;
  }

  /** Every bucket's snapshot is through. */
  warmed(): void {
    if (!this.#live) this.#freshness += 1;
    this.#live = true;
    this.#warm = true;
  }

  /** False while a run that is not here may all the same be on sale: nobody has told yet. */
  isWarm(): boolean {
    return this.#warm;
  }

  /** True when inventory's digest of a bucket whose snapshot is through is another: something was lost on the way. */
  differs(bucket: number, digest: bigint): boolean {
    const view = this.#view(bucket);
    return view.complete && view.digest !== digest;
  }

  /** True when what is known of a run may be behind; `undefined`: of one that is not known. */
  isStale(state: Pick<RunRemaining, 'run_id' | 'bucket'> | undefined): boolean {
    if (!this.#connected) return true;
    if (state === undefined) return !this.#live;
    const view = this.#views.get(state.bucket);
    return view?.complete !== true || !view.has(state.run_id);
  }

  /** While it and the state of a run stay, `isStale` answers the same of that run. */
  get freshness(): number {
    return this.#freshness;
  }

  /** While it stays, `get` answers the same of every run. */
  get changes(): number {
    return this.#changes;
  }

  onChange(tell: (run_id: string) => void): () => void {
    this.#listeners.add(tell);
    return () => void this.#listeners.delete(tell);
  }

  /** Forgets runs that ended, so that days do not pile up. */
  forget(run_ids: Iterable<string>): void {
    this.#changes += 1;
    for (const run_id of run_ids) this.#runs.delete(run_id);
  }

  runIds(): IterableIterator<string> {
    return this.#runs.keys();
  }

  size(): number {
    return this.#runs.size;
  }

  #view(bucket: number): BucketView {
    const view = this.#views.get(bucket) ?? new BucketView();
    this.#views.set(bucket, view);
    return view;
  }
}

/** Last writer wins on (epoch, version). */
export function isNewer(state: Pick<RunRemaining, 'epoch' | 'version'>, known: Pick<RunRemaining, 'epoch' | 'version'>): boolean {
  return state.epoch > known.epoch || (state.epoch === known.epoch && state.version > known.version);
}

/** Position of the pair (from, to) in a triangle of `stops` stops; 0 ≤ from < to < stops. */
export function pairIndex(stops: number, from: number, to: number): number {
  return from * (stops - 1) - (from * (from - 1)) / 2 + (to - from - 1);
}
