// How a dead letter looks in the stream DLQ: the event's own bytes, and in headers why it is there.
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { scrubText } from '#kit/base/mask.ts';
import { BUS_TIMEOUT_MS, type Bus } from './bus.ts';
import { HEADER_TYPE } from './envelope.ts';
import { deadLetterStream, deadLetterSubject, isStreamName, type StreamName } from './streams.ts';

export interface DeadLetter {
  readonly stream: StreamName;
  readonly consumer: string;
  readonly bucket: number;
  /** Sequence of the event in its stream; 0 for a letter that a service writes of its own work. */
  readonly stream_sequence: number;
  /** Empty when the bytes are no envelope. */
  readonly event_id: string;
  readonly type: string;
  readonly key: string;
  readonly version: bigint;
  /** Why, without personal data. */
  readonly reason: string;
  readonly tries: number;
  readonly failed_at: Date;
  readonly envelope: Uint8Array;
}

const PREFIX = 'Chunyun-Dead-';
const MAX_REASON = 500;

/** Resolves when the stream has it. Published again after a crash it is stored twice at worst, and replays once. */
export async function publishDeadLetter(bus: Bus, letter: DeadLetter): Promise<void> {
  const fields: Record<string, string> = {
    Stream: letter.stream,
    Consumer: letter.consumer,
    Bucket: String(letter.bucket),
    Sequence: String(letter.stream_sequence),
    Event: letter.event_id,
    Key: letter.key,
    Version: String(letter.version),
    Reason: cleanReason(letter.reason),
    Tries: String(letter.tries),
    Time: letter.failed_at.toISOString(),
  };
  const message_headers = headers();
  message_headers.set(HEADER_TYPE, headerText(letter.type));
  for (const [name, value] of Object.entries(fields)) message_headers.set(`${PREFIX}${name}`, headerText(value));
  await bus.js.publish(deadLetterSubject(bus, letter.stream, letter.consumer), letter.envelope, {
    msgID: `dead:${letter.consumer}:${letter.stream}:${letter.stream_sequence === 0 ? letter.event_id : letter.stream_sequence}`,
    timeout: BUS_TIMEOUT_MS,
    headers: message_headers,
    expect: { streamName: deadLetterStream(bus) },
  });
}

/** Undefined for a message that is no dead letter of ours. */
export function readDeadLetter(message: { readonly header: MsgHdrs; readonly data: Uint8Array }): DeadLetter | undefined {
  const field = (name: string) => decodeURIComponent(message.header.get(`${PREFIX}${name}`));
  const stream = field('Stream');
  if (!isStreamName(stream)) return undefined;
  return {
    stream,
    consumer: field('Consumer'),
    bucket: Number(field('Bucket')),
    stream_sequence: Number(field('Sequence')),
    event_id: field('Event'),
    type: decodeURIComponent(message.header.get(HEADER_TYPE)),
    key: field('Key'),
    version: BigInt(field('Version')),
    reason: field('Reason'),
    tries: Number(field('Tries')),
    failed_at: new Date(field('Time')),
    envelope: new Uint8Array(message.data),
  };
}

/** The text of an error without personal data, at most 500 characters. */
export function cleanReason(text: string): string {
  return scrubText(text.replace(/\s+/g, ' ')).slice(0, MAX_REASON);
}

/** Header values are one line of ASCII. */
function headerText(text: string): string {
  return encodeURIComponent(text);
}
