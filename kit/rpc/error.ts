import type { RpcCode } from './codes.ts';
import { ERRORS, errorSpec, isErrorReason } from '#kit/base/errors.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { FailureError } from '#kit/base/result.ts';
import type { Failure, Result } from '#kit/base/result.ts';

export type RpcErrorFields = {
  code: RpcCode;
  /** A reason of the error table, or of a newer version's, or of another system's; absent for bare codes. */
  reason?: string;
  metadata?: Record<string, string>;
  retry_after_ms?: number;
  /** For developers; only known on the side that refuses. */
  detail?: string;
  /** The sentence for a person, in the language that was asked for. */
  localized?: { locale: string; message: string };
  /** True for what came over the wire from another process, so that its faults are not mistaken for our caller's. */
  remote?: boolean;
};

/** A call that ended with a status other than OK: what a client throws and what a handler may throw. */
export class RpcError extends Error {
  override name = 'RpcError';
  readonly code: RpcCode;
  readonly reason: string | undefined;
  readonly metadata: Record<string, string>;
  readonly retry_after_ms: number | undefined;
  readonly detail: string | undefined;
  readonly remote: boolean;
  readonly localized: { locale: string; message: string } | undefined;

  constructor(message: string, fields: RpcErrorFields, options?: ErrorOptions) {
    super(message, options);
    this.code = fields.code;
    this.reason = fields.reason;
    this.metadata = fields.metadata ?? {};
    this.retry_after_ms = fields.retry_after_ms;
    this.detail = fields.detail;
    this.remote = fields.remote ?? false;
    this.localized = fields.localized;
  }

  /** The error that a Failure becomes on the wire. */
  static of(failure: Failure, options?: ErrorOptions): RpcError {
    return new RpcError(failureMessage(failure), { code: errorSpec(failure.reason).code, ...failure }, options);
  }

  /** As an expected outcome, when the reason is one of the table: for callers that go on after a refusal. */
  toFailure(): Failure | undefined {
    if (this.reason === undefined || !isErrorReason(this.reason)) return undefined;
    return { reason: this.reason, detail: this.detail, metadata: this.metadata, retry_after_ms: this.retry_after_ms };
  }
}

/** The value of a result, or its failure thrown as the RpcError that the caller of the method will see. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw RpcError.of(result.error);
}

/**
 * Turns a call into a Result: an answer, or a refusal whose reason is in the table. Everything else (bugs, outages
 * without a reason) still throws.
 */
export async function asResult<T>(call: Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await call };
  } catch (error) {
    const failure = error instanceof RpcError ? error.toFailure() : undefined;
    if (failure === undefined) throw error;
    return { ok: false, error: failure };
  }
}

/** True when the same call may succeed a moment later and was surely refused, not half done. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  if (error.code === 'RESOURCE_EXHAUSTED') return error.retry_after_ms !== undefined;
  return error.code === 'UNAVAILABLE';
}

/**
 * The failure a server answers with for whatever a handler threw. Refusals pass; a refusal of a service that the handler
 * called passes too, unless it speaks of our own credentials or bugs. Everything else is INTERNAL, without any text.
 */
export function toFailure(error: unknown): Failure {
  if (error instanceof FailureError) return error.failure;
  if (!(error instanceof RpcError)) return { reason: 'INTERNAL' };
  const failure = error.toFailure();
  if (failure !== undefined && !isOurOwnFault(failure.reason, error)) return failure;
  const { code, retry_after_ms } = error;
  if (code === 'UNAVAILABLE') return { reason: 'DEPENDENCY_UNAVAILABLE', retry_after_ms: retry_after_ms ?? 1000 };
  if (code === 'RESOURCE_EXHAUSTED' && retry_after_ms !== undefined) return { reason: 'OVERLOADED', retry_after_ms };
  return { reason: code === 'DEADLINE_EXCEEDED' ? 'DEADLINE' : 'INTERNAL' };
}

/** What stands in `grpc-message`: for developers, always English, never personal. */
export function failureMessage({ reason, detail }: Failure): string {
  return detail === undefined ? `${reason}: ${ERRORS[reason].message_en}` : `${reason}: ${detail}`;
}

/** A refusal by a service we called that says that we called it wrongly: not to be shown as a fault of our caller. */
function isOurOwnFault(reason: ErrorReason, error: RpcError): boolean {
  if (!error.remote) return false;
  return ERRORS[reason].code !== error.code || OUR_OWN_FAULTS.has(reason);
}

const OUR_OWN_FAULTS: ReadonlySet<ErrorReason> = new Set(['TOKEN_MISSING', 'TOKEN_INVALID', 'TOKEN_EXPIRED', 'INTERNAL', 'NOT_IMPLEMENTED', 'CANCELLED']);
