// Fenced leases: who may do a thing that only one process should do at a time.
//
// The database's clock decides when a lease ends; a process measures with its monotonic clock and stops early. The
// term grows with every owner, and a transaction that relies on a lease checks it with `heldLease`, so an owner that
// was frozen and woke up late can't write.
import { isDuplicateKey } from './errors.ts';
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

/** Rows for leases that nobody has had yet, so that `acquireLeases` finds them. */
export async function registerLeases(db: Database, names: readonly string[]): Promise<void> {
  await db.query(`INSERT IGNORE INTO lease (name, owner, term, expires_at) VALUES ${names.map(() => "(?, '', 0, '2000-01-01')").join(', ')}`, names);
}

/** Takes those of the leases that nobody holds and no transaction relies on; their rows must be there. */
export async function acquireLeases(db: Database, names: readonly string[], owner: string, ttl_ms: number): Promise<Lease[]> {
  if (names.length === 0) return [];
  const ended = 'SELECT name, term FROM lease WHERE name IN (?) AND expires_at <= UTC_TIMESTAMP(3)';
  // Mostly all have an owner, and nothing need be locked to see that.
  const [any] = await db.query(ended, [names]);
  if (any === undefined) return [];
  return db.transaction(async (tx) => {
    // One that the former owner's transaction still relies on is left for later: the others must not wait for it.
    const free = await tx.execute<{ name: string; term: bigint }>(`${ended} FOR UPDATE SKIP LOCKED`, [names]);
    if (free.length === 0) return [];
    await tx.later('UPDATE lease SET owner = ?, term = term + 1, expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE name IN (?)', [owner, ttl_ms * 1_000, free.map(({ name }) => name)]);
    return free.map(({ name, term }) => ({ name, owner, term: term + 1n }));
  });
}

export interface Renewals {
  readonly renewed: readonly Lease[];
  /** Transactions rely on these just now (`heldLease`): each has to wait for its own, with `renewLease`. */
  readonly busy: readonly Lease[];
  /** Ended, or another owner's. */
  readonly lost: readonly Lease[];
}

/** Prolongs leases of one owner that are still held, with one statement for all that no transaction relies on. */
export async function renewLeases(db: Database, leases: readonly Lease[], ttl_ms: number): Promise<Renewals> {
  const [first] = leases;
  if (first === undefined) return { renewed: [], busy: [], lost: [] };
  const names = leases.map(({ name }) => name);
  const held = 'name IN (?) AND owner = ? AND expires_at > UTC_TIMESTAMP(3)';
  const free = await db.transaction(async (tx) => {
    // Waiting for one that is relied on would let the others run out.
    const rows = await tx.execute<{ name: string; term: bigint }>(`SELECT name, term FROM lease WHERE ${held} FOR UPDATE SKIP LOCKED`, [names, first.owner]);
    if (rows.length > 0) {
      await tx.later(`UPDATE lease SET expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE name IN (?)`, [ttl_ms * 1_000, rows.map(({ name }) => name)]);
    }
    return rows;
  });
  const has = (rows: readonly { name: string; term: bigint }[], lease: Lease) => rows.some(({ name, term }) => name === lease.name && term === lease.term);
  const renewed = leases.filter((lease) => has(free, lease));
  if (renewed.length === leases.length) return { renewed, busy: [], lost: [] };
  const still = await db.query<{ name: string; term: bigint }>(`SELECT name, term FROM lease WHERE ${held}`, [names, first.owner]);
  const rest = leases.filter((lease) => !renewed.includes(lease));
  return { renewed, busy: rest.filter((lease) => has(still, lease)), lost: rest.filter((lease) => !has(still, lease)) };
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
