import { fieldInvalid } from '#kit/base/result.ts';
import { unwrap } from '#kit/rpc/error.ts';

/** The named buckets in order, each once. Throws FIELD_INVALID for one that there isn't. */
export function checkBuckets(buckets: readonly number[], bucket_count: number): number[] {
  if (buckets.some((bucket) => bucket >= bucket_count)) unwrap(fieldInvalid('buckets', `below ${bucket_count}`));
  return [...new Set(buckets)].toSorted((left, right) => left - right);
}
