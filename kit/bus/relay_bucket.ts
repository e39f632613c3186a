// The events of one bucket on their way into the stream: one after the other, since each names the sequence of the one
// before. (A batch that the server takes as one costs it 1.5 ms, as much as 70 single events: measured.)
import { headers } from '@nats-io/transport-node';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { Log } from '#kit/telemetry/log.ts';
import { BUS_TIMEOUT_MS, type Bus } from './bus.ts';
import { encodeEvent, HEADER_TYPE, HEADER_WATERMARK } from './envelope.ts';
import type { BusMetrics } from './metrics.ts';
import type { OutboxRow, OwnedBucket, RelayStore } from './relay_store.ts';
import { eventSubject, streamName } from './streams.ts';

export interface BucketRun {
  readonly nats: Bus;
  readonly service: string;
  readonly log: Log;
  readonly store: Pick<RelayStore, 'eventIdAt'>;
  readonly metrics: BusMetrics;
  /** False when the lease may end, or the relay does. */
  mayGoOn(): boolean;
}

export interface BucketOutcome {
  /** How far the bucket has come, whether all went well or not. */
  readonly reached: OwnedBucket;
  readonly error?: unknown;
}

const MAX_RECOVERIES = 3;

/** Publishes rows of one bucket, in order. Never throws: what was published before a failure is told with it. */
export async function publishRows(run: BucketRun, owned: OwnedBucket, rows: readonly OutboxRow[]): Promise<BucketOutcome> {
  let reached = owned;
  try {
    for (const row of rows) {
      if (!run.mayGoOn()) break;
      for (let recoveries = 0; reached.published_sequence < row.sequence; recoveries += 1) {
        try {
          const subject_sequence = await send(run, reached, row);
          reached = { ...reached, published_sequence: row.sequence, subject_sequence };
          run.metrics.published.inc({ stream: row.stream });
          run.metrics.publish_seconds.observe({ stream: row.stream }, Math.max(0, Date.now() - row.created_at.getTime()) / 1_000);
        } catch (error) {
          if (!isWrongLastSequence(error) || recoveries >= MAX_RECOVERIES) throw error;
          reached = await recover(run, reached);
        }
      }
    }
    return { reached };
  } catch (error) {
    return { reached, error };
  }
}

async function send({ nats, service }: BucketRun, { stream, bucket, subject_sequence }: OwnedBucket, row: OutboxRow): Promise<bigint> {
  // Known to be away: waiting for a timeout would only delay the moment of going on.
  if (!nats.connected()) throw new Error('the event bus is away');
  const trace = JSON.parse(row.trace) as Record<string, string>;
  const message_headers = headers();
  message_headers.set(HEADER_TYPE, row.type);
  message_headers.set(HEADER_WATERMARK, `${row.sequence}:${row.event_id}`);
  for (const [name, value] of Object.entries(trace)) message_headers.set(name, value);
  const body = encodeEvent({ ...row, key: row.event_key, payload: row.payload, trace });
  const ack = await nats.js.publish(eventSubject(nats, stream, bucket, service), body, {
    msgID: row.event_id,
    timeout: BUS_TIMEOUT_MS,
    headers: message_headers,
    expect: { streamName: streamName(nats, stream), lastSubjectSequence: Number(subject_sequence) },
  });
  return BigInt(ack.seq);
}

/** Reads from the stream itself (its leader, not a replica) how far the bucket is. */
async function recover({ nats, service, log, store }: BucketRun, owned: OwnedBucket): Promise<OwnedBucket> {
  const subject = eventSubject(nats, owned.stream, owned.bucket, service);
  const last = await nats.jsm.streams.getMessage(streamName(nats, owned.stream), { last_by_subj: subject });
  const found = { ...owned, subject_sequence: BigInt(last?.seq ?? 0) };
  const [sequence_text = '', ...rest] = (last?.header.get(HEADER_WATERMARK) ?? '').split(':');
  if (!/^\d+$/.test(sequence_text)) return found;
  const sequence = BigInt(sequence_text);
  // Only when that event is ours: a database restored from a backup counts anew, and its new events must go out.
  if (sequence <= owned.published_sequence || (await store.eventIdAt(owned, sequence)) !== rest.join(':')) return found;
  log.info({ stream: owned.stream, bucket: owned.bucket, published: String(sequence) }, 'relay found its place in the stream');
  return { ...found, published_sequence: sequence };
}

function isWrongLastSequence(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence || error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}
