import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { CounterOf, GaugeOf, HistogramOf } from '#kit/telemetry/metrics.ts';
import type { Failure } from '#kit/base/result.ts';
import { errorSpec } from '#kit/base/errors.ts';
import type { CodeName } from '#kit/base/errors.ts';

/** What every server counts: duration by method and code, calls under way, refusals by reason. */
export class ServerObserver {
  readonly #log: Log;
  readonly #duration: HistogramOf<'method' | 'code'>;
  readonly #in_flight: GaugeOf<'method'>;
  readonly #refusals: CounterOf<'method' | 'reason'>;

  constructor(service: string, log: Log) {
    const metrics = metricsFor(service);
    this.#log = log;
    this.#duration = metrics.histogram('rpc_server_duration_seconds', 'Duration of answered calls', ['method', 'code']);
    this.#in_flight = metrics.gauge('rpc_server_in_flight', 'Calls under way', ['method']);
    this.#refusals = metrics.counter('rpc_server_refusals_total', 'Calls that were refused, by reason', ['method', 'reason']);
  }

  begin(method: string): void {
    this.#in_flight.inc({ method });
  }

  /** One line a call at debug; what somebody should look at is louder: overload and outages warn, bugs are errors. */
  end(method: string, duration_ms: number, failure: Failure | undefined, error: unknown): void {
    this.#in_flight.dec({ method });
    if (failure === undefined) {
      this.#duration.observe({ method, code: 'OK' }, duration_ms / 1000);
      if (this.#log.isLevelEnabled('debug')) this.#log.debug({ method, code: 'OK', duration_ms: rounded(duration_ms) }, 'answered');
      return;
    }
    const { code } = errorSpec(failure.reason);
    this.#duration.observe({ method, code }, duration_ms / 1000);
    this.#refusals.inc({ method, reason: failure.reason });
    const level = levelOf(code);
    if (!this.#log.isLevelEnabled(level)) return;
    const fields = { method, code, reason: failure.reason, detail: failure.detail, duration_ms: rounded(duration_ms) };
    this.#log[level](level === 'debug' ? fields : { ...fields, error }, 'refused');
  }
}

function levelOf(code: CodeName): 'debug' | 'warn' | 'error' {
  if (code === 'INTERNAL' || code === 'UNIMPLEMENTED') return 'error';
  return code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED' || code === 'RESOURCE_EXHAUSTED' ? 'warn' : 'debug';
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
