// An event as it travels: rail.event.v1.Envelope in the body, and in headers what relays and watchers need unparsed.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate, timestampDate } from '@bufbuild/protobuf/wkt';
import { EnvelopeSchema } from '#gen/rail/event/v1/envelope_pb.ts';

export interface BusEvent {
  /** Unique for ever: a UUIDv7, or a text derived from what it tells of. At most 64 characters of ASCII. */
  readonly event_id: string;
  /** Full name of the payload's message. */
  readonly type: string;
  /** Version of the aggregate after the change; only grows. */
  readonly version: bigint;
  /** The aggregate's id: events of one key stay in order. */
  readonly key: string;
  readonly occurred_at: Date;
  readonly payload: Uint8Array;
  /** W3C trace headers of what caused it. */
  readonly trace: Readonly<Record<string, string>>;
}

export const HEADER_TYPE = 'Chunyun-Type';
/** `<outbox sequence>:<event id>` of the latest event of this subject: how far its relay had come. */
export const HEADER_WATERMARK = 'Chunyun-Watermark';

export function encodeEvent(event: BusEvent): Uint8Array {
  const { event_id, type, version, key, payload } = event;
  const occurredAt = timestampFromDate(event.occurred_at);
  return toBinary(EnvelopeSchema, create(EnvelopeSchema, { eventId: event_id, type, version, occurredAt, key, trace: { ...event.trace }, payload }));
}

/** Throws for bytes that are no envelope, or one without id or type. */
export function decodeEvent(bytes: Uint8Array): BusEvent {
  const envelope = fromBinary(EnvelopeSchema, bytes);
  if (envelope.eventId === '' || envelope.type === '') throw new Error('an envelope needs an event id and a type');
  return {
    event_id: envelope.eventId,
    type: envelope.type,
    version: envelope.version,
    key: envelope.key,
    occurred_at: envelope.occurredAt === undefined ? new Date(0) : timestampDate(envelope.occurredAt),
    // A copy: decoded bytes alias the receive buffer and would keep all of it alive.
    payload: new Uint8Array(envelope.payload),
    trace: { ...envelope.trace },
  };
}
