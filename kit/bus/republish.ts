// Putting published events into their stream again: after a stream was lost, or for a consumer that needs them.
import { randomUUID } from 'node:crypto';
import { headers } from '@nats-io/transport-node';
import type { Database } from '#kit/store/mysql.ts';
import { BUS_TIMEOUT_MS, type Bus } from './bus.ts';
import { encodeEvent, HEADER_TYPE } from './envelope.ts';
import { PUBLISHED_SEQUENCE } from './outbox.ts';
import { eventSubject, isStreamName, streamName, type StreamName } from './streams.ts';

export interface RepublishRange {
  readonly stream: StreamName;
  /** Default: all buckets. */
  readonly bucket?: number;
  /** When the events were written. */
  readonly since: Date;
  readonly until: Date;
}

/** Bucket and sequence of the last event that was published again. */
export type RepublishCursor = readonly [bucket: number, sequence: bigint];

const PAGE = 200;

/**
 * Publishes events of the outbox again, in order per bucket; the number published. Consumers that had them do nothing
 * (inbox). The relay goes on beside it: it finds another last message on its subject, without a watermark since this
 * tells nothing of its progress, and continues where its database says.
 */
export async function republish(db: Database, bus: Bus, range: RepublishRange, limit = 1_000_000): Promise<number> {
  let done = 0;
  let after: RepublishCursor | undefined;
  do {
    const { published, next } = await republishPage(db, bus, range, after, Math.min(PAGE, limit - done));
    done += published;
    after = next;
  } while (after !== undefined && done < limit);
  return done;
}

/** One page of it, behind `after`; `next` is where the following one begins, undefined at the end. */
export async function republishPage(db: Database, bus: Bus, range: RepublishRange, after: RepublishCursor | undefined, limit: number): Promise<{ published: number; next: RepublishCursor | undefined }> {
  const rows = await page(db, range, after ?? [-1, 0n], limit);
  for (const row of rows) await publishAgain(bus, db.service, row);
  const last = rows.at(-1);
  return { published: rows.length, next: last === undefined || rows.length < limit ? undefined : [last.bucket, BigInt(last.sequence)] };
}

interface Row extends Record<string, unknown> {
  readonly stream: string;
  readonly bucket: number;
  readonly sequence: bigint;
  readonly event_id: string;
  readonly type: string;
  readonly version: bigint;
  readonly event_key: string;
  readonly occurred_at: Date;
  readonly trace: string;
  readonly payload: Buffer;
}

async function page(db: Database, { stream, bucket, since, until }: RepublishRange, [after_bucket, after_sequence]: RepublishCursor, limit: number): Promise<Row[]> {
  const one = bucket === undefined ? '' : ' AND bucket = ?';
  return db.query<Row>(
    `SELECT stream, bucket, sequence, event_id, type, version, event_key, occurred_at, trace, payload FROM outbox
     WHERE stream = ?${one} AND sequence <= ${PUBLISHED_SEQUENCE} AND created_at >= ? AND created_at < ?
       AND (bucket > ? OR (bucket = ? AND sequence > ?))
     ORDER BY bucket, sequence LIMIT ?`,
    [stream, ...(bucket === undefined ? [] : [bucket]), since, until, after_bucket, after_bucket, after_sequence, limit],
  );
}

async function publishAgain(bus: Bus, service: string, row: Row): Promise<void> {
  if (!isStreamName(row.stream)) throw new Error(`not a stream: ${row.stream}`);
  const trace = JSON.parse(row.trace) as Record<string, string>;
  const message_headers = headers();
  message_headers.set(HEADER_TYPE, row.type);
  for (const [name, value] of Object.entries(trace)) message_headers.set(name, value);
  const event = { event_id: row.event_id, type: row.type, version: row.version, key: row.event_key, occurred_at: row.occurred_at, payload: row.payload, trace };
  await bus.js.publish(eventSubject(bus, row.stream, row.bucket, service), encodeEvent(event), {
    // Another id: the server would take the event's own for a duplicate within two minutes.
    msgID: randomUUID(),
    timeout: BUS_TIMEOUT_MS,
    headers: message_headers,
    expect: { streamName: streamName(bus, row.stream) },
  });
}
