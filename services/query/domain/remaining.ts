import type { SeatClass } from '../../../timetable/model.ts';
import type { QuotaCounts } from './buyer.ts';

/** What remains of one run, for every pair of stops: absolute, so the newest (epoch, version) is all that counts. */
export type RunRemaining = {
  run_id: string;
  bucket: number;
  epoch: number;
  version: bigint;
  open: boolean;
  /** Row-major upper triangle of pairs (0,1), (0,2) … (n-2,n-1): what anybody can buy. */
  classes: ReadonlyMap<SeatClass, readonly number[] | Uint16Array>;
  /** What some can buy beside; left out where nobody can, which is nearly everywhere. */
  quotas?: ReadonlyMap<SeatClass, readonly QuotaCounts[]>;
};

/** The whole country's remaining, by run. */
export class RemainingTable {
  readonly #runs = new Map<string, RunRemaining>();
  readonly #listeners = new Set<(run_id: string) => void>();
  /** Buckets whose snapshot has arrived since the stream was opened. */
  #complete = new Set<number>();
  #connected = false;
  #warm = false;

  /** False for a state that is older than what is known: it is dropped. */
  put(state: RunRemaining): boolean {
    const known = this.#runs.get(state.run_id);
    if (known !== undefined && !isNewer(state, known)) return false;
    this.#runs.set(state.run_id, state);
    for (const tell of this.#listeners) tell(state.run_id);
    return true;
  }

  get(run_id: string): RunRemaining | undefined {
    return this.#runs.get(run_id);
  }

  connected(): void {
    this.#connected = true;
    this.#complete = new Set();
  }

  disconnected(): void {
    this.#connected = false;
  }

  snapshotComplete(bucket: number): void {
    this.#complete.add(bucket);
  }

  /** A whole snapshot has been through since this process began. */
  warmed(): void {
    this.#warm = true;
  }

  /** False while a run that is not here may all the same be on sale: nobody has told yet. */
  isWarm(): boolean {
    return this.#warm;
  }

  /** True when numbers of this bucket may be behind. */
  isStale(bucket: number | undefined): boolean {
    return !this.#connected || (bucket === undefined ? this.#complete.size === 0 : !this.#complete.has(bucket));
  }

  onChange(tell: (run_id: string) => void): () => void {
    this.#listeners.add(tell);
    return () => void this.#listeners.delete(tell);
  }

  /** Forgets runs that ended, so that days do not pile up. */
  forget(run_ids: Iterable<string>): void {
    for (const run_id of run_ids) this.#runs.delete(run_id);
  }

  runIds(): IterableIterator<string> {
    return this.#runs.keys();
  }

  size(): number {
    return this.#runs.size;
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
