// What the relay keeps in the database: who relays which bucket, and how far it has come. Lease and progress stand in
// one row, so that moving the progress is fenced by the lease in the same statement.
import type { Database } from '#kit/store/mysql.ts';
import type { StreamName } from './streams.ts';

export interface OwnedBucket {
  readonly stream: StreamName;
  readonly bucket: number;
  readonly term: bigint;
  /** Outbox sequence of the last event known to be in the stream. */
  published_sequence: bigint;
  /** Sequence, in the stream, of the last message of the bucket's subject. */
  subject_sequence: bigint;
}

export interface OutboxRow {
  readonly sequence: bigint;
  readonly event_id: string;
  readonly type: string;
  readonly version: bigint;
  readonly event_key: string;
  readonly occurred_at: Date;
  readonly trace: string;
  readonly payload: Buffer;
  readonly created_at: Date;
}

export interface Waiting {
  /** Buckets of this owner with events to publish, as `stream/bucket`. */
  readonly keys: string[];
  /** Events to publish, by whomever. */
  readonly backlog: number;
  /** True when some of them are in a bucket that nobody relays. */
  readonly unowned: boolean;
}

export interface RelayStore {
  /** Renews the buckets of this owner and takes free ones; all that it owns now. */
  claim(ttl_ms: number): Promise<OwnedBucket[]>;
  /** What is to be published. */
  waiting(): Promise<Waiting>;
  read(owned: OwnedBucket, after: bigint, limit: number): Promise<OutboxRow[]>;
  eventIdAt(owned: OwnedBucket, sequence: bigint): Promise<string | undefined>;
  /** Moves the progress; false when the lease is another's. */
  mark(owned: OwnedBucket, published_sequence: bigint, subject_sequence: bigint): Promise<boolean>;
  release(): Promise<void>;
}

export function relayStore(db: Database, owner: string): RelayStore {
  return {
    async claim(ttl_ms) {
      const until = 'UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND';
      await db.query(
        `INSERT IGNORE INTO outbox_relay (stream, bucket, owner, term, expires_at, published_sequence, subject_sequence)
         SELECT p.stream, p.bucket, '', 0, '2000-01-01', 0, 0 FROM outbox_partition p
         LEFT JOIN outbox_relay r ON r.stream = p.stream AND r.bucket = p.bucket WHERE r.stream IS NULL`,
      );
      await db.query(`UPDATE outbox_relay SET expires_at = ${until} WHERE owner = ? AND expires_at > UTC_TIMESTAMP(3)`, [ttl_ms * 1_000, owner]);
      await db.query(`UPDATE outbox_relay SET owner = ?, term = term + 1, expires_at = ${until} WHERE expires_at <= UTC_TIMESTAMP(3)`, [owner, ttl_ms * 1_000]);
      const rows = await db.query<OwnedBucket & Record<string, unknown>>(
        'SELECT stream, bucket, term, published_sequence, subject_sequence FROM outbox_relay WHERE owner = ? AND expires_at > UTC_TIMESTAMP(3)',
        [owner],
      );
      return [...rows];
    },
    async waiting() {
      const rows = await db.query<{ stream: string; bucket: number; owner: string | null; free: number | bigint; backlog: bigint }>(
        `SELECT p.stream, p.bucket, r.owner, COALESCE(r.expires_at <= UTC_TIMESTAMP(3), 1) AS free, p.last_sequence - COALESCE(r.published_sequence, 0) AS backlog FROM outbox_partition p
         LEFT JOIN outbox_relay r ON r.stream = p.stream AND r.bucket = p.bucket WHERE p.last_sequence > COALESCE(r.published_sequence, 0)`,
      );
      const mine = rows.filter((row) => row.owner === owner && Number(row.free) === 0);
      return {
        keys: mine.map((row) => `${row.stream}/${row.bucket}`),
        backlog: rows.reduce((sum, row) => sum + Number(row.backlog), 0),
        unowned: rows.some((row) => Number(row.free) !== 0),
      };
    },
    async read({ stream, bucket }, after, limit) {
      return db.query<OutboxRow & Record<string, unknown>>(
        `SELECT sequence, event_id, type, version, event_key, occurred_at, trace, payload, created_at FROM outbox
         WHERE stream = ? AND bucket = ? AND sequence > ? ORDER BY sequence LIMIT ?`,
        [stream, bucket, after, limit],
      );
    },
    async eventIdAt({ stream, bucket }, sequence) {
      const [row] = await db.query<{ event_id: string }>('SELECT event_id FROM outbox WHERE stream = ? AND bucket = ? AND sequence = ?', [stream, bucket, sequence]);
      return row?.event_id;
    },
    async mark({ stream, bucket, term, published_sequence: before }, published_sequence, subject_sequence) {
      return db.transaction(async (tx) => {
        const moved = await tx.execute(
          'UPDATE outbox_relay SET published_sequence = ?, subject_sequence = ? WHERE stream = ? AND bucket = ? AND owner = ? AND term = ?',
          [published_sequence, subject_sequence, stream, bucket, owner, term],
        );
        if (moved.affected_rows !== 1) return false;
        const sql = 'UPDATE outbox SET published_at = UTC_TIMESTAMP(3) WHERE stream = ? AND bucket = ? AND sequence > ? AND sequence <= ?';
        tx.withCommit(() => [{ sql, params: [stream, bucket, before, published_sequence] }]);
        return true;
      });
    },
    async release() {
      await db.query('UPDATE outbox_relay SET expires_at = UTC_TIMESTAMP(3) WHERE owner = ? AND expires_at > UTC_TIMESTAMP(3)', [owner]);
    },
  };
}
