import { BrokenCircuitError, BulkheadRejectedError, bulkhead, CircuitState, circuitBreaker, ConsecutiveBreaker, ExponentialBackoff, handleWhen, IsolatedCircuitError, retry, wrap } from 'cockatiel';
import { ExternalError } from './outcome.ts';

export type ExternalPolicyOptions = {
  /** Tries in all. More than one only for calls that are idempotent there. */
  attempts: number;
  /** The first pause between tries; it doubles, with jitter. */
  backoff_ms: number;
  backoff_cap_ms: number;
  /** Failed tries in a row that open the circuit. */
  breaker_failures: number;
  /** How long it stays open before one call may try again. */
  breaker_open_ms: number;
  /** Calls at once; further ones wait in a queue of the same length, and beyond that are refused as busy. */
  concurrency: number;
};

/** The requirement of all outside systems: three tries with exponential backoff, and a circuit breaker. */
export const DEFAULT_POLICY: ExternalPolicyOptions = {
  attempts: 3,
  backoff_ms: 200,
  backoff_cap_ms: 2000,
  breaker_failures: 8,
  breaker_open_ms: 5000,
  concurrency: 64,
};

export type BreakerState = 'closed' | 'open' | 'half_open';

export type ExternalPolicy = {
  execute<T>(attempt: (signal: AbortSignal) => Promise<T>, options: { system: string; attempts?: number; signal?: AbortSignal }): Promise<T>;
  state(): BreakerState;
};

/** Bulkhead around retries around the breaker: every try counts for the breaker, and an open breaker ends the retries. */
export function createPolicy(options: ExternalPolicyOptions): ExternalPolicy {
  const troubled = handleWhen((error) => error instanceof ExternalError && error.failure.problem !== 'cancelled');
  const breaker = circuitBreaker(troubled, { halfOpenAfter: options.breaker_open_ms, breaker: new ConsecutiveBreaker(options.breaker_failures) });
  const limit = bulkhead(options.concurrency, options.concurrency);
  const policies = new Map<number, ReturnType<typeof build>>();
  const build = (attempts: number) =>
    // cockatiel counts the retries behind the first try.
    wrap(limit, retry(troubled, { maxAttempts: attempts - 1, backoff: new ExponentialBackoff({ initialDelay: options.backoff_ms, maxDelay: options.backoff_cap_ms }) }), breaker);
  const policyFor = (attempts: number) => {
    const known = policies.get(attempts) ?? build(attempts);
    policies.set(attempts, known);
    return known;
  };
  return {
    async execute(attempt, { system, attempts = options.attempts, signal }) {
      try {
        return await policyFor(attempts).execute(({ signal: inner }) => attempt(inner), signal);
      } catch (error) {
        if (error instanceof BrokenCircuitError || error instanceof IsolatedCircuitError) {
          throw new ExternalError({ system, problem: 'breaker_open', maybe_done: false, detail: 'the circuit is open' }, { cause: error });
        }
        if (error instanceof BulkheadRejectedError) throw new ExternalError({ system, problem: 'busy', maybe_done: false, detail: 'too many calls at once' }, { cause: error });
        throw error;
      }
    },
    state: () => STATES[breaker.state],
  };
}

const STATES: Record<CircuitState, BreakerState> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
};
