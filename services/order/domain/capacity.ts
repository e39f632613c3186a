/** How fast inventory holds places, as a queue's owner measured it, and how much of its pace the queue may use by that. */

export type HoldLatency = { ewma_ms: number; at_ms: number };

/** What a call counts for that did not decide anything: its deadline. */
export const UNDECIDED_MS = 3000;
/** Weight of the newest call: one slow call halves no queue, five in a row do. */
const WEIGHT = 0.3;
/** Without calls an old measurement loses half of its weight in this time: a queue that stood still tries again. */
const HALF_LIFE_MS = 5000;
/** Some always go, or nothing would be measured any more. */
const SHARE_MIN = 0.02;

/** The moving average with one more call. */
export function measured(known: HoldLatency | undefined, latency_ms: number, now_ms: number): HoldLatency {
  const before_ms = known === undefined ? latency_ms : latencyAt(known, now_ms);
  return { ewma_ms: before_ms + WEIGHT * (latency_ms - before_ms), at_ms: now_ms };
}

/** The average as it counts now, in milliseconds. */
export function latencyAt({ ewma_ms, at_ms }: HoldLatency, now_ms: number): number {
  return ewma_ms * 2 ** (-Math.max(0, now_ms - at_ms) / HALF_LIFE_MS);
}

/** 1 while inventory is fast enough; below, the queue lets so much less go as calls take longer than `target_ms`. */
export function capacityShare(known: HoldLatency | undefined, target_ms: number, now_ms: number): number {
  if (known === undefined) return 1;
  return Math.min(1, Math.max(SHARE_MIN, target_ms / Math.max(latencyAt(known, now_ms), 1)));
}
