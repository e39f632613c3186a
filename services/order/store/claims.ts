/** passenger_day: one person, one journey at a time, over all accounts. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import { overlaps, type Claim } from '../domain/claim.ts';
import { dateOf, valuesOf } from './rows.ts';

type ClaimRow = { person: string; travel_date: string; start_time: Date; end_time: Date };

/**
 * Claims the time of every person or of none: JOURNEY_OVERLAP with the item that is taken. Claims come sorted
 * (domain/claim.ts), so that two groups never wait for one another.
 */
export async function claimDays(tx: Tx, entry_id: string, claims: readonly Claim[], order_id?: string): Promise<Result<undefined>> {
  if (claims.length === 0) return ok(undefined);
  const days = claims.flatMap<SqlValue>(({ person, travel_date }) => [person, travel_date, 1]);
  // Makes the row where there is none, and locks it either way.
  await tx.later(`INSERT INTO passenger_day (person, travel_date, changes) VALUES ${valuesOf(claims.length, 3)} ON DUPLICATE KEY UPDATE changes = changes + 1`, days);
  const taken = await tx.execute<ClaimRow>(
    `SELECT person, travel_date, start_time, end_time FROM passenger_claim WHERE (person, travel_date) IN (${valuesOf(claims.length, 2)})`,
    claims.flatMap(({ person, travel_date }) => [person, travel_date]),
  );
  const conflict = claims.find((claim) => taken.some((row) => row.person === claim.person && overlaps(claim, { start_ms: row.start_time.getTime(), end_ms: row.end_time.getTime() })));
  if (conflict !== undefined) return fail('JOURNEY_OVERLAP', { metadata: { field: `passengers[${conflict.item_no - 1}]`, date: conflict.travel_date } });
  await tx.later(
    `INSERT INTO passenger_claim (person, travel_date, entry_id, item_no, start_time, end_time, order_id) VALUES ${valuesOf(claims.length, 7)}`,
    claims.flatMap<SqlValue>(({ person, travel_date, item_no, start_ms, end_ms }) => [person, travel_date, entry_id, item_no, dateOf(start_ms), dateOf(end_ms), order_id ?? null]),
  );
  return ok(undefined);
}

/** Frees the time of some items of an entry; of all where none are named. */
export async function freeDays(tx: Tx, entry_id: string, item_nos?: readonly number[]): Promise<void> {
  if (item_nos === undefined) {
    await tx.later('DELETE FROM passenger_claim WHERE entry_id = ?', [entry_id]);
  } else if (item_nos.length > 0) {
    await tx.later('DELETE FROM passenger_claim WHERE entry_id = ? AND item_no IN (?)', [entry_id, [...item_nos]]);
  }
}

/** Frees the time of all items of several entries. */
export async function freeDaysOf(tx: Tx, entry_ids: readonly string[]): Promise<void> {
  if (entry_ids.length > 0) await tx.execute('DELETE FROM passenger_claim WHERE entry_id IN (?)', [[...entry_ids]]);
}
