/** What a canary is judged by; kept with its state, so that whoever resumes it judges alike. */
export type Limits = {
  /** A step lasts at least so long, and until so many requests came to the canary. */
  dwell_ms: number;
  requests_min: number;
  /** A step that has not got there by then is given up. */
  step_within_ms: number;
  /** A difference that chance alone makes less often than this is one. Small, because each observation looks anew. */
  surely: number;
  /** Not sure yet, but no step is taken while a difference is at least as unlikely as this. */
  perhaps: number;
  /** So many errors at least: one alone is never enough. */
  errors_min: number;
  /** Never more errors than this, whatever the old version does. */
  error_share_max: number;
  /** The old version's 95th and 99th percentile may be exceeded by this factor and so many milliseconds. */
  slower_factor: number;
  slower_floor_ms: number;
  /** The old version's requests that a comparison of latency needs. */
  compared_min: number;
  ready_within_ms: number;
  known_within_ms: number;
  rollout_within_ms: number;
  /** How long the canary may go on without its numbers being seen. */
  blind_ms: number;
};

export const LIMITS: Limits = {
  dwell_ms: 60_000,
  requests_min: 50,
  step_within_ms: 900_000,
  surely: 0.001,
  perhaps: 0.05,
  errors_min: 2,
  error_share_max: 0.05,
  slower_factor: 1.5,
  slower_floor_ms: 20,
  compared_min: 100,
  ready_within_ms: 300_000,
  known_within_ms: 120_000,
  rollout_within_ms: 600_000,
  blind_ms: 60_000,
};

/** Shares of the traffic in percent. */
export const STEPS: readonly number[] = [1, 5, 20, 50, 100];
/** Nothing but what was named, then all of it. */
export const BLUE_GREEN: readonly number[] = [0, 100];
