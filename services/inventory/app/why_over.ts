import { fail, type Failure } from '#kit/base/result.ts';
import type { Parts } from './parts.ts';

/** Why a hold can't be changed any more. */
export async function whyOver({ ledger }: Pick<Parts, 'ledger'>, hold_id: string): Promise<{ ok: false; error: Failure }> {
  const hold = (await ledger.findHolds([hold_id])).get(hold_id);
  if (hold === undefined) return fail('HOLD_NOT_FOUND');
  return hold.state === 'RELEASED' ? fail('HOLD_EXPIRED') : fail('HOLD_CONFLICT', { detail: `the hold is ${hold.state} for another order` });
}
