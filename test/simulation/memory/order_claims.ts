import { fail, ok, type Result } from '#kit/base/result.ts';
import { overlaps, type Claim } from '../../../services/order/domain/claim.ts';
import type { OrderDb } from './order_db.ts';

/** The time of every person or of none. */
export function claimDays(db: OrderDb, entry_id: string, claims: readonly Claim[], { order_id, beside = false }: { order_id?: string; beside?: boolean } = {}): Result<undefined> {
  const conflict = claims.find((claim) => db.claims.some((held) => held.person === claim.person && !(held.entry_id === entry_id && held.item_no === claim.item_no) && overlaps(held, claim)));
  if (conflict !== undefined) return fail('JOURNEY_OVERLAP', { metadata: { field: `passengers[${conflict.item_no - 1}]`, date: conflict.travel_date } });
  db.claims.push(...claims.map((claim) => ({ ...claim, entry_id, order_id, beside })));
  return ok(undefined);
}

/** Of some items of an entry; of all where none are named. */
export function freeDays(db: OrderDb, entry_id: string, item_nos?: readonly number[]): void {
  if (item_nos?.length === 0) return;
  db.claims = db.claims.filter((claim) => claim.entry_id !== entry_id || (item_nos !== undefined && !item_nos.includes(claim.item_no)));
}

/** What some items wanted by a change of train. */
export function freeDaysBeside(db: OrderDb, entry_id: string, item_nos: readonly number[]): void {
  db.claims = db.claims.filter((claim) => claim.entry_id !== entry_id || claim.beside !== true || !item_nos.includes(claim.item_no));
}
