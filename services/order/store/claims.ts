/** passenger_day: one person, one journey at a time, over all accounts. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import { overlaps, type Claim } from '../domain/claim.ts';
import { dateOf, valuesOf } from './rows.ts';

type ClaimRow = { person: string; travel_date: string; entry_id: string; item_no: number; start_time: Date; end_time: Date };

/**
 * Claims the time of every person or of none: JOURNEY_OVERLAP with the item that is taken. Claims come sorted
 * (domain/claim.ts), so that two groups never wait for one another. `beside`: a journey that an item is to be changed to, which
 * may lie at the time of the one that it has.
 */
export async function claimDays(tx: Tx, entry_id: string, claims: readonly Claim[], { order_id, beside = false }: { order_id?: string; beside?: boolean } = {}): Promise<Result<undefined>> {
  if (claims.length === 0) return ok(undefined);
  const taken = await lockDays(tx, claims);
  const conflict = claims.find((claim) => isTaken(claim, entry_id, taken));
  if (conflict !== undefined) return fail('JOURNEY_OVERLAP', { metadata: { field: `passengers[${conflict.item_no - 1}]`, date: conflict.travel_date } });
  await insertClaims(tx, entry_id, claims, { order_id, beside });
  return ok(undefined);
}

/** The time of items that travel at another time now, whoever else has it then; the numbers of those whose passenger has another journey at that time. */
export async function moveDays(tx: Tx, { entry_id, order_id }: { entry_id: string; order_id: string }, claims: readonly Claim[]): Promise<number[]> {
  const item_nos = [...new Set(claims.map(({ item_no }) => item_no))];
  // What an item wants by a change of train stays where it is.
  await tx.later('DELETE FROM passenger_claim WHERE entry_id = ? AND item_no IN (?) AND beside = 0', [entry_id, item_nos]);
  const taken = await lockDays(tx, claims);
  await insertClaims(tx, entry_id, claims, { order_id, beside: false });
  return item_nos.filter((item_no) => claims.some((claim) => claim.item_no === item_no && isTaken(claim, entry_id, taken)));
}

/** Frees the time of some items of an entry; of all where none are named. */
export async function freeDays(tx: Tx, entry_id: string, item_nos?: readonly number[]): Promise<void> {
  if (item_nos === undefined) {
    await tx.later('DELETE FROM passenger_claim WHERE entry_id = ?', [entry_id]);
  } else if (item_nos.length > 0) {
    await tx.later('DELETE FROM passenger_claim WHERE entry_id = ? AND item_no IN (?)', [entry_id, [...item_nos]]);
  }
}

/** Frees the time that some items wanted by a change of train. */
export async function freeDaysBeside(tx: Tx, entry_id: string, item_nos: readonly number[]): Promise<void> {
  if (item_nos.length > 0) await tx.later('DELETE FROM passenger_claim WHERE entry_id = ? AND item_no IN (?) AND beside = 1', [entry_id, [...item_nos]]);
}

/** Frees the time of all items of several entries. */
export async function freeDaysOf(tx: Tx, entry_ids: readonly string[]): Promise<void> {
  if (entry_ids.length > 0) await tx.later('DELETE FROM passenger_claim WHERE entry_id IN (?)', [[...entry_ids]]);
}

/** Whatever is claimed on the days of these, which nobody else claims any more before the commit. */
async function lockDays(tx: Tx, claims: readonly Claim[]): Promise<readonly ClaimRow[]> {
  const days = claims.flatMap<SqlValue>(({ person, travel_date }) => [person, travel_date, 1]);
  // Makes the row where there is none, and locks it either way.
  await tx.later(`INSERT INTO passenger_day (person, travel_date, changes) VALUES ${valuesOf(claims.length, 3)} ON DUPLICATE KEY UPDATE changes = changes + 1`, days);
  return tx.execute<ClaimRow>(
    `SELECT person, travel_date, entry_id, item_no, start_time, end_time FROM passenger_claim WHERE (person, travel_date) IN (${valuesOf(claims.length, 2)})`,
    claims.flatMap(({ person, travel_date }) => [person, travel_date]),
  );
}

/** By another item: what this one has already, or wants beside it, is its own. */
function isTaken(claim: Claim, entry_id: string, taken: readonly ClaimRow[]): boolean {
  return taken.some((row) => row.person === claim.person && !(row.entry_id === entry_id && row.item_no === claim.item_no) && overlaps(claim, { start_ms: row.start_time.getTime(), end_ms: row.end_time.getTime() }));
}

async function insertClaims(tx: Tx, entry_id: string, claims: readonly Claim[], { order_id, beside }: { order_id: string | undefined; beside: boolean }): Promise<void> {
  await tx.later(
    `INSERT INTO passenger_claim (person, travel_date, entry_id, item_no, beside, start_time, end_time, order_id) VALUES ${valuesOf(claims.length, 8)}`,
    claims.flatMap<SqlValue>(({ person, travel_date, item_no, start_ms, end_ms }) => [person, travel_date, entry_id, item_no, beside ? 1 : 0, dateOf(start_ms), dateOf(end_ms), order_id ?? null]),
  );
}
