import { rank } from '#kit/base/hash.ts';

/**
 * The buckets that a step gives to the canary: whole buckets, never a share of one. A step has all of those before it, so no bucket goes
 * back and forth; which come first is spread by a hash.
 */
export function bucketSet(bucket_count: number, percent: number): number[] {
  const all = Array.from({ length: bucket_count }, (_, bucket) => String(bucket));
  return rank('canary', all).slice(0, Math.ceil((bucket_count * percent) / 100)).map(Number).toSorted((a, b) => a - b);
}

/** Matches the route keys of these buckets whole (RE2, as Envoy and Istio read it). */
export function bucketRegex(buckets: readonly number[]): string {
  return `^(${buckets.join('|')})$`;
}
