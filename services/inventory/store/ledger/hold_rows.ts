import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { Hold, HoldOwner, HoldState } from '../../domain/hold.ts';
import { placesFromJson } from '../seat_codec.ts';

export type HoldRow = {
  hold_id: string;
  run_no: bigint;
  run_id: string;
  bucket: number;
  state: HoldState;
  owner: HoldOwner;
  version: number;
  seat_version: number;
  order_id: string;
  account_id: string;
  body_hash: Buffer;
  places: string;
  expires_at: Date;
  expired: number;
};

export const HOLD_COLUMNS =
  'hold_id, run_no, run_id, bucket, state, owner, version, seat_version, order_id, account_id, body_hash, places, expires_at, (expires_at <= UTC_TIMESTAMP(3)) AS expired';

export function holdOfRow(row: HoldRow): Hold {
  const { places, expires_at, expired: _expired, ...same } = row;
  return { ...same, body_hash: new Uint8Array(row.body_hash), places: placesFromJson(places), expires_ms: expires_at.getTime() };
}

export async function findHolds(db: Database, hold_ids: readonly string[]): Promise<Map<string, Hold>> {
  if (hold_ids.length === 0) return new Map();
  const rows = await db.query<HoldRow>(`SELECT ${HOLD_COLUMNS} FROM seat_hold WHERE hold_id IN (?)`, [hold_ids as SqlValue]);
  return new Map(rows.map((row) => [row.hold_id, holdOfRow(row)]));
}

export const LOCKED_HOLD = `SELECT ${HOLD_COLUMNS} FROM seat_hold WHERE hold_id = ? FOR UPDATE`;

/** The row, locked until the transaction ends. */
export async function lockHold(tx: Tx, hold_id: string): Promise<HoldRow | undefined> {
  const [row] = await tx.execute<HoldRow>(LOCKED_HOLD, [hold_id]);
  return row;
}
