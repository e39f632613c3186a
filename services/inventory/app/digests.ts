import { fnv1a64 } from '#kit/base/hash.ts';
import type { RunRemaining } from './remaining.ts';
import type { WatchFilter } from './remaining_watcher.ts';

export type BucketDigest = { bucket: number; epoch: number; digest: bigint };

type Known = { bucket: number; service_date: string; version: bigint; digest: bigint; /** When it was told last, in the order of all. */ told: number };

/**
 * Digest of a bucket: the exclusive or of fnv1a64(`<run_id>:<version>`) over its runs. A watcher that keeps the same over
 * the states it has seen sees at once that it missed one. Kept by service date, since watchers may watch some dates only.
 */
export class Digests {
  /** Bucket → run → what was told of it. */
  readonly #runs = new Map<number, Map<string, Known>>();
  /** Bucket → service date → digest. */
  readonly #buckets = new Map<number, { epoch: number; dates: Map<string, bigint> }>();
  #told = 0;

  /** False for a state that is no newer than what was told; versions grow with epochs, too. */
  note({ run_id, bucket, service_date, epoch, version }: RunRemaining): boolean {
    const runs = this.#runs.get(bucket) ?? new Map<string, Known>();
    this.#runs.set(bucket, runs);
    const known = runs.get(run_id);
    this.#told += 1;
    if (known !== undefined && known.version >= version) {
      known.told = this.#told;
      return false;
    }
    const digest = digestOf(run_id, version);
    runs.set(run_id, { bucket, service_date, version, digest, told: this.#told });
    const entry = this.#buckets.get(bucket) ?? { epoch, dates: new Map<string, bigint>() };
    this.#buckets.set(bucket, entry);
    entry.epoch = Math.max(entry.epoch, epoch);
    this.#mix(bucket, service_date, (known?.digest ?? 0n) ^ digest);
    return true;
  }

  /** A moment, for `forgetUntold`. */
  now(): number {
    return this.#told;
  }

  /**
   * Forgets runs of a bucket that were not told since a moment: whoever got a whole snapshot since then knows nothing of
   * them (their sale is long past). Watchers of before differ then, and ask for the bucket once.
   */
  forgetUntold({ bucket, service_dates }: { bucket: number; service_dates: ReadonlySet<string> }, since: number): void {
    for (const [run_id, known] of this.#runs.get(bucket) ?? []) {
      if (known.told > since || (service_dates.size > 0 && !service_dates.has(known.service_date))) continue;
      this.#runs.get(bucket)!.delete(run_id);
      this.#mix(bucket, known.service_date, known.digest);
    }
  }

  of({ buckets, service_dates }: WatchFilter): BucketDigest[] {
    return buckets.flatMap((bucket) => {
      const entry = this.#buckets.get(bucket);
      if (entry === undefined) return [];
      let digest = 0n;
      for (const [date, part] of entry.dates) if (service_dates.size === 0 || service_dates.has(date)) digest ^= part;
      return [{ bucket, epoch: entry.epoch, digest }];
    });
  }

  #mix(bucket: number, service_date: string, part: bigint): void {
    const { dates } = this.#buckets.get(bucket)!;
    dates.set(service_date, (dates.get(service_date) ?? 0n) ^ part);
  }
}

export function digestOf(run_id: string, version: bigint): bigint {
  return fnv1a64(`${run_id}:${version}`);
}
