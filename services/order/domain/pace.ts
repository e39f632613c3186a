/** How fast a run's waiting queue is drained and how long it may grow (requirements: 排队与削峰; DESIGN §5). */

/** 队列上限 5 万/车次/日. */
export const QUEUE_CAP = 50_000;
/** A queue token is good for 15 minutes, so nobody is let in who could not be served within that time. */
export const QUEUE_HORIZON_S = 15 * 60;
/** What operators may set (人工降档), and what protection asks for. */
export type PaceLimits = {
  /** Never above QUEUE_CAP, which is also how much of a queue is rebuilt. */
  max_entries: number;
  drain_share_per_s: number;
  max_drain_per_s: number;
  /** Whatever else slows a queue, it moves as fast as this; never above `max_drain_per_s`. */
  min_drain_per_s: number;
  /** How long inventory may take to hold places before queues slow down. */
  hold_target_ms: number;
  /** Of the pace that would be, while the whole system is protected; 1: all of it. */
  queue_share: number;
};
/** 出队速率 min(2 % × remaining, 2000) 单/秒, until somebody sets something else. */
export const USUAL_LIMITS: PaceLimits = { max_entries: QUEUE_CAP, drain_share_per_s: 0.02, max_drain_per_s: 2000, min_drain_per_s: 1, hold_target_ms: 1000, queue_share: 1 };
/** How many entries go at once at most: the limit of one BatchHoldSeats. */
export const BATCH_LIMIT = 256;

/** What the queue must know about a run's stock. */
export type Stock = { seats_at_opening: number; seats_free: number };

/** What decides the pace of a queue, for operators to read. */
export type PaceReason = 'REMAINING' | 'OPENING' | 'MAXIMUM' | 'MINIMUM' | 'INVENTORY_SLOW' | 'PROTECTION';
export type Pace = { drain_per_s: number; reason: PaceReason };

/**
 * Entries a second and why. The floor is the same share of what was free at opening, since a share of what remains never
 * ends: at 2 % all seats go within 50 s. `capacity_share`: how much of it inventory can take now (domain/capacity.ts). Never
 * below the minimum, so that a sold-out queue still gets its answers.
 */
export function paceOf({ seats_at_opening, seats_free }: Stock, limits: PaceLimits, capacity_share = 1): Pace {
  const { drain_share_per_s, max_drain_per_s, min_drain_per_s, queue_share } = limits;
  const wanted = drain_share_per_s * Math.max(seats_free, seats_at_opening);
  const full = Math.min(wanted, max_drain_per_s);
  const slowed = full * queue_share * capacity_share;
  const drain_per_s = Math.min(max_drain_per_s, Math.max(min_drain_per_s, slowed));
  if (slowed < min_drain_per_s) return { drain_per_s, reason: 'MINIMUM' };
  if (capacity_share < 1 && capacity_share <= queue_share) return { drain_per_s, reason: 'INVENTORY_SLOW' };
  if (queue_share < 1) return { drain_per_s, reason: 'PROTECTION' };
  if (wanted > max_drain_per_s) return { drain_per_s, reason: 'MAXIMUM' };
  return { drain_per_s, reason: seats_free >= seats_at_opening ? 'REMAINING' : 'OPENING' };
}

/** How many may wait: never more than can be drained while a token lives. */
export function queueCap(drain_per_s: number, { max_entries }: PaceLimits): number {
  return Math.max(1, Math.min(max_entries, QUEUE_CAP, Math.floor(drain_per_s * QUEUE_HORIZON_S)));
}

/** Expected wait with `ahead` entries before, in milliseconds; 0 for one that is served at once. */
export function estimate_ms(ahead: number, drain_per_s: number): number {
  const burst = burstOf(drain_per_s);
  return ahead < burst ? 0 : Math.ceil(((ahead - burst + 1) / drain_per_s) * 1000);
}

/** A token bucket: full when idle, so an idle run makes nobody wait; never holds more than one second's worth. */
export type Bucket = { tokens: number; at_ms: number };

export function fullBucket(drain_per_s: number, now_ms: number): Bucket {
  return { tokens: burstOf(drain_per_s), at_ms: now_ms };
}

/** The bucket after the time that passed. A clock that went back adds nothing. */
export function refill(bucket: Bucket, drain_per_s: number, now_ms: number): Bucket {
  const passed_s = Math.max(0, now_ms - bucket.at_ms) / 1000;
  return { tokens: Math.min(burstOf(drain_per_s), bucket.tokens + passed_s * drain_per_s), at_ms: now_ms };
}

/** How many entries may go now. */
export function takeable(bucket: Bucket): number {
  return Math.min(BATCH_LIMIT, Math.floor(bucket.tokens + 1e-9));
}

/** Time until the next entry may go, in milliseconds. */
export function nextToken_ms(bucket: Bucket, drain_per_s: number): number {
  return bucket.tokens >= 1 ? 0 : Math.ceil(((1 - bucket.tokens) / drain_per_s) * 1000);
}

function burstOf(drain_per_s: number): number {
  return Math.max(1, Math.floor(drain_per_s));
}
