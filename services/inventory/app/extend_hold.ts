import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { HOLD_TTL_MS, MAX_HOLD_TTL_MS, type Hold, type HoldOwner } from '../domain/hold.ts';
import { accessRun, guarded } from './hold_access.ts';
import type { Parts } from './parts.ts';
import type { Extension } from './ports.ts';

/** `hold_ttl_ms`: from now; a minute where 0. */
export type ExtendRequest = { hold_id: string; run_id: string; owner: HoldOwner; hold_ttl_ms: number };

/**
 * More time for an unattached hold, by the ledger's clock; it never shortens, so it may be repeated. HOLD_EXPIRED when its
 * time has passed, HOLD_CONFLICT when an order or another owner has it, FIELD_INVALID when it would live too long.
 */
export async function extendHold(parts: Parts, { hold_id, run_id, owner, hold_ttl_ms }: ExtendRequest): Promise<Result<Hold>> {
  if (hold_ttl_ms > MAX_HOLD_TTL_MS) return tooLong();
  const access = await accessRun(parts, run_id);
  if (!access.ok) return access;
  const { run, epoch } = access.value;
  return guarded(parts, access.value, async () => {
    return answerOf(await parts.ledger.extendUnattached({ hold_id, run, epoch, owner, ttl_ms: hold_ttl_ms === 0 ? HOLD_TTL_MS : hold_ttl_ms }));
  });
}

function answerOf(extension: Extension): Result<Hold> {
  switch (extension.status) {
    case 'OK':
      return ok(extension.hold);
    case 'UNKNOWN':
      return fail('HOLD_NOT_FOUND');
    case 'EXPIRED':
      return fail('HOLD_EXPIRED');
    case 'ATTACHED':
      return fail('HOLD_CONFLICT', { detail: 'an order has the hold' });
    case 'ABORTED':
      return fail('HOLD_CONFLICT', { detail: 'the hold never took effect' });
    case 'OTHER_OWNER':
      return fail('HOLD_CONFLICT', { detail: 'another owner' });
    case 'BEYOND':
      return tooLong();
  }
}

function tooLong() {
  return fieldInvalid('hold_ttl_ms', `a hold ends at most ${MAX_HOLD_TTL_MS} ms after it was made`);
}
