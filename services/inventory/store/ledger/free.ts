import type { Tx } from '#kit/store/mysql.ts';
import { seatClaims, standingClaims, type Hold } from '../../domain/hold.ts';
import { freeSeats, freeStanding } from './claims.ts';

/** The seats must be taken. */
export async function freeInLedger(tx: Tx, run_no: bigint, places: Hold['places']): Promise<void> {
  const seats = seatClaims([{ run_no, places }]);
  const standing = standingClaims([{ run_no, places }]);
  for (const { sql, params, rows } of [...(seats.length > 0 ? [freeSeats(seats)] : []), ...(standing.length > 0 ? [freeStanding(standing)] : [])]) {
    const freed = await tx.execute(sql, params);
    if (freed.affected_rows !== rows) throw new Error('a hold lists seats that the ledger has as free');
  }
}
