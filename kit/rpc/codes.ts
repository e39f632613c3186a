import { status } from '@grpc/grpc-js';
import type { CodeName } from '#kit/base/errors.ts';

/** Every code that may come over the wire: ours and those that only others use. */
export type RpcCode = CodeName | 'OK' | 'UNKNOWN' | 'OUT_OF_RANGE' | 'DATA_LOSS';

/** The number of a code on the wire. */
export function codeNumber(code: RpcCode): status {
  return status[code];
}

/** The name of a number on the wire; unknown ones are UNKNOWN, as the gRPC specification asks. */
export function codeName(number: number): RpcCode {
  return (status[number] as RpcCode | undefined) ?? 'UNKNOWN';
}
