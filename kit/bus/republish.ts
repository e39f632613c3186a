// Putting published events into their stream again: after a stream was lost, or for a consumer that needs them.
import { randomUUID } from 'node:crypto';
import { headers } from '@nats-io/transport-node';
import type { Database } from '#kit/store/mysql.ts';
import { BUS_TIMEOUT_MS, type Bus } from './bus.ts';
import { encodeEvent, HEADER_TYPE, HEADER_WATERMARK } from './envelope.ts';
import { eventSubject, isStreamName, streamName, type StreamName } from './streams.ts';

export interface RepublishRange {
  readonly stream: StreamName;
  /** Default: all buckets. */
  readonly bucket?: number;
  /** When the events were written. */
  readonly since: Date;
  readonly until: Date;
}

const PAGE = 200;

/**
 * Publishes events of the outbox again, in order per bucket; the number published. Consumers that had them do nothing
 * (inbox). The relay goes on beside it: it finds a changed last sequence, reads the watermark and continues.
 */
export async function republish(db: Database, bus: Bus, range: RepublishRange, limit = 1_000_000): Promise<number> {
  let done = 0;
  let after: [bucket: number, sequence: bigint] = [-1, 0n];
  while (done < limit) {
    const rows = await page(db, range, after, Math.min(PAGE, limit - done));
    for (const row of rows) {
      await publishAgain(bus, db.service, row);
      after = [row.bucket, row.sequence];
      done += 1;
    }
    if (rows.length < PAGE) return done;
  }
  return done;
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
  readonly watermark: bigint | null;
  readonly watermark_event: string | null;
}

async function page(db: Database, { stream, bucket, since, until }: RepublishRange, [after_bucket, after_sequence]: [number, bigint], limit: number): Promise<Row[]> {
  const one = bucket === undefined ? '' : ' AND o.bucket = ?';
  return db.query<Row>(
    `SELECT o.stream, o.bucket, o.sequence, o.event_id, o.type, o.version, o.event_key, o.occurred_at, o.trace, o.payload,
            r.published_sequence AS watermark, w.event_id AS watermark_event
     FROM outbox o
     JOIN outbox_relay r ON r.stream = o.stream AND r.bucket = o.bucket
     LEFT JOIN outbox w ON w.stream = o.stream AND w.bucket = o.bucket AND w.sequence = r.published_sequence
     WHERE o.stream = ?${one} AND o.published_at IS NOT NULL AND o.created_at >= ? AND o.created_at < ?
       AND (o.bucket > ? OR (o.bucket = ? AND o.sequence > ?))
     ORDER BY o.bucket, o.sequence LIMIT ?`,
    [stream, ...(bucket === undefined ? [] : [bucket]), since, until, after_bucket, after_bucket, after_sequence, limit],
  );
}

async function publishAgain(bus: Bus, service: string, row: Row): Promise<void> {
  if (!isStreamName(row.stream)) throw new Error(`not a stream: ${row.stream}`);
  const trace = JSON.parse(row.trace) as Record<string, string>;
  const message_headers = headers();
  message_headers.set(HEADER_TYPE, row.type);
  // How far the relay is, not how far this event is: a relay that reads it must not go back, nor jump ahead.
  if (row.watermark !== null && row.watermark_event !== null) message_headers.set(HEADER_WATERMARK, `${row.watermark}:${row.watermark_event}`);
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
