import type { Failure } from '#kit/base/result.ts';

/** What went wrong between us and an outside system. A signed refusal of theirs (4xx) is an answer, not one of these. */
export type ExternalProblem = 'timeout' | 'unreachable' | 'status' | 'signature' | 'body' | 'breaker_open' | 'busy' | 'cancelled';

export type ExternalFailure = {
  problem: ExternalProblem;
  /** The outside system's name. */
  system: string;
  /** False only when the call surely had no effect there; otherwise ask before doing something else instead. */
  maybe_done: boolean;
  /** The HTTP status of a `status` problem. */
  status?: number;
  /** For developers; nothing personal. */
  detail: string;
};

export type ExternalAnswer = {
  status: number;
  /** The JSON of the answer; validate it before use. */
  body: unknown;
};

export type ExternalOutcome = { ok: true; value: ExternalAnswer } | { ok: false; error: ExternalFailure };

/** The same as a refusal that may leave a service: names the system and the kind of problem, nothing else. */
export function toFailure({ system, problem, maybe_done }: ExternalFailure): Failure {
  return { reason: 'DEPENDENCY_UNAVAILABLE', detail: `${system}: ${problem}`, metadata: { system, problem, maybe_done: String(maybe_done) }, retry_after_ms: 1000 };
}

/** Carries an ExternalFailure through the policies, which know errors only. */
export class ExternalError extends Error {
  override name = 'ExternalError';
  readonly failure: ExternalFailure;

  constructor(failure: ExternalFailure, options?: ErrorOptions) {
    super(`${failure.system}: ${failure.problem}: ${failure.detail}`, options);
    this.failure = failure;
  }
}
