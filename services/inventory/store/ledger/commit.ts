// The ledger's half of a hold: one transaction for all holds of a tick.
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import { LedgerRefused, type HoldChange, type NewHold, type Refusal, type SequenceKey } from '../../app/ports.ts';
import { ATTACHED_BACKSTOP_MS, seatClaims, standingClaims, type Hold, type HoldState } from '../../domain/hold.ts';
import { isKept } from '../../domain/kept_places.ts';
import { placesToJson } from '../seat_codec.ts';
import { auditStatement } from './audit_rows.ts';
import { freeSeats, freeStanding, occupySeats, occupyStanding } from './claims.ts';
import { HOLD_COLUMNS, holdOfRow, type HoldRow } from './hold_rows.ts';
import type { LedgerParts } from './parts.ts';
import { checkEpochs, EPOCHS_SHARED, ledgerTransaction } from './guard.ts';
import { Packet, valuesOf } from './packet.ts';
import { asTheyAre, endOf, endStatement, givenPlaces, replacedHolds, type Replaced } from './replace.ts';

const HOLD_ROW = "(?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, '', UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, 0, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))";
const HOLD_INSERT = 'INSERT INTO seat_hold (hold_id, run_no, run_id, bucket, state, owner, version, seat_version, order_id, account_id, body_hash, places, reason, expires_at, next_action_time, attempts, created_at, updated_at)';

/**
 * Commits the holds, all or none, and tells their rows. Locks in the order bucket, hold, run and seat. Throws LedgerRefused
 * when an epoch has passed, a sequence was used before, a hold id is taken, a seat is, or a hold that is to be replaced has
 * changed: then nothing was changed.
 */
export async function commitHolds(parts: LedgerParts, holds: readonly NewHold[], sequences: readonly SequenceKey[]): Promise<Hold[]> {
  const ordered = holds.toSorted((left, right) => left.planned.run.bucket - right.planned.run.bucket || Number(left.planned.run.run_no - right.planned.run.run_no));
  const wanted = replacedHolds(ordered);
  return ledgerTransaction(parts.db, async (tx) => {
    const replaced = await keptAsTheyAre(tx, wanted, sequences);
    const packet = new Packet();
    const time_at = packet.add('SELECT UTC_TIMESTAMP(3) AS now', []);
    const epochs_at = packet.add(EPOCHS_SHARED, [sequences.map(({ bucket }) => bucket) as SqlValue]);
    const keys = sequences.toSorted((left, right) => left.bucket - right.bucket).flatMap(({ bucket, epoch, sequence, part }): SqlValue[] => [bucket, epoch, sequence, part]);
    packet.add(`INSERT INTO bucket_sequence (bucket, epoch, sequence, part, created_at) VALUES ${valuesOf('(?, ?, ?, ?, UTC_TIMESTAMP(3))', sequences.length)}`, keys);
    packet.add(`${HOLD_INSERT} VALUES ${valuesOf(HOLD_ROW, ordered.length)}`, ordered.flatMap(rowValues));
    const expected = [...addEnds(packet, replaced), ...addClaims(packet, ordered, replaced)];
    const audit = auditStatement(changesOf(replaced, ordered.map((hold) => storedHold(hold, 0))), parts.clock.now_ms(), parts.random);
    packet.add(audit.sql, audit.params);

    const results = await packet.send(tx);
    checkEpochs(results[epochs_at]!, new Map(sequences.map(({ bucket, epoch }) => [bucket, epoch])));
    for (const { at, rows, refusal } of expected) if (results[at]!.affected_rows !== rows) throw new LedgerRefused(refusal);
    const now_ms = (results[time_at]![0] as { now: Date }).now.getTime();
    const stored = ordered.map((hold) => storedHold(hold, now_ms));
    await parts.publish(tx, changesOf(replaced, stored));
    return stored;
  });
}

