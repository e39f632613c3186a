/** A token bucket: `per_s` tokens flow in each second, at most `burst` lie in it. */
export type Limit = { per_s: number; burst: number };

/** What a request is counted by. `account` and `device` come from verified headers, `remote_address` from the edge. */
export type LimitKind = 'account' | 'device' | 'remote_address';

/**
 * Requirements (排队与削峰): 3 per second and bursts of 10, per account and per device. Addresses are shared by campuses
 * and carriers, so theirs is higher. All can be changed at runtime through config.
 */
export const DEFAULT_LIMITS: Record<LimitKind, Limit> = {
  account: { per_s: 3, burst: 10 },
  device: { per_s: 3, burst: 10 },
  remote_address: { per_s: 300, burst: 1000 },
};

/** One bucket to take from. */
export type Take = { kind: LimitKind; value: string; limit: Limit };

/** What taking from a bucket said. */
export type Taken = { allowed: boolean; remaining: number; /** Until the next token, or until the bucket is full. */ wait_ms: number };

/** Entries of a descriptor we know nothing of are not limited here. */
export function isLimitKind(key: string): key is LimitKind {
  return Object.hasOwn(DEFAULT_LIMITS, key);
}
