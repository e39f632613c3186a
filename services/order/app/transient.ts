import { errorSpec } from '#kit/base/errors.ts';
import type { CodeName } from '#kit/base/errors.ts';
import type { Failure, Result } from '#kit/base/result.ts';
import { FailureError } from '#kit/base/result.ts';

/** True for a refusal that says "not now": the same call may succeed later. All others are answers. */
export function isTransient(failure: Failure): boolean {
  return TRANSIENT.has(errorSpec(failure.reason).code);
}

/** The result when it is an answer; throws when it says "not now", so that the driver tries again later. */
export function answered<T>(result: Result<T>): Result<T> {
  if (!result.ok && isTransient(result.error)) throw new FailureError(result.error);
  return result;
}

const TRANSIENT: ReadonlySet<CodeName> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'CANCELLED', 'INTERNAL']);
