import { toHex } from '#kit/base/bytes.ts';
import type { Hold } from '../domain/hold.ts';
import type { SeatRecord } from './ports.ts';

/** What Redis keeps of a hold. */
export function recordOf(hold: Hold): SeatRecord {
  const { hold_id, owner, seat_version, body_hash, places } = hold;
  return { hold_id, owner, seat_version, body: toHex(body_hash), places };
}
