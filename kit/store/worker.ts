// Worker numbers for snowflake ids (kit/base/snowflake.ts), leased from the database: no two live processes of a
// service share one, and no id of a successor lies before one of its predecessor.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#kit/telemetry/log.ts';
import type { Database } from './mysql.ts';

export interface WorkerLeaseOptions {
  readonly db: Database;
  readonly log: Log;
  /** Unique per process start. */
  readonly owner: string;
  /** How many numbers there are: `WORKERS` of kit/base/snowflake.ts. */
  readonly workers: number;
  readonly now_ms: () => number;
  readonly ttl_ms?: number;
  /** Ids up to this time may be made: pass it to SnowflakeGenerator.extend. */
  readonly onReserved?: (reserved_until_ms: number) => void;
  /** No id may be made any more: SnowflakeGenerator.declareLost. */
  readonly onLost?: () => void;
}

export interface WorkerLease {
  readonly worker_id: number;
  /** Every id of a predecessor lies at or before this time; wait until it has passed. */
  readonly after_ms: number;
  /** What is promised to a successor at the start; `onReserved` tells of later ones. */
  readonly reserved_until_ms: number;
  /** Gives the number back. `last_ms` is the time of the latest id made, so a successor need not wait longer. */
  release(last_ms: number): Promise<void>;
}

const TTL_MS = 30_000;
/** Ids may run this far ahead of the renewal; beyond AHEAD_LIMIT_MS of the generator and the life of the lease. */
const RESERVE_MS = 5_000;

/** Leases a free worker number and keeps it. Throws when all are in use. */
export async function leaseWorker(options: WorkerLeaseOptions): Promise<WorkerLease> {
  const { db, log, owner, now_ms, ttl_ms = TTL_MS } = options;
  const taken = await takeWorker(options, ttl_ms);
  const aborter = new AbortController();
  let safe_until_ms = performance.now() + ttl_ms * 0.8;
  let lost = false;
  const lose = () => {
    if (lost || aborter.signal.aborted) return;
    lost = true;
    log.error({ worker: taken.worker_id }, 'worker number lost');
    options.onLost?.();
  };
  let watchdog = setTimeout(lose, ttl_ms * 0.8);

  async function renew(): Promise<void> {
    const asked_at_ms = performance.now();
    const reserved_until_ms = now_ms() + ttl_ms + RESERVE_MS;
    const renewed = await db.query(
      `UPDATE worker_lease SET expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, reserved_until_ms = GREATEST(reserved_until_ms, ?)
       WHERE worker_id = ? AND owner = ? AND term = ? AND expires_at > UTC_TIMESTAMP(3)`,
      [ttl_ms * 1_000, reserved_until_ms, taken.worker_id, owner, taken.term],
    );
    if (renewed.affected_rows !== 1) return lose();
    if (lost) return;
    safe_until_ms = asked_at_ms + ttl_ms * 0.8;
    clearTimeout(watchdog);
    watchdog = setTimeout(lose, Math.max(1, safe_until_ms - performance.now()));
    options.onReserved?.(reserved_until_ms);
  }
  const done = (async () => {
    while (!aborter.signal.aborted) {
      await sleep(ttl_ms / 4, undefined, { signal: aborter.signal }).catch(() => {});
      if (lost) return;
      if (!aborter.signal.aborted) await renew().catch((error: unknown) => log.warn({ error }, 'worker number not renewed'));
    }
  })();

  return {
    worker_id: taken.worker_id,
    after_ms: taken.after_ms,
    reserved_until_ms: taken.reserved_until_ms,
    async release(last_ms) {
      aborter.abort();
      clearTimeout(watchdog);
      await done;
      await db.query(
        'UPDATE worker_lease SET expires_at = UTC_TIMESTAMP(3), reserved_until_ms = ? WHERE worker_id = ? AND owner = ? AND term = ?',
        [Math.max(last_ms, taken.after_ms), taken.worker_id, owner, taken.term],
      );
    },
  };
}

interface Taken {
  readonly worker_id: number;
  readonly term: bigint;
  readonly after_ms: number;
  readonly reserved_until_ms: number;
}

/** How often to look again: rows that another starting process has just locked are skipped, not counted as in use. */
const TAKE_ATTEMPTS = 8;

async function takeWorker(options: WorkerLeaseOptions, ttl_ms: number): Promise<Taken> {
  await fillTable(options);
  for (let tried = 1; tried <= TAKE_ATTEMPTS; tried += 1) {
    const taken = await takeFree(options, ttl_ms);
    if (taken !== undefined) return taken;
    await sleep(20 * tried * (0.5 + Math.random()));
  }
  throw new Error(`all ${options.workers} worker numbers are in use`);
}

async function fillTable({ db, workers }: WorkerLeaseOptions): Promise<void> {
  const [row] = await db.query<{ known: bigint }>('SELECT COUNT(*) AS known FROM worker_lease WHERE worker_id < ?', [workers]);
  if (Number(row?.known ?? 0) >= workers) return;
  const ids = Array.from({ length: workers }, (_, id) => id);
  const values = ids.map(() => "(?, '', 0, '2000-01-01', 0)").join(', ');
  await db.query(`INSERT IGNORE INTO worker_lease (worker_id, owner, term, expires_at, reserved_until_ms) VALUES ${values}`, ids);
}

async function takeFree({ db, owner, workers, now_ms }: WorkerLeaseOptions, ttl_ms: number): Promise<Taken | undefined> {
  return db.transaction(async (tx) => {
    // SKIP LOCKED, so that processes starting at once take different rows without waiting for one another.
    const [row] = await tx.execute<{ worker_id: number; term: bigint; reserved_until_ms: bigint }>(
      `SELECT worker_id, term, reserved_until_ms FROM worker_lease WHERE worker_id < ? AND expires_at <= UTC_TIMESTAMP(3)
       ORDER BY reserved_until_ms, worker_id LIMIT 1 FOR UPDATE SKIP LOCKED`,
      [workers],
    );
    if (row === undefined) return undefined;
    const after_ms = Number(row.reserved_until_ms);
    const reserved_until_ms = Math.max(after_ms, now_ms()) + ttl_ms + RESERVE_MS;
    await tx.execute(
      'UPDATE worker_lease SET owner = ?, term = term + 1, expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, reserved_until_ms = ? WHERE worker_id = ?',
      [owner, ttl_ms * 1_000, reserved_until_ms, row.worker_id],
    );
    return { worker_id: row.worker_id, term: row.term + 1n, after_ms, reserved_until_ms };
  });
}