/** What is kept for standby grows while somebody is being matched: its rows are locked and read before the packet is made. */
async function keptAsTheyAre(tx: Tx, replaced: readonly Replaced[], sequences: readonly SequenceKey[]): Promise<readonly Replaced[]> {
  const kept = replaced.filter(({ old }) => isKept(old)).map(({ old }) => old.hold_id);
  if (kept.length === 0) return replaced;
  const packet = new Packet();
  // Buckets are locked before holds, everywhere.
  packet.add(EPOCHS_SHARED, [sequences.map(({ bucket }) => bucket) as SqlValue]);
  const rows_at = packet.add(`SELECT ${HOLD_COLUMNS} FROM seat_hold WHERE hold_id IN (?) ORDER BY hold_id FOR UPDATE`, [kept]);
  const rows = (await packet.send(tx))[rows_at]! as unknown as HoldRow[];
  return asTheyAre(replaced, new Map(rows.map((row) => [row.hold_id, holdOfRow(row)])));
}

/** A statement of the packet, how many rows it must change, and what it means when it doesn't. */
type Expected = { at: number; rows: number; refusal: Refusal };

function addEnds(packet: Packet, replaced: readonly Replaced[]): Expected[] {
  return replaced.map((one) => {
    const { sql, params } = endStatement(one);
    return { at: packet.add(sql, params), rows: 1, refusal: 'REPLACED' };
  });
}

/** What is given up goes first, so that a seat can be taken anew by the hold that gives it up: (mask & ~old) | new. */
function addClaims(packet: Packet, holds: readonly NewHold[], replaced: readonly Replaced[]): Expected[] {
  const given = replaced.map((one) => ({ run_no: one.old.run_no, places: givenPlaces(one) }));
  const taken = holds.map(({ planned, placed }) => ({ run_no: planned.run.run_no, places: placed.places }));
  const statements = [];
  const [given_seats, seats] = [seatClaims(given), seatClaims(taken)];
  if (given_seats.length > 0) statements.push(freeSeats(given_seats));
  if (seats.length > 0) statements.push(occupySeats(seats));
  const [given_standing, standing] = [standingClaims(given), standingClaims(taken)];
  if (given_standing.length > 0) statements.push(freeStanding(given_standing));
  if (standing.length > 0) statements.push(occupyStanding(standing));
  return statements.map(({ sql, params, rows }) => ({ at: packet.add(sql, params), rows, refusal: 'SEAT' }));
}

function changesOf(replaced: readonly Replaced[], stored: readonly Hold[]): HoldChange[] {
  return [...replaced.map(endOf), ...stored.map((hold): HoldChange => ({ kind: hold.state === 'SOLD' ? 'sold' : 'held', hold, reason: '' }))];
}

function rowValues(hold: NewHold): SqlValue[] {
  const { hold_id, run, owner, account_id, body_hash } = hold.planned;
  const { seat_version, places } = hold.placed;
  const { state, order_id, life_ms } = startOf(hold);
  return [hold_id, run.run_no, run.run_id, run.bucket, state, owner, seat_version, order_id, account_id, body_hash, placesToJson(places), life_ms * 1000, state === 'SOLD' ? null : life_ms * 1000];
}

function storedHold(hold: NewHold, now_ms: number): Hold {
  const { hold_id, run, owner, account_id, body_hash } = hold.planned;
  const { seat_version, places } = hold.placed;
  const { state, order_id, life_ms } = startOf(hold);
  return { hold_id, run_id: run.run_id, run_no: run.run_no, bucket: run.bucket, state, owner, version: 1, seat_version, places, order_id, account_id, body_hash, expires_ms: now_ms + life_ms };
}

/** A hold that takes the place of an order's is that order's, and sold when that was: what is exchanged stays sold. */
function startOf({ planned: { replaces, ttl_ms } }: NewHold): { state: HoldState; order_id: string; life_ms: number } {
  if (replaces === undefined || replaces.order_id === '') return { state: 'HELD', order_id: '', life_ms: ttl_ms };
  return { state: replaces.state, order_id: replaces.order_id, life_ms: ATTACHED_BACKSTOP_MS };
}
