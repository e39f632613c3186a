import { CANARY, STABLE } from './domain/objects.ts';
import type { Sample } from './domain/sample.ts';

/** The clusters of a service's subsets as Istio names them. */
export function clusterName(service: string, namespace: string, subset: string): string {
  return `outbound|9000|${subset}|${service}.${namespace}.svc.cluster.local`;
}

/**
 * The question for the admin interface: counters of gRPC codes (Envoy's grpc_stats filter, which Istio has in every chain), answers that
 * the proxy made itself, and the histogram of times, of both subsets. Istio ends names of clusters with a semicolon there.
 */
export function statsPath(service: string, namespace: string): string {
  const names = `(${STABLE}|${CANARY})\\|${service}\\.${namespace}\\.svc\\.cluster\\.local`;
  const filter = `^cluster\\.outbound\\|9000\\|${names};?\\.(grpc\\.\\d+|upstream_rq_(time|5xx|completed))$`;
  return `stats?format=json&histogram_buckets=cumulative&filter=${encodeURIComponent(filter)}`;
}

export type SubsetSamples = { stable: Sample; canary: Sample; /** Whether the proxy counts for the stable subset at all. */ counted: boolean };

/** Reads the answer. Throws when it is no answer of Envoy's. */
export function readStats(text: string): SubsetSamples {
  const { stats } = JSON.parse(text) as { stats: (Counter | Histograms)[] };
  const found = { [STABLE]: newTally(), [CANARY]: newTally() };
  for (const entry of stats) {
    if ('histograms' in entry) {
      for (const { name, buckets } of Array.isArray(entry.histograms) ? entry.histograms : []) {
        const place = placeOf(name);
        if (place?.counter === 'upstream_rq_time') for (const { upper_bound, cumulative } of buckets) found[place.subset].within.set(upper_bound, cumulative);
      }
    } else {
      const place = placeOf(entry.name);
      if (place !== undefined) count(found[place.subset], place.counter, Number(entry.value));
    }
  }
  return { stable: sampleOf(found[STABLE]), canary: sampleOf(found[CANARY]), counted: found[STABLE].seen };
}

type Counter = { name: string; value: number | string };
type Histograms = { histograms: { name: string; buckets: { upper_bound: number; cumulative: number }[] }[] };
type Tally = { seen: boolean; answered: number; ill: number; completed: number; own_5xx: number; within: Map<number, number> };

/** UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. Refusals by a rule of ours are no illness, nor is a cancelled call. */
const ILL = new Set([2, 4, 13, 14, 15]);
const CANCELLED = 1;

function newTally(): Tally {
  return { seen: false, answered: 0, ill: 0, completed: 0, own_5xx: 0, within: new Map() };
}

function placeOf(name: string): { subset: typeof STABLE | typeof CANARY; counter: string } | undefined {
  const found = /^cluster\.outbound\|9000\|(stable|canary)\|[^;]+?\.svc\.cluster\.local;?\.(.+)$/.exec(name);
  return found === null ? undefined : { subset: found[1] === CANARY ? CANARY : STABLE, counter: found[2]! };
}

function count(tally: Tally, counter: string, value: number): void {
  tally.seen = true;
  const code = /^grpc\.(\d+)$/.exec(counter)?.[1];
  if (code !== undefined) {
    if (Number(code) !== CANCELLED) tally.answered += value;
    if (ILL.has(Number(code))) tally.ill += value;
  }
  if (counter === 'upstream_rq_completed') tally.completed += value;
  if (counter === 'upstream_rq_5xx') tally.own_5xx += value;
}

/** An answer that the proxy made for want of the server is counted by its gRPC code and as 5xx: the larger number has each once. */
function sampleOf({ answered, ill, completed, own_5xx, within }: Tally): Sample {
  const errors = Math.max(ill, own_5xx);
  return { requests: answered === 0 ? completed : Math.max(answered, errors), errors, within };
}
