// MySQL as Ledger.
import type { SqlValue } from '#kit/store/mysql.ts';
import type { Ledger } from '../../app/ports.ts';
import type { RunHeader } from '../../domain/run.ts';
import { heldHolds, liveHolds, readBits } from './bits.ts';
import { release, tombstone } from './changes.ts';
import { commitHolds } from './commit.ts';
import { extend, extendUnattached } from './extend.ts';
import { openKept, setStandby } from './kept.ts';
import { findHolds, HOLD_COLUMNS, holdOfRow, type HoldRow } from './hold_rows.ts';
import { Materialiser } from './materialise.ts';
import { attach, sell } from './order_changes.ts';
import type { LedgerParts } from './parts.ts';

/** A sequence is of use until every function call of its time has long been answered or given up. */
const SEQUENCE_LIFE = 'INTERVAL 10 MINUTE';
const PRUNE_ROWS = 10_000;

export function openLedger(parts: LedgerParts): Ledger {
  const { db } = parts;
  const materialiser = new Materialiser(db);
  return {
    findHolds: (hold_ids) => findHolds(db, hold_ids),
    commitHolds: (holds, sequences) => commitHolds(parts, holds, sequences),
    materialise: (run) => materialiser.ensure(run),
    tombstone: (wish) => tombstone(parts, wish),
    attach: (wishes) => attach(parts, wishes),
    sell: (wishes) => sell(parts, wishes),
    release: (wish) => release(parts, wish),
    setStandby: (wish) => setStandby(parts, wish),
    openKept: (wish) => openKept(parts, wish),
    extend: (hold_id, by_ms) => extend(parts, hold_id, by_ms),
    extendUnattached: (wish) => extendUnattached(parts, wish),
    readBits: (runs) => readBits(db, runs),
    heldHolds: (runs) => heldHolds(db, runs),
    liveHolds: (runs) => liveHolds(db, runs),
    locksOf: async (account_id: string, run: RunHeader) => {
      const rows = await db.query<HoldRow>(`SELECT ${HOLD_COLUMNS} FROM seat_hold WHERE run_no = ? AND state = 'HELD' AND owner = 'SEAT_LOCK' AND account_id = ?`, [run.run_no, account_id] as SqlValue[]);
      return rows.map(holdOfRow);
    },
    pruneSequences: async () => (await db.query(`DELETE FROM bucket_sequence WHERE created_at < UTC_TIMESTAMP(3) - ${SEQUENCE_LIFE} LIMIT ${PRUNE_ROWS}`)).affected_rows,
  };
}
