// What a process did lately, read from the metrics it keeps anyway: nothing is counted twice for it.
import type { Counter, Gauge, Histogram, MetricObjectWithValues, MetricValueWithName } from 'prom-client';
import { registry } from '#kit/telemetry/metrics.ts';

export type Load = {
  calls: number;
  failed: number;
  latency_bounds_ms: number[];
  /** One more than bounds: the last is of all that took longer. */
  latency_counts: number[];
};

const DURATIONS = 'rpc_server_duration_seconds';
/** Codes that speak of us, not of the one who asked. A refusal for overload is what protection itself causes. */
const FAILED_CODES = new Set(['INTERNAL', 'UNKNOWN', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']);

/** Counts from call to call: each answer is about what happened since the one before, the first about nothing. */
export function openLoadMeter(service: string, methods: readonly string[]): () => Promise<Load> {
  let before: Load | undefined;
  return async () => {
    const now = await totals(service, methods);
    const load = difference(now, before ?? now);
    before = now;
    return load;
  };
}

/** The value of a gauge of this process; undefined until it was set. */
export async function gaugeValue(name: string, labels: Readonly<Record<string, string>>): Promise<number | undefined> {
  const metric = (await valuesOf(name))?.find((value) => Object.entries(labels).every(([label, wanted]) => value.labels[label] === wanted));
  return metric?.value;
}

async function totals(service: string, methods: readonly string[]): Promise<Load> {
  const wanted = new Set(methods);
  const values = ((await valuesOf(DURATIONS)) ?? []).filter(({ labels }) => labels['service'] === service && wanted.has(String(labels['method']).split('/').at(-1)!));
  const counts = values.filter(({ metricName }) => metricName === `${DURATIONS}_count`);
  const bounds = new Map<number, number>();
  for (const { labels, value, metricName } of values) {
    const bound_s = Number(labels['le']);
    if (metricName === `${DURATIONS}_bucket` && Number.isFinite(bound_s)) bounds.set(bound_s, (bounds.get(bound_s) ?? 0) + value);
  }
  const calls = sum(counts);
  const ordered = [...bounds].toSorted(([a], [b]) => a - b);
  // The buckets of a histogram hold all that is below their bound.
  const cumulated = [...ordered.map(([, count]) => count), calls];
  return {
    calls,
    failed: sum(counts.filter(({ labels }) => FAILED_CODES.has(String(labels['code'])))),
    latency_bounds_ms: ordered.map(([bound_s]) => bound_s * 1000),
    latency_counts: cumulated.map((count, index) => count - (cumulated[index - 1] ?? 0)),
  };
}

function difference(now: Load, before: Load): Load {
  // Before the first call there were no buckets at all.
  const earlier = before.latency_counts.length === now.latency_counts.length ? before.latency_counts : [];
  return {
    calls: now.calls - before.calls,
    failed: now.failed - before.failed,
    latency_bounds_ms: now.latency_bounds_ms,
    latency_counts: now.latency_counts.map((count, index) => count - (earlier[index] ?? 0)),
  };
}

async function valuesOf(name: string): Promise<MetricValueWithName<string>[] | undefined> {
  const metric = registry.getSingleMetric(name) as Histogram | Gauge | Counter | undefined;
  return metric === undefined ? undefined : ((await metric.get()) as MetricObjectWithValues<MetricValueWithName<string>>).values;
}

function sum(values: readonly { value: number }[]): number {
  return values.reduce((total, { value }) => total + value, 0);
}
