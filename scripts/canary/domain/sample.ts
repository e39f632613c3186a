/** What was seen of one version in some time: answers, errors among them, and how long they took. Counts only, so samples add up. */
export type Sample = {
  requests: number;
  /** Answers that say that the server is ill: UNAVAILABLE, INTERNAL, DEADLINE_EXCEEDED, UNKNOWN, DATA_LOSS, and 5xx of the proxy. */
  errors: number;
  /** By upper bound in milliseconds: how many took at most so long. */
  within: ReadonlyMap<number, number>;
};

export const NOTHING: Sample = { requests: 0, errors: 0, within: new Map() };

export function add(a: Sample, b: Sample): Sample {
  return { requests: a.requests + b.requests, errors: a.errors + b.errors, within: combine(a.within, b.within, (x, y) => x + y) };
}

/** What came since. A counter that is smaller than before began anew, as when a proxy was restarted: all of it came since. */
export function since(now: Sample, before: Sample): Sample {
  const restarted = now.requests < before.requests || now.errors < before.errors || timed(now) < timed(before);
  if (restarted) return now;
  return { requests: now.requests - before.requests, errors: now.errors - before.errors, within: combine(now.within, before.within, (x, y) => x - y) };
}

/** How many were timed; streams are when they end. */
export function timed({ within }: Sample): number {
  return Math.max(0, ...within.values());
}

/** The upper bound in milliseconds of the bucket in which the quantile lies; undefined of nothing, Infinity beyond the last bound. */
export function quantile_ms(sample: Sample, share: number): number | undefined {
  const count = timed(sample);
  if (count === 0) return undefined;
  for (const [bound_ms, most] of bounds(sample)) if (most >= share * count) return bound_ms;
  return Infinity;
}

/** How many surely took longer: the bound is rounded up to that of a bucket. */
export function slowerThan(sample: Sample, limit_ms: number): number {
  for (const [bound_ms, most] of bounds(sample)) if (bound_ms >= limit_ms) return timed(sample) - most;
  return 0;
}

function bounds({ within }: Sample): [number, number][] {
  return [...within].toSorted(([a], [b]) => a - b);
}

function combine(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>, join: (x: number, y: number) => number): Map<number, number> {
  return new Map([...new Set([...a.keys(), ...b.keys()])].map((bound_ms) => [bound_ms, Math.max(0, join(a.get(bound_ms) ?? 0, b.get(bound_ms) ?? 0))]));
}
