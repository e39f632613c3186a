import type { Signals, Worst } from './protection.ts';

/** What a process says of its last seconds. `latency_counts` has one count more than bounds: the last is of all that was slower. */
export type Report = {
  service: string;
  process: string;
  calls: number;
  failed: number;
  latency_bounds_ms: readonly number[];
  latency_counts: readonly number[];
  queue_entries?: number;
};

/**
 * The worst of each signal over services; undefined when nobody reported. Processes of a service are joined first, so that
 * one slow process of many does not speak for all. A queue is counted from rows that all its processes share: the highest
 * count is the newest, not a part.
 */
export function worstOf(reports: readonly Report[], min_calls: number): Signals | undefined {
  if (reports.length === 0) return undefined;
  const signals: Signals = {};
  for (const [service, own] of Map.groupBy(reports, (report) => report.service)) {
    const calls = sum(own.map((report) => report.calls));
    if (calls >= Math.max(1, min_calls)) {
      signals.latency_p95_ms = worse(signals.latency_p95_ms, { value: p95_ms(own), service });
      signals.error_share = worse(signals.error_share, { value: sum(own.map((report) => report.failed)) / calls, service });
    }
    const queued = own.flatMap(({ queue_entries }) => queue_entries ?? []);
    if (queued.length > 0) signals.queue_entries = worse(signals.queue_entries, { value: Math.max(...queued), service });
  }
  return signals;
}

/** The bound below which 95 of 100 calls were answered; twice the last bound when it was beyond all of them. */
function p95_ms(reports: readonly Report[]): number {
  const bounds = reports[0]!.latency_bounds_ms;
  // Processes of two versions may count by different bounds for a while: only those that can be added are.
  const alike = reports.filter((report) => report.latency_bounds_ms.length === bounds.length);
  const counts = [...bounds, Infinity].map((_, index) => sum(alike.map((report) => report.latency_counts[index] ?? 0)));
  const wanted = 0.95 * sum(counts);
  let seen = 0;
  const place = counts.findIndex((count) => (seen += count) >= wanted);
  return bounds[place] ?? (bounds.at(-1) ?? 0) * 2;
}

function worse(before: Worst | undefined, now: Worst): Worst {
  return before !== undefined && before.value >= now.value ? before : now;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
