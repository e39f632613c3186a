// Fenced leases: who may do a thing that only one process should do at a time.
//
// The database's clock decides when a lease ends; a process measures with its monotonic clock and stops early. The
// term grows with every owner, and a transaction that relies on a lease checks it with `heldLease`, so an owner that
// was frozen and woke up late can't write.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDuplicateKey } from './errors.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Database, Tx } from './mysql.ts';

export interface Lease {
  readonly name: string;
  readonly owner: string;
  /** Grows by one with each new owner: the fencing token. */
  readonly term: bigint;
}

export interface LeaseRequest {
  readonly name: string;
  /** Unique per process start, not per machine: a restarted process is another owner. */
  readonly owner: string;
  readonly ttl_ms: number;
}

/** Takes the lease when nobody holds it; undefined when somebody does. */
export async function acquireLease(db: Database, { name, owner, ttl_ms }: LeaseRequest): Promise<Lease | undefined> {
  return db.transaction(async (tx) => {
    const taken = await tx.execute(
      'UPDATE lease SET owner = ?, term = term + 1, expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE name = ? AND expires_at <= UTC_TIMESTAMP(3)',
      [owner, ttl_ms * 1_000, name],
    );
    if (taken.affected_rows === 0) return (await insertFirst(tx, { name, owner, ttl_ms })) ? { name, owner, term: 1n } : undefined;
    const [row] = await tx.execute<{ term: bigint }>('SELECT term FROM lease WHERE name = ?', [name]);
    return row === undefined ? undefined : { name, owner, term: row.term };
  });
}

/** Prolongs a lease that is still held; false when it has ended or another owner has it. */
export async function renewLease(db: Database, lease: Lease, ttl_ms: number): Promise<boolean> {
  const renewed = await db.query(
    'UPDATE lease SET expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE name = ? AND owner = ? AND term = ? AND expires_at > UTC_TIMESTAMP(3)',
    [ttl_ms * 1_000, lease.name, lease.owner, lease.term],
  );
  return renewed.affected_rows === 1;
}

/** Gives a lease back at once, so that a successor need not wait. */
export async function releaseLease(db: Database, lease: Lease): Promise<void> {
  await db.query('UPDATE lease SET expires_at = UTC_TIMESTAMP(3) WHERE name = ? AND owner = ? AND term = ? AND expires_at > UTC_TIMESTAMP(3)', [
    lease.name,
    lease.owner,
    lease.term,
  ]);
}

/**
 * True when the lease is held, and then until this transaction ends: the share lock keeps a successor from taking it
 * before the commit. Write nothing when it is false. (LOCK IN SHARE MODE, because MariaDB has no FOR SHARE.)
 */
export async function heldLease(tx: Tx, lease: Lease): Promise<boolean> {
  const rows = await tx.execute(
    'SELECT 1 FROM lease WHERE name = ? AND owner = ? AND term = ? AND expires_at > UTC_TIMESTAMP(3) LOCK IN SHARE MODE',
    [lease.name, lease.owner, lease.term],
  );
  return rows.length === 1;
}

export interface LeaseKeeperOptions extends LeaseRequest {
  readonly db: Database;
  readonly log: Log;
  /** The lease is ours from now on. */
  readonly onHeld?: (lease: Lease) => void;
  /** It is not any more: stop what relies on it. Called before the lease can have a new owner, clocks being honest. */
  readonly onLost?: (lease: Lease) => void;
}

export interface LeaseKeeper {
  /** The lease, while it is surely held by the monotonic clock. */
  current(): Lease | undefined;
  /** Stops renewing and gives the lease back. */
  stop(): Promise<void>;
}

/** The share of its life at which a lease counts as lost when no renewal came through. */
const SAFE_SHARE = 0.8;
const RENEWALS_PER_LIFE = 4;

/** Tries for the lease until it has it, renews it, and starts over when it was lost. */
export function keepLease(options: LeaseKeeperOptions): LeaseKeeper {
  const { db, log, name, owner, ttl_ms } = options;
  const aborter = new AbortController();
  let held: { lease: Lease; safe_until_ms: number } | undefined;
  let watchdog: NodeJS.Timeout | undefined;

  function hold(lease: Lease, asked_at_ms: number): void {
    const first = held === undefined;
    held = { lease, safe_until_ms: asked_at_ms + ttl_ms * SAFE_SHARE };
    clearTimeout(watchdog);
    // A renewal can hang longer than the lease lives, so the end is watched apart from it.
    watchdog = setTimeout(lose, Math.max(1, held.safe_until_ms - performance.now()));
    if (first) options.onHeld?.(lease);
  }
  function lose(): void {
    clearTimeout(watchdog);
    if (held === undefined) return;
    const { lease } = held;
    held = undefined;
    log.warn({ lease: name, term: String(lease.term) }, 'lease lost');
    options.onLost?.(lease);
  }
  async function step(): Promise<void> {
    const asked_at_ms = performance.now();
    if (held === undefined) {
      const lease = await acquireLease(db, { name, owner, ttl_ms });
      if (lease !== undefined) hold(lease, asked_at_ms);
    } else if (await renewLease(db, held.lease, ttl_ms)) {
      if (held !== undefined) hold(held.lease, asked_at_ms);
    } else {
      lose();
    }
  }
  const done = (async () => {
    while (!aborter.signal.aborted) {
      await step().catch((error: unknown) => log.warn({ error, lease: name }, 'lease not renewed'));
      await sleep(ttl_ms / RENEWALS_PER_LIFE, undefined, { signal: aborter.signal }).catch(() => {});
    }
  })();

  return {
    current: () => (held !== undefined && performance.now() < held.safe_until_ms ? held.lease : undefined),
    async stop() {
      aborter.abort();
      await done;
      clearTimeout(watchdog);
      const lease = held?.lease;
      held = undefined;
      if (lease !== undefined) await releaseLease(db, lease).catch((error: unknown) => log.warn({ error, lease: name }, 'lease not released'));
    },
  };
}

async function insertFirst(tx: Tx, { name, owner, ttl_ms }: LeaseRequest): Promise<boolean> {
  const [known] = await tx.execute('SELECT 1 FROM lease WHERE name = ?', [name]);
  if (known !== undefined) return false;
  try {
    await tx.execute('INSERT INTO lease (name, owner, term, expires_at) VALUES (?, ?, 1, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)', [name, owner, ttl_ms * 1_000]);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
