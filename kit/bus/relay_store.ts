// What the relay keeps in the database: who relays which bucket, and how far it has come. Lease and progress stand in
// one row, so that moving the progress is fenced by the lease in the same statement. An event is published when the
// progress of its bucket has passed it; the rows of the outbox are never written again.
import type { Database, SqlValue } from '#kit/store/mysql.ts';
import { EVENT_BUCKETS, type StreamName } from './streams.ts';

export interface OwnedBucket {
  readonly stream: StreamName;
  readonly bucket: number;
  readonly term: bigint;
  /** Outbox sequence of the last event known to be in the stream. */
  readonly published_sequence: bigint;
  /** Sequence, in the stream, of the last message of the bucket's subject. */
  readonly subject_sequence: bigint;
}

export interface OutboxRow {
  readonly stream: StreamName;
  readonly bucket: number;
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

export interface RelayView {
  /** Buckets of this owner. */
  readonly owned: readonly OwnedBucket[];
  /** Those of them with events to publish. */
  readonly waiting: readonly OwnedBucket[];
  /** Events to publish, by whomever. */
  readonly backlog: number;
  /** True when nobody else relays anything of this database. */
  readonly alone: boolean;
}

export interface RelayStore {
  /** Renews the buckets of this owner, takes what is free of every stream that has events, and tells what waits. */
  claim(ttl_ms: number): Promise<RelayView>;
  /** Events behind the progress of these buckets, at most `limit` of each, by stream, bucket and sequence. */
  read(buckets: readonly OwnedBucket[], limit: number): Promise<OutboxRow[]>;
  /** The sequence of the first event behind the progress; undefined when there is none. */
  next(bucket: OwnedBucket): Promise<bigint | undefined>;
  eventIdAt(bucket: OwnedBucket, sequence: bigint): Promise<string | undefined>;
  /** Moves the progress to what the buckets say now; false when the lease of one is another's, whose progress stays. */
  mark(moved: readonly OwnedBucket[]): Promise<boolean>;
  release(): Promise<void>;
}

export function relayStore(db: Database, owner: string): RelayStore {
  const until = 'UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND';
  return {
    async claim(ttl_ms) {
      await db.query(`UPDATE outbox_relay SET expires_at = ${until} WHERE owner = ? AND expires_at > UTC_TIMESTAMP(3)`, [ttl_ms * 1_000, owner]);
      const seen = await look(db, owner);
      const streams = new Set(seen.filter((row) => row.relayed === null).map((row) => row.stream));
      for (const stream of streams) await addBuckets(db, stream);
      if (streams.size === 0 && seen.every((row) => row.relayed !== 'free')) return viewOf(seen);
      await db.query(`UPDATE outbox_relay SET owner = ?, term = term + 1, expires_at = ${until} WHERE expires_at <= UTC_TIMESTAMP(3)`, [owner, ttl_ms * 1_000]);
      return viewOf(await look(db, owner));
    },
    async read(buckets, limit) {
      if (buckets.length === 0) return [];
      // The sequences of a bucket have no gaps, so a range of them is a number of events.
      const ranges = buckets.map(() => '(stream = ? AND bucket = ? AND sequence > ? AND sequence <= ?)').join(' OR ');
      return db.query<OutboxRow & Record<string, unknown>>(
        `SELECT stream, bucket, sequence, event_id, type, version, event_key, occurred_at, trace, payload, created_at
         FROM outbox FORCE INDEX (PRIMARY) WHERE ${ranges} ORDER BY stream, bucket, sequence`,
        buckets.flatMap(({ stream, bucket, published_sequence }) => [stream, bucket, published_sequence, published_sequence + BigInt(limit)]),
      );
    },
    async next({ stream, bucket, published_sequence }) {
      const [row] = await db.query<{ sequence: bigint }>('SELECT sequence FROM outbox WHERE stream = ? AND bucket = ? AND sequence > ? ORDER BY sequence LIMIT 1', [stream, bucket, published_sequence]);
      return row?.sequence;
    },
    async eventIdAt({ stream, bucket }, sequence) {
      const [row] = await db.query<{ event_id: string }>('SELECT event_id FROM outbox WHERE stream = ? AND bucket = ? AND sequence = ?', [stream, bucket, sequence]);
      return row?.event_id;
    },
    async mark(moved) {
      const one = 'WHEN stream = ? AND bucket = ? THEN ?';
      const to = (column: 'published_sequence' | 'subject_sequence'): SqlValue[] => moved.flatMap((bucket) => [bucket.stream, bucket.bucket, bucket[column]]);
      const marked = await db.query(
        `UPDATE outbox_relay SET published_sequence = CASE ${moved.map(() => one).join(' ')} END, subject_sequence = CASE ${moved.map(() => one).join(' ')} END
         WHERE owner = ? AND (${moved.map(() => '(stream = ? AND bucket = ? AND term = ?)').join(' OR ')})`,
        [...to('published_sequence'), ...to('subject_sequence'), owner, ...moved.flatMap(({ stream, bucket, term }) => [stream, bucket, term])],
      );
      return marked.affected_rows === moved.length;
    },
    async release() {
      await db.query('UPDATE outbox_relay SET expires_at = UTC_TIMESTAMP(3) WHERE owner = ? AND expires_at > UTC_TIMESTAMP(3)', [owner]);
    },
  };
}

interface Seen extends Record<string, unknown> {
  readonly stream: StreamName;
  readonly bucket: number;
  /** Null for a bucket that no relay has ever had. */
  readonly relayed: 'mine' | 'free' | 'others' | null;
  readonly term: bigint;
  readonly published_sequence: bigint;
  readonly subject_sequence: bigint;
  readonly last_sequence: bigint;
}

/** All buckets: those that a relay has had, and those that have events and none. */
async function look(db: Database, owner: string): Promise<readonly Seen[]> {
  return db.query<Seen>(
    `SELECT r.stream, r.bucket, IF(r.expires_at <= UTC_TIMESTAMP(3), 'free', IF(r.owner = ?, 'mine', 'others')) AS relayed, r.term, r.published_sequence, r.subject_sequence,
       COALESCE(p.last_sequence, 0) AS last_sequence
     FROM outbox_relay r LEFT JOIN outbox_partition p ON p.stream = r.stream AND p.bucket = r.bucket
     UNION ALL
     SELECT p.stream, p.bucket, NULL, 0, 0, 0, p.last_sequence FROM outbox_partition p
     LEFT JOIN outbox_relay r ON r.stream = p.stream AND r.bucket = p.bucket WHERE r.stream IS NULL`,
    [owner],
  );
}

/** All at once, so that the first event of a bucket finds it relayed. */
async function addBuckets(db: Database, stream: StreamName): Promise<void> {
  const buckets = Array.from({ length: EVENT_BUCKETS }, (_, bucket) => bucket);
  await db.query(
    `INSERT IGNORE INTO outbox_relay (stream, bucket, owner, term, expires_at, published_sequence, subject_sequence) VALUES ${buckets.map(() => "(?, ?, '', 0, '2000-01-01', 0, 0)").join(', ')}`,
    buckets.flatMap((bucket) => [stream, bucket]),
  );
}

function viewOf(seen: readonly Seen[]): RelayView {
  const mine = seen.filter((row) => row.relayed === 'mine');
  const behind = ({ last_sequence, published_sequence }: Seen) => Math.max(0, Number(last_sequence - published_sequence));
  return {
    owned: mine,
    waiting: mine.filter((row) => behind(row) > 0),
    backlog: seen.reduce((sum, row) => sum + behind(row), 0),
    alone: mine.length === seen.length,
  };
}
