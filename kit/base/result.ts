import type { ErrorReason } from './errors.ts';

/** An expected refusal. `detail` is for developers and carries no personal data; people read the sentence of the reason. */
export type Failure = {
  reason: ErrorReason;
  detail?: string;
  /** Machine-readable facts of the refusal (field, station_code, limit …); travels in google.rpc.ErrorInfo. */
  metadata?: Record<string, string>;
  /** When asking again makes sense, in milliseconds from now; travels in google.rpc.RetryInfo. */
  retry_after_ms?: number;
};

/** Every outcome that a caller must expect. A bug throws instead. */
export type Result<T> = { ok: true; value: T } | { ok: false; error: Failure };

export function ok(): { ok: true; value: undefined };
export function ok<T>(value: T): { ok: true; value: T };
export function ok(value?: unknown): { ok: true; value: unknown } {
  return { ok: true, value };
}

export function fail(reason: ErrorReason, more: Omit<Failure, 'reason'> = {}): { ok: false; error: Failure } {
  return { ok: false, error: { reason, ...more } };
}

/** The same refusal, or what `fn` makes of the value. */
export function mapResult<T, U>(result: Result<T>, fn: (value: T) => U): Result<U> {
  return result.ok ? { ok: true, value: fn(result.value) } : result;
}

/** Refuses one field of a request: FIELD_INVALID that names the field, so that a form can mark it. */
export function fieldInvalid(field: string, detail: string): { ok: false; error: Failure } {
  return fail('FIELD_INVALID', { detail, metadata: { field } });
}

/** Carries a Failure through code that can only throw; the rpc layer turns it into the same status as a returned one. */
export class FailureError extends Error {
  override name = 'FailureError';
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.detail === undefined ? failure.reason : `${failure.reason}: ${failure.detail}`, options);
    this.failure = failure;
  }
}

/** The value; throws every refusal. For steps that are repeated until they succeed, and calls without a refusal that one could act upon. */
export function required<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new FailureError(result.error);
}
