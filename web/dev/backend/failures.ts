import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { errorSpec, isErrorReason } from '#kit/base/errors.ts';

/** An error as the services answer it. */
export function refuse(reason: string, retry_after_s?: number, metadata: Record<string, string> = {}): ConnectError {
  const spec = isErrorReason(reason) ? errorSpec(reason) : errorSpec('INTERNAL');
  const error = new ConnectError(reason, CODES[spec.code] ?? Code.FailedPrecondition);
  error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: 'chunyun', metadata } });
  if (retry_after_s !== undefined) error.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(retry_after_s), nanos: 0 } } });
  return error;
}

/** `sessionStorage['pretend.fail'] = 'SearchTrains THROTTLED 8'` makes a method fail. */
export function maybeFail(method: string): void {
  const [name, reason, seconds] = (sessionStorage.getItem('pretend.fail') ?? '').split(' ');
  if (name === method && reason !== undefined) throw refuse(reason, seconds === undefined ? undefined : Number(seconds));
}

const CODES: Record<string, Code> = {
  INVALID_ARGUMENT: Code.InvalidArgument, NOT_FOUND: Code.NotFound, ALREADY_EXISTS: Code.AlreadyExists, PERMISSION_DENIED: Code.PermissionDenied, RESOURCE_EXHAUSTED: Code.ResourceExhausted,
  UNAUTHENTICATED: Code.Unauthenticated, UNAVAILABLE: Code.Unavailable, ABORTED: Code.Aborted, INTERNAL: Code.Internal,
};
