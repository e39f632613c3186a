// Seats in the ledger. A statement touches a row once (masks are merged before), in the order run, class, seat, and says
// how many rows it changed; the caller compares.
import type { SqlValue } from '#kit/store/mysql.ts';
import type { SeatClaim, StandingClaim } from '../../domain/hold.ts';

type Statement = { sql: string; params: SqlValue[]; rows: number };

const SEAT_JOIN = `STRAIGHT_JOIN seat_ledger AS ledger ON ledger.run_no = claim.run_no AND ledger.class_code = claim.class_code AND ledger.seat = claim.seat`;
const STANDING_JOIN = `STRAIGHT_JOIN standing_ledger AS ledger ON ledger.run_no = claim.run_no AND ledger.segment = claim.segment`;

/** Occupies what is free: a row that overlaps is not changed. */
export function occupySeats(claims: readonly SeatClaim[]): Statement {
  return seatStatement(claims, 'ledger.occupied | claim.mask', '(ledger.occupied & claim.mask) = 0');
}

/** Frees what is occupied: a row on which something of it is free already is not changed. */
export function freeSeats(claims: readonly SeatClaim[]): Statement {
  return seatStatement(claims, 'ledger.occupied & ~claim.mask', '(ledger.occupied & claim.mask) = claim.mask');
}

export function occupyStanding(claims: readonly StandingClaim[]): Statement {
  return standingStatement(claims, 'ledger.used + claim.places', 'ledger.used + claim.places <= ledger.capacity');
}

export function freeStanding(claims: readonly StandingClaim[]): Statement {
  return standingStatement(claims, 'ledger.used - claim.places', 'ledger.used >= claim.places');
}

/** The claims come first in the join, so rows are locked in their order and by primary key only. */
function seatStatement(claims: readonly SeatClaim[], occupied: string, condition: string): Statement {
  const list = claims.map((_, index) => (index === 0 ? 'SELECT ? AS run_no, ? AS class_code, ? AS seat, CAST(? AS UNSIGNED) AS mask' : 'SELECT ?, ?, ?, CAST(? AS UNSIGNED)')).join(' UNION ALL ');
  const params = claims.flatMap(({ run_no, class_code, index, mask }) => [run_no, class_code, index, mask]);
  return { sql: `UPDATE (${list}) AS claim ${SEAT_JOIN} SET ledger.occupied = ${occupied} WHERE ${condition}`, params, rows: claims.length };
}

function standingStatement(claims: readonly StandingClaim[], used: string, condition: string): Statement {
  const list = claims.map((_, index) => (index === 0 ? 'SELECT ? AS run_no, ? AS segment, ? AS places' : 'SELECT ?, ?, ?')).join(' UNION ALL ');
  const params = claims.flatMap(({ run_no, segment, count }) => [run_no, segment, count]);
  return { sql: `UPDATE (${list}) AS claim ${STANDING_JOIN} SET ledger.used = ${used} WHERE ${condition}`, params, rows: claims.length };
}
