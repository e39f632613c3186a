// Events that leave with the transaction that caused them.
//
// A bucket's sequence is taken under the lock of its row, which is held until the commit: so the sequence is the order
// of commits (an auto-increment is not), and what is visible of a bucket has no gaps. The locks are taken as the last
// thing in the transaction, in one packet with COMMIT where that can be, to be held as short as possible; buckets in
// order, so that two transactions never wait for one another.
import { traceHeaders } from '#kit/telemetry/trace.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { BusEvent } from './envelope.ts';
import { eventBucket, MAX_EVENT_BYTES, type StreamName } from './streams.ts';

export interface OutgoingEvent extends Omit<BusEvent, 'trace'> {
  readonly stream: StreamName;
  /** Default: the trace that is active now. */
  readonly trace?: Readonly<Record<string, string>>;
}

/** The name under which a commit tells the relay of its process (Database.on). */
export const OUTBOX_SIGNAL = 'outbox';

const MAX_EVENTS_PER_TRANSACTION = 10_000;
const INSERT_ROWS = 200;
/** Room for the envelope's other fields and the headers. */
const MAX_PAYLOAD_BYTES = MAX_EVENT_BYTES - 16_384;

/**
 * How far the bucket of a row of `outbox` is published, in SQL. (The column `published_at` is of former versions: writing
 * every row a second time cost more than the event itself.)
 */
export const PUBLISHED_SEQUENCE = 'COALESCE((SELECT r.published_sequence FROM outbox_relay r WHERE r.stream = outbox.stream AND r.bucket = outbox.bucket), 0)';

const pending = new WeakMap<Tx, OutgoingEvent[]>();

/**
 * Adds events to the transaction; they are written just before its commit and published soon after by the relay.
 * Events of one call, and of several calls in one transaction, keep their order per bucket. Throws for a payload that
 * is too large.
 */
export async function appendEvents(tx: Tx, events: readonly OutgoingEvent[]): Promise<void> {
  if (events.length === 0) return;
  for (const event of events) checkEvent(event);
  const trace = traceHeaders();
  const traced = events.map((event) => ({ ...event, trace: event.trace ?? trace }));
  // Of all that share a transaction together, so that the locks of their buckets are taken in one order.
  const list = pending.get(tx.whole) ?? openList(tx.whole);
  list.push(...traced);
  tx.notify(OUTBOX_SIGNAL);
  tx.onUndo(() => traced.forEach((event) => list.splice(list.indexOf(event), 1)));
  if (list.length > MAX_EVENTS_PER_TRANSACTION) throw new Error('too many events in one transaction');
}

function openList(tx: Tx): OutgoingEvent[] {
  const list: OutgoingEvent[] = [];
  pending.set(tx, list);
  tx.withCommit(() => outboxStatements(list));
  tx.onUndo(() => void pending.delete(tx));
  return list;
}

/** Deletes a bounded batch of published events older than 7 days; the number deleted. The relay calls it. */
export async function pruneOutbox(db: Database, limit = 5_000): Promise<number> {
  // Whole days could be dropped as partitions later; at our rates bounded deletes keep up (docs: ADR on retention).
  const sql = `DELETE FROM outbox WHERE created_at < UTC_TIMESTAMP(3) - INTERVAL 7 DAY AND sequence <= ${PUBLISHED_SEQUENCE} LIMIT ?`;
  return (await db.query(sql, [limit])).affected_rows;
}

interface Placed {
  readonly stream: StreamName;
  readonly bucket: number;
  readonly events: OutgoingEvent[];
}

type Statement = { sql: string; params: SqlValue[] };

/** Moves the sequences of all buckets on, reads them into session variables, and inserts the rows by those. */
function outboxStatements(events: readonly OutgoingEvent[]): Statement[] {
  if (events.length === 0) return [];
  const groups = placed(events);
  const statements = [reserve(groups)];
  for (const [stream, of_stream] of Map.groupBy(groups, (group) => group.stream)) statements.push(readSequences(stream, of_stream));
  const rows = groups.flatMap(rowsOf);
  for (let start = 0; start < rows.length; start += INSERT_ROWS) {
    const part = rows.slice(start, start + INSERT_ROWS);
    statements.push({
      sql: `INSERT INTO outbox (stream, bucket, sequence, event_id, type, version, event_key, occurred_at, trace, payload, created_at) VALUES ${part.map(({ sql }) => sql).join(', ')}`,
      params: part.flatMap(({ params }) => params),
    });
  }
  return statements;
}

/** By stream and bucket, in the order in which their locks are taken. */
function placed(events: readonly OutgoingEvent[]): Placed[] {
  const groups = new Map<string, Placed>();
  for (const event of events) {
    const bucket = eventBucket(event.key);
    const name = `${event.stream}/${String(bucket).padStart(4, '0')}`;
    const group = groups.get(name) ?? { stream: event.stream, bucket, events: [] };
    group.events.push(event);
    groups.set(name, group);
  }
  return [...groups.entries()].toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([, group]) => group);
}

/** Locks the buckets, in order, whether their rows exist or not: an insert that meets a row locks it for the update at once. */
function reserve(groups: readonly Placed[]): Statement {
  const values = groups.map(() => '(?, ?, ?)').join(', ');
  return {
    sql: `INSERT INTO outbox_partition (stream, bucket, last_sequence) VALUES ${values} ON DUPLICATE KEY UPDATE last_sequence = last_sequence + VALUES(last_sequence)`,
    params: groups.flatMap(({ stream, bucket, events }) => [stream, bucket, events.length]),
  };
}

function readSequences(stream: StreamName, groups: readonly Placed[]): Statement {
  const columns = groups.map(({ bucket }) => `MAX(IF(bucket = ${bucket}, last_sequence, NULL))`).join(', ');
  const variables = groups.map(lastOf).join(', ');
  return { sql: `SELECT ${columns} INTO ${variables} FROM outbox_partition WHERE stream = ? AND bucket IN (?)`, params: [stream, groups.map(({ bucket }) => bucket)] };
}

/** The session variable with the last sequence of a group. */
function lastOf({ stream, bucket }: Placed): string {
  return `@outbox_${stream.toLowerCase()}_${bucket}`;
}

function rowsOf(group: Placed): Statement[] {
  const { stream, bucket, events } = group;
  return events.map((event, index) => ({
    sql: `(?, ?, ${lastOf(group)} - ${events.length - 1 - index}, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3))`,
    params: [stream, bucket, event.event_id, event.type, event.version, event.key, event.occurred_at, JSON.stringify(event.trace ?? {}), event.payload],
  }));
}

function checkEvent(event: OutgoingEvent): void {
  if (event.payload.byteLength > MAX_PAYLOAD_BYTES) throw new Error(`an event of type ${event.type} is too large`);
  if (!/^[\x21-\x7e]{1,64}$/.test(event.event_id)) throw new Error('an event id has 1 to 64 printable ASCII characters');
}
