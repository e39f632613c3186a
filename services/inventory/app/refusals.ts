import { fail, type Failure } from '#kit/base/result.ts';
import type { Closed, PlaceOutcome } from './ports.ts';

const CLOSED_RETRY_MS = 300;
const UNAVAILABLE_RETRY_MS = 500;

/** What a caller is told of an outcome that is not a hold. A bucket or run that is not there is never "sold out". */
export function refusal(status: Exclude<PlaceOutcome['status'], 'HELD'> | Closed | 'UNAVAILABLE'): { ok: false; error: Failure } {
  switch (status) {
    case 'SOLD_OUT':
      return fail('SOLD_OUT');
    case 'SEAT_LOCKED':
      return fail('SEAT_LOCKED');
    case 'CONFLICT':
      return fail('HOLD_CONFLICT', { detail: 'the id was used for another hold' });
    case 'STALE':
      return fail('VERSION_STALE');
    case 'RUN_CLOSED':
      return fail('SALE_CLOSED');
    case 'UNAVAILABLE':
      return fail('DEPENDENCY_UNAVAILABLE', { retry_after_ms: UNAVAILABLE_RETRY_MS });
    case 'LOST':
    case 'EPOCH':
    case 'CLOSED':
    case 'MISSING':
      return fail('SHARD_CLOSED', { retry_after_ms: CLOSED_RETRY_MS });
  }
}
