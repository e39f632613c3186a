import type { Clock } from '#kit/base/clock.ts';
import { acquireLease } from '#kit/store/lease.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { StandbyMeasures } from '../app/standby_ports.ts';
import type { ReleaseRate } from '../domain/standby_odds.ts';

/** Hours before departure in which releases are counted together. */
const BUCKETS: readonly number[] = [6, 24, 72, 168, Infinity];
/** Until hours were measured: a seat a day. It weighs as much as a day of one run. */
const ASSUMED = { seats: 1, hours: 24 };
const HOUR_MS = 3_600_000;

export type MeasureStore = StandbyMeasures & {
  /** Counts the time that runs with people who wait were looked at. */
  looked(minutes: number): Promise<void>;
};

export function openStandbyMeasures(db: Database, clock: Clock, owner: string): MeasureStore {
  const add = (bucket: number, seats: number, run_minutes: number) =>
    db.query('INSERT INTO standby_rate (bucket, seats, run_minutes) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE seats = seats + VALUES(seats), run_minutes = run_minutes + VALUES(run_minutes)', [bucket, seats, run_minutes]);
  return {
    async released(run_id, seats) {
      const [row] = await db.query<{ departure_at: Date }>('SELECT departure_at FROM standby_run WHERE run_id = ?', [run_id]);
      if (row !== undefined) await add(bucketOf(row.departure_at, clock), seats, 0);
    },
    async looked(minutes) {
      // Of several processes one counts.
      if ((await acquireLease(db, { name: 'standby_measures', owner, ttl_ms: minutes * 54_000 })) === undefined) return;
      const rows = await db.query<{ departure_at: Date }>('SELECT departure_at FROM standby_run WHERE waiting > 0 AND departure_at > UTC_TIMESTAMP(3)');
      for (const [bucket, runs] of Map.groupBy(rows, ({ departure_at }) => bucketOf(departure_at, clock))) await add(bucket, 0, runs.length * minutes);
    },
    async rates() {
      const rows = await db.query<{ bucket: number; seats: bigint; run_minutes: bigint }>('SELECT bucket, seats, run_minutes FROM standby_rate');
      return BUCKETS.map((until_hours, bucket): ReleaseRate => {
        const row = rows.find((candidate) => candidate.bucket === bucket);
        return { until_hours, seats_per_hour: (Number(row?.seats ?? 0) + ASSUMED.seats) / (Number(row?.run_minutes ?? 0) / 60 + ASSUMED.hours) };
      });
    },
    async outcomes(limit) {
      // What was given up says nothing of the odds.
      const rows = await db.query<{ raw_odds: number; state: string }>("SELECT raw_odds, state FROM standby WHERE ended_at IS NOT NULL AND reason <> 'CANCELLED' ORDER BY ended_at DESC LIMIT ?", [limit]);
      return rows.map(({ raw_odds, state }) => ({ raw: raw_odds, succeeded: state === 'SUCCESS' }));
    },
  };
}

function bucketOf(departure_at: Date, clock: Clock): number {
  const hours = (departure_at.getTime() - clock.now_ms()) / HOUR_MS;
  return BUCKETS.findIndex((until) => hours <= until);
}
