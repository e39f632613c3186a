import { manifest, type Manifest } from './manifest.ts';

/** Of a hundred requests that nobody decided about yet, so many are traced; the edge decides first, for all that follows. */
const SAMPLING_PERCENT = 1;

const ACCESS_LOGS = { accessLogging: [{ providers: [{ name: 'envoy' }] }] };

/** Every request of every proxy is logged, in the words of the mesh's own configuration (istiod-values.yaml: JSON). */
export function logs(): Manifest {
  return manifest('Telemetry', 'default', ACCESS_LOGS);
}

/** Logs, and spans to the collector that istiod-values.yaml names. Spans that nobody takes are dropped; no request waits for them. */
export function logsAndTraces(): Manifest {
  return manifest('Telemetry', 'default', { ...ACCESS_LOGS, tracing: [{ providers: [{ name: 'traces' }], randomSamplingPercentage: SAMPLING_PERCENT }] });
}
