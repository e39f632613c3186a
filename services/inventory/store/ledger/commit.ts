// The ledger's half of a hold: one transaction for all holds of a tick.
import type { SqlValue } from '#kit/store/mysql.ts';
import { LedgerRefused, type HoldChange, type NewHold, type SequenceKey } from '../../app/ports.ts';
import { seatClaims, standingClaims, type Hold } from '../../domain/hold.ts';
import { placesToJson } from '../seat_codec.ts';
import { auditStatement } from './audit_rows.ts';
import { occupySeats, occupyStanding } from './claims.ts';
import type { LedgerParts } from './parts.ts';
import { checkEpochs, EPOCHS_SHARED, ledgerTransaction } from './guard.ts';
import { Packet, valuesOf } from './packet.ts';

const HOLD_ROW = "(?, ?, ?, ?, 'HELD', ?, 1, ?, '', ?, ?, ?, '', UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, 0, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))";
const HOLD_INSERT = 'INSERT INTO seat_hold (hold_id, run_no, run_id, bucket, state, owner, version, seat_version, order_id, account_id, body_hash, places, reason, expires_at, next_action_time, attempts, created_at, updated_at)';

/**
 * Commits the holds, all or none, and tells their rows. Locks in the order bucket, hold, run and seat. Throws LedgerRefused
 * when an epoch has passed, a sequence was used before, a hold id is taken or a seat is: then nothing was changed.
 */
export async function commitHolds(parts: LedgerParts, holds: readonly NewHold[], sequences: readonly SequenceKey[]): Promise<Hold[]> {
  const ordered = holds.toSorted((left, right) => left.planned.run.bucket - right.planned.run.bucket || Number(left.planned.run.run_no - right.planned.run.run_no));
  return ledgerTransaction(parts.db, async (tx) => {
    const packet = new Packet();
    const time_at = packet.add('SELECT UTC_TIMESTAMP(3) AS now', []);
    const epochs_at = packet.add(EPOCHS_SHARED, [sequences.map(({ bucket }) => bucket) as SqlValue]);
    const keys = sequences.toSorted((left, right) => left.bucket - right.bucket).flatMap(({ bucket, epoch, sequence, part }): SqlValue[] => [bucket, epoch, sequence, part]);
    packet.add(`INSERT INTO bucket_sequence (bucket, epoch, sequence, part, created_at) VALUES ${valuesOf('(?, ?, ?, ?, UTC_TIMESTAMP(3))', sequences.length)}`, keys);
    packet.add(`${HOLD_INSERT} VALUES ${valuesOf(HOLD_ROW, ordered.length)}`, ordered.flatMap(rowValues));
    const expected = addClaims(packet, ordered);
    const audited = ordered.map((hold): HoldChange => ({ kind: 'held', hold: storedHold(hold, 0), reason: '' }));
    const audit = auditStatement(audited, parts.clock.now_ms(), parts.random);
    packet.add(audit.sql, audit.params);

    const results = await packet.send(tx);
    checkEpochs(results[epochs_at]!, new Map(sequences.map(({ bucket, epoch }) => [bucket, epoch])));
    for (const { at, rows } of expected) if (results[at]!.affected_rows !== rows) throw new LedgerRefused('SEAT');
    const now_ms = (results[time_at]![0] as { now: Date }).now.getTime();
    const stored = ordered.map((hold) => storedHold(hold, now_ms));
    await parts.publish(tx, stored.map((hold) => ({ kind: 'held', hold, reason: '' })));
    return stored;
  });
}

function addClaims(packet: Packet, holds: readonly NewHold[]): { at: number; rows: number }[] {
  const entries = holds.map(({ planned, placed }) => ({ run_no: planned.run.run_no, places: placed.places }));
  const statements = [];
  const seats = seatClaims(entries);
  if (seats.length > 0) statements.push(occupySeats(seats));
  const standing = standingClaims(entries);
  if (standing.length > 0) statements.push(occupyStanding(standing));
  return statements.map(({ sql, params, rows }) => ({ at: packet.add(sql, params), rows }));
}

function rowValues({ planned, placed }: NewHold): SqlValue[] {
  const { hold_id, run, owner, account_id, body_hash, ttl_ms } = planned;
  return [hold_id, run.run_no, run.run_id, run.bucket, owner, placed.seat_version, account_id, body_hash, placesToJson(placed.places), ttl_ms * 1000, ttl_ms * 1000];
}

function storedHold({ planned, placed }: NewHold, now_ms: number): Hold {
  const { hold_id, run, owner, account_id, body_hash, ttl_ms } = planned;
  const { seat_version, places } = placed;
  return { hold_id, run_id: run.run_id, run_no: run.run_no, bucket: run.bucket, state: 'HELD', owner, version: 1, seat_version, places, order_id: '', account_id, body_hash, expires_ms: now_ms + ttl_ms };
}
