import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Hold, HoldOwner } from '../domain/hold.ts';
import { changeOrders, type HoldOfOrder } from './change_orders.ts';
import type { Parts } from './parts.ts';

export type AttachWish = HoldOfOrder & { owner: HoldOwner };

/** Names the orders of holds, in one transaction; repeatable. HOLD_EXPIRED, HOLD_CONFLICT or HOLD_NOT_FOUND where one can't be its hold. */
export async function attachOrders(parts: Parts, wishes: readonly AttachWish[]): Promise<Result<Hold>[]> {
  const changed = await changeOrders(parts, wishes, (reached) => parts.ledger.attach(reached));
  return changed.map((outcome, index) => {
    if (!outcome.ok) return outcome;
    const { hold } = outcome.value;
    return hold.owner === wishes[index]!.owner ? ok(hold) : fail('HOLD_CONFLICT', { detail: 'another kind of owner' });
  });
}
