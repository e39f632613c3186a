import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Hold, HoldOwner } from '../domain/hold.ts';
import { accessRun, guarded } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { whyOver } from './why_over.ts';

/** Names the order of a hold; repeatable. HOLD_EXPIRED, HOLD_CONFLICT or HOLD_NOT_FOUND when it can't be its hold. */
export async function attachOrder(parts: Parts, wish: { hold_id: string; run_id: string; order_id: string; owner: HoldOwner }): Promise<Result<Hold>> {
  if (!/^\w{1,32}$/.test(wish.order_id)) return fieldInvalid('order_id', '1 to 32 letters or digits');
  const access = await accessRun(parts, wish.run_id);
  if (!access.ok) return access;
  const { run, epoch } = access.value;
  return guarded(parts, access.value, async () => {
    const hold = await parts.ledger.attach(wish.hold_id, run, epoch, wish.order_id);
    if (hold === undefined) return whyOver(parts, wish.hold_id);
    return hold.owner === wish.owner ? ok(hold) : fail('HOLD_CONFLICT', { detail: 'another kind of owner' });
  });
}
