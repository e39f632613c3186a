/** When protection mode switches on and off (requirements: 开售窗口容量保护; 过载保护). Pure, so that each rule can be tried by itself. */

export type Reason = 'NONE' | 'FORCED' | 'OPENING' | 'LATENCY' | 'ERRORS' | 'QUEUE';

/** FORCED with `active` false: operators keep it off. */
export type Protection = { active: boolean; reason: Reason; detail: string; since_ms: number };

export type Mode = 'auto' | 'on' | 'off';

export type ProtectionLimits = {
  latency_p95_ms: number;
  error_share: number;
  queue_entries: number;
  /** Fewer calls than these, of a service and within a report, measure nothing. */
  min_calls: number;
  /** A limit must stay crossed for so long before anything happens. */
  after_s: number;
  /** Calm means below this share of each limit, so that nothing flutters at its edge. */
  leave_share: number;
  /** Once on, it stays for so long at least. */
  min_stay_s: number;
};

/** The worst that any service reports; what nobody measured is left out. */
export type Signals = { latency_p95_ms?: Worst; error_share?: Worst; queue_entries?: Worst };
export type Worst = { value: number; service: string };

/** Since when each limit is crossed without a break. */
export type Crossings = { [R in Measured]?: { since_ms: number; detail: string } };

export type Measured = 'LATENCY' | 'ERRORS' | 'QUEUE';

const SIGNAL_OF = { LATENCY: 'latency_p95_ms', ERRORS: 'error_share', QUEUE: 'queue_entries' } as const;
const MEASURED = Object.keys(SIGNAL_OF) as Measured[];

/** Without signals nothing is crossed: silence alone switches nothing on. */
export function track(before: Crossings, signals: Signals | undefined, limits: ProtectionLimits, now_ms: number): Crossings {
  const crossed: Crossings = {};
  for (const reason of MEASURED) {
    const worst = signals?.[SIGNAL_OF[reason]];
    if (worst === undefined || worst.value <= limits[SIGNAL_OF[reason]]) continue;
    crossed[reason] = before[reason] ?? { since_ms: now_ms, detail: `${SIGNAL_OF[reason]} ${rounded(worst.value)} > ${limits[SIGNAL_OF[reason]]} (${worst.service})` };
  }
  return crossed;
}

export type Seen = { mode: Mode; opening: string | undefined; signals: Signals | undefined; crossings: Crossings };

/**
 * The state from now on; the same object when nothing changes. An opening switches on at once, a measured limit when it
 * stayed crossed; off again when the cause is over, everything measured is calm, and the shortest stay has passed. What a
 * measurement switched on stays on while nothing is measured: the one who would say that it is over may be what is down.
 */
export function decide(state: Protection, { mode, opening, signals, crossings }: Seen, limits: ProtectionLimits, now_ms: number): Protection {
  if (mode !== 'auto') return turn(state, mode === 'on', 'FORCED', '', now_ms);
  const lasting = MEASURED.find((reason) => now_ms - (crossings[reason]?.since_ms ?? Infinity) >= limits.after_s * 1000);
  if (opening !== undefined) return turn(state, true, 'OPENING', opening, now_ms);
  if (lasting !== undefined) {
    // It is the cause that stays visible, not whatever crosses its limit at the moment.
    const known = state.active && isMeasured(state.reason) ? state : { reason: lasting, detail: crossings[lasting]!.detail };
    return turn(state, true, known.reason, known.detail, now_ms);
  }
  if (!state.active || state.reason === 'FORCED') return turn(state, false, 'NONE', '', now_ms);
  if (now_ms - state.since_ms < limits.min_stay_s * 1000) return state;
  if (signals === undefined ? isMeasured(state.reason) : !isCalm(signals, limits)) return state;
  return turn(state, false, 'NONE', '', now_ms);
}

/** A token bucket under protection: everything it gives is less, and it always gives something. */
export function tightened<L extends { per_s: number; burst: number }>(limit: L, share: number): L {
  return { ...limit, per_s: limit.per_s * share, burst: Math.max(1, Math.floor(limit.burst * share)) };
}

function turn(state: Protection, active: boolean, reason: Reason, detail: string, now_ms: number): Protection {
  if (state.active === active && state.reason === reason && state.detail === detail) return state;
  return { active, reason, detail, since_ms: state.active === active ? state.since_ms : now_ms };
}

function isCalm(signals: Signals, limits: ProtectionLimits): boolean {
  return MEASURED.every((reason) => (signals[SIGNAL_OF[reason]]?.value ?? 0) <= limits[SIGNAL_OF[reason]] * limits.leave_share);
}

function isMeasured(reason: Reason): boolean {
  return reason === 'LATENCY' || reason === 'ERRORS' || reason === 'QUEUE';
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
