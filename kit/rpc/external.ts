import { BrokenCircuitError, circuitBreaker, CircuitState, ConsecutiveBreaker, ExponentialBackoff, handleWhen, retry, TaskCancelledError, timeout, TimeoutStrategy, wrap } from 'cockatiel';
import { FailureError } from '#kit/base/result.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';

/** An answer that trying again cannot change (a refusal, a malformed request): neither retried nor counted by the breaker. */
export class TerminalError extends Error {
  override name = 'TerminalError';
}

export type PolicyOptions = {
  /** The outside system, for metrics: `gateway`, `railway`. */
  name: string;
  service?: string;
  /** For each attempt. */
  timeout_ms: number;
  /** In all, so 1 means no retry. Only what may safely be repeated gets more. */
  attempts: number;
  /** What operators set meanwhile, asked at each call; it wins over the two above. */
  tuned?: () => { timeout_ms?: number; attempts?: number };
  backoff?: { initial_ms: number; max_ms: number };
  /** Opens after so many failures in a row, and lets one call try again after a while. */
  breaker?: { failures: number; half_open_after_ms: number };
};

export type Attempt = { signal: AbortSignal; attempt: number };

export type ExternalPolicy = {
  /**
   * Runs `fn` under the policy. Throws TerminalError as `fn` threw it, and FailureError DEPENDENCY_UNAVAILABLE (with the
   * last error as cause) when the system does not answer, the breaker is open, or `signal` was aborted. After a timeout
   * the outcome outside is unknown: ask before repeating what is not idempotent.
   */
  execute<T>(fn: (attempt: Attempt) => Promise<T>, signal?: AbortSignal): Promise<T>;
  state(): 'closed' | 'half_open' | 'open';
  /** False while the breaker refuses: whoever has a choice goes elsewhere. True again when one call may try. */
  available(): boolean;
};

/** Deadline, retry with jittered backoff and circuit breaker around a system outside, all counted. */
export function createPolicy(options: PolicyOptions): ExternalPolicy {
  const { name, service = 'process', backoff = { initial_ms: 100, max_ms: 5000 }, breaker = { failures: 5, half_open_after_ms: 5000 } } = options;
  const metrics = metricsFor(service);
  const outcomes = metrics.counter('external_calls_total', 'Calls to outside systems by outcome', ['system', 'outcome']);
  const retries = metrics.counter('external_retries_total', 'Repeated calls to outside systems', ['system']);
  const timeouts = metrics.counter('external_timeouts_total', 'Attempts that outside systems did not answer in time', ['system']);
  const open = metrics.gauge('external_breaker_open', 'Breaker of an outside system: 0 closed, 0.5 half open, 1 open', ['system']);

  const failing = handleWhen((error) => !(error instanceof TerminalError));
  const breaking = circuitBreaker(failing, { halfOpenAfter: breaker.half_open_after_ms, breaker: new ConsecutiveBreaker(breaker.failures) });
  let opened_at_ms = 0;
  breaking.onStateChange((state) => {
    if (state === CircuitState.Open) opened_at_ms = Date.now();
    open.set({ system: name }, OPENNESS[stateName(state)]);
  });
  open.set({ system: name }, 0);
  /** The breaker lives on while what is around it and in it changes: it knows how the system is. */
  const policyOf = (timeout_ms: number, attempts: number) => {
    const repeating = retry(handleWhen((error) => !(error instanceof TerminalError) && !(error instanceof BrokenCircuitError)), {
      maxAttempts: attempts - 1,
      backoff: new ExponentialBackoff({ initialDelay: backoff.initial_ms, maxDelay: backoff.max_ms }),
    });
    const bounding = timeout(timeout_ms, TimeoutStrategy.Aggressive);
    repeating.onRetry(() => retries.inc({ system: name }));
    bounding.onTimeout(() => timeouts.inc({ system: name }));
    return { timeout_ms, attempts, policy: wrap(repeating, breaking, bounding) };
  };
  let current = policyOf(options.timeout_ms, options.attempts);
  const policyNow = () => {
    const { timeout_ms = options.timeout_ms, attempts = options.attempts } = options.tuned?.() ?? {};
    if (current.timeout_ms !== timeout_ms || current.attempts !== attempts) current = policyOf(timeout_ms, attempts);
    return current.policy;
  };

  return {
    state: () => stateName(breaking.state),
    available: () => breaking.state !== CircuitState.Open || Date.now() - opened_at_ms >= breaker.half_open_after_ms,
    execute: async (fn, signal) => {
      let attempt = 0;
      try {
        const value = await policyNow().execute((context) => fn({ signal: context.signal, attempt: (attempt += 1) }), signal);
        outcomes.inc({ system: name, outcome: 'ok' });
        return value;
      } catch (error) {
        outcomes.inc({ system: name, outcome: outcomeOf(error) });
        if (error instanceof TerminalError) throw error;
        throw new FailureError({ reason: 'DEPENDENCY_UNAVAILABLE', detail: `${name} does not answer`, retry_after_ms: 1000 }, { cause: error });
      }
    },
  };
}

function outcomeOf(error: unknown): 'refused' | 'broken' | 'timeout' | 'error' {
  if (error instanceof TerminalError) return 'refused';
  if (error instanceof BrokenCircuitError) return 'broken';
  return error instanceof TaskCancelledError ? 'timeout' : 'error';
}

function stateName(state: CircuitState): 'closed' | 'half_open' | 'open' {
  if (state === CircuitState.Closed) return 'closed';
  return state === CircuitState.HalfOpen ? 'half_open' : 'open';
}

const OPENNESS = { closed: 0, half_open: 0.5, open: 1 };
