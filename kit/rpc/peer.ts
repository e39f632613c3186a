/** How a service calls its peers: on its own behalf, with the answer as a Result. */
import type { ErrorReason } from '#kit/base/errors.ts';
import { fail, type Result } from '#kit/base/result.ts';
import type { CallOptions } from './client.ts';
import { asResult, RpcError } from './error.ts';

/** A call of our own, for nobody in particular. */
export function own(timeout_ms: number): CallOptions {
  return { caller: null, timeout_ms };
}

/** The answer, or a refusal of the error table. A peer that is away or too slow is a refusal, too; bugs throw. */
export async function ask<T>(call: Promise<T>): Promise<Result<T>> {
  try {
    return await asResult(call);
  } catch (error) {
    const reason = error instanceof RpcError ? REASONS[error.code] : undefined;
    if (reason === undefined) throw error;
    return fail(reason, { detail: (error as RpcError).message.slice(0, 200) });
  }
}

/** For statuses without a reason, as libraries and proxies make them. */
const REASONS: Readonly<Partial<Record<string, ErrorReason>>> = { UNAVAILABLE: 'DEPENDENCY_UNAVAILABLE', DEADLINE_EXCEEDED: 'DEADLINE', RESOURCE_EXHAUSTED: 'OVERLOADED', CANCELLED: 'CANCELLED' };
