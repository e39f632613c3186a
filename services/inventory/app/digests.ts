import { fnv1a64 } from '#kit/base/hash.ts';
import type { RunRemaining } from './remaining.ts';
import type { WatchFilter } from './remaining_watcher.ts';

export type BucketDigest = { bucket: number; epoch: number; digest: bigint };

type Known = { epoch: number; version: bigint; digest: bigint };

/**
 * Digest of a bucket: the exclusive or of fnv1a64(`<run_id>:<version>`) over its runs. A watcher that keeps the same over
 * the states it has sees at once that it missed one. Kept by service date, since watchers may watch some dates only.
 */
export class Digests {
  readonly #runs = new Map<string, Known>();
  /** Bucket → service date → digest. */
  readonly #buckets = new Map<number, { epoch: number; dates: Map<string, bigint> }>();

  note({ run_id, bucket, service_date, epoch, version }: RunRemaining): void {
    const known = this.#runs.get(run_id);
    if (known !== undefined && (known.epoch > epoch || known.version >= version)) return;
    const digest = digestOf(run_id, version);
    this.#runs.set(run_id, { epoch, version, digest });
    const entry = this.#buckets.get(bucket) ?? { epoch, dates: new Map<string, bigint>() };
    this.#buckets.set(bucket, entry);
    entry.epoch = Math.max(entry.epoch, epoch);
    entry.dates.set(service_date, (entry.dates.get(service_date) ?? 0n) ^ (known?.digest ?? 0n) ^ digest);
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
}

export function digestOf(run_id: string, version: bigint): bigint {
  return fnv1a64(`${run_id}:${version}`);
}
