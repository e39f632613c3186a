// What the ledger says of whole runs: for rebuilding and comparing.
import type { Database, SqlValue } from '#kit/store/mysql.ts';
import type { RunBits } from '../../app/ports.ts';
import type { Hold } from '../../domain/hold.ts';
import type { RunHeader } from '../../domain/run.ts';
import { HOLD_COLUMNS, holdOfRow, type HoldRow } from './hold_rows.ts';

const RUNS_PER_QUERY = 200;

/** Occupied segments by class and seat, of seats that are occupied anywhere, and standing places used. By run id. */
export async function readBits(db: Database, runs: readonly RunHeader[]): Promise<Map<string, RunBits>> {
  const by_no = new Map(runs.map((run) => [run.run_no, { occupied: new Map(), standing_used: Array.from({ length: run.segments }, () => 0) } as RunBits]));
  for (const run_nos of partsOf(runs)) {
    const seats = await db.query<{ run_no: bigint; class_code: number; seat: number; occupied: bigint }>(
      'SELECT run_no, class_code, seat, occupied FROM seat_ledger WHERE run_no IN (?) AND occupied <> 0',
      [run_nos],
    );
    for (const { run_no, class_code, seat, occupied } of seats) {
      const classes = by_no.get(run_no)!.occupied;
      const known = classes.get(class_code);
      if (known === undefined) classes.set(class_code, new Map([[seat, occupied]]));
      else known.set(seat, occupied);
    }
    const standing = await db.query<{ run_no: bigint; segment: number; used: number }>('SELECT run_no, segment, used FROM standing_ledger WHERE run_no IN (?) AND used <> 0', [run_nos]);
    for (const { run_no, segment, used } of standing) by_no.get(run_no)!.standing_used[segment] = used;
  }
  return new Map(runs.map((run) => [run.run_id, by_no.get(run.run_no)!]));
}

/** Holds that Redis keeps a record of: those that are held and not sold. */
export function heldHolds(db: Database, runs: readonly RunHeader[]): Promise<Hold[]> {
  return holdsIn(db, runs, ['HELD']);
}

/** Holds that have seats. */
export function liveHolds(db: Database, runs: readonly RunHeader[]): Promise<Hold[]> {
  return holdsIn(db, runs, ['HELD', 'SOLD']);
}

async function holdsIn(db: Database, runs: readonly RunHeader[], states: readonly Hold['state'][]): Promise<Hold[]> {
  const holds: Hold[] = [];
  for (const run_nos of partsOf(runs)) {
    const rows = await db.query<HoldRow>(`SELECT ${HOLD_COLUMNS} FROM seat_hold WHERE run_no IN (?) AND state IN (?)`, [run_nos, states]);
    holds.push(...rows.map(holdOfRow));
  }
  return holds;
}

function* partsOf(runs: readonly RunHeader[]): Generator<SqlValue> {
  for (let start = 0; start < runs.length; start += RUNS_PER_QUERY) yield runs.slice(start, start + RUNS_PER_QUERY).map(({ run_no }) => run_no);
}
