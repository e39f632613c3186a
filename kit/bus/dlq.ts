// Dead letters for operators: look, deliver again, throw away.
import { randomUUID } from 'node:crypto';
import { headers } from '@nats-io/transport-node';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { BUS_TIMEOUT_MS, type Bus } from './bus.ts';
import { readDeadLetter, type DeadLetter } from './dead_letter.ts';
import { HEADER_TYPE } from './envelope.ts';
import { deadLetterStream, deadLetterSubject, replaySubject, streamName, type StreamName } from './streams.ts';

export type { DeadLetter } from './dead_letter.ts';

export interface ListedDeadLetter extends DeadLetter {
  /** Names it to the functions below. */
  readonly id: number;
}

export interface DeadLetterFilter {
  readonly stream?: StreamName;
  readonly consumer?: string;
}

const MAX_PAGE = 200;

/** A page, oldest first. `next` is the `after` of the following one; undefined at the end. */
export async function listDeadLetters(bus: Bus, filter: DeadLetterFilter = {}, { after = 0, limit = 50 } = {}): Promise<{ letters: ListedDeadLetter[]; next: number | undefined }> {
  const letters: ListedDeadLetter[] = [];
  const size = Math.min(limit, MAX_PAGE);
  let seq = after + 1;
  while (letters.length < size) {
    const message = await bus.jsm.direct.getMessage(deadLetterStream(bus), { seq, next_by_subj: subjectOf(bus, filter) });
    if (message === null) return { letters, next: undefined };
    seq = message.seq + 1;
    const letter = readDeadLetter(message);
    if (letter !== undefined) letters.push({ ...letter, id: message.seq });
  }
  return { letters, next: letters.at(-1)?.id };
}

/** How many there are, by consumer. */
export async function countDeadLetters(bus: Bus): Promise<Record<string, number>> {
  const prefix = `${bus.prefix}dlq.v1.`;
  const info = await bus.jsm.streams.info(deadLetterStream(bus), { subjects_filter: `${prefix}>` });
  const counts = Object.entries(info.state.subjects ?? {}).map(([subject, count]) => [subject.slice(prefix.length).split('.')[1] ?? '', count] as const);
  return Object.fromEntries(counts);
}

/** One dead letter, or DEAD_LETTER_NOT_FOUND. */
export async function getDeadLetter(bus: Bus, id: number): Promise<Result<ListedDeadLetter>> {
  const message = await bus.jsm.streams.getMessage(deadLetterStream(bus), { seq: id });
  const letter = message === null ? undefined : readDeadLetter(message);
  return letter === undefined ? fail('DEAD_LETTER_NOT_FOUND') : ok({ ...letter, id });
}

/**
 * Delivers it again to the consumer that gave it up, and to no other, with all its tries anew. It leaves the dead
 * letters; when it fails again it comes back as a new one. The inbox lets it pass, since it never had its effect.
 */
export async function replayDeadLetter(bus: Bus, id: number): Promise<Result<ListedDeadLetter>> {
  const found = await getDeadLetter(bus, id);
  if (!found.ok) return found;
  const letter = found.value;
  const message_headers = headers();
  message_headers.set(HEADER_TYPE, letter.type);
  await bus.js.publish(replaySubject(bus, letter.stream, letter.consumer, letter.bucket), letter.envelope, {
    // New each time: replaying twice within the duplicate window must deliver twice.
    msgID: randomUUID(),
    timeout: BUS_TIMEOUT_MS,
    headers: message_headers,
    expect: { streamName: streamName(bus, letter.stream) },
  });
  await bus.jsm.streams.deleteMessage(deadLetterStream(bus), id);
  return found;
}

/**
 * Replays all that match, at most `limit`; how many were. Those that die again meanwhile are not taken up a second time.
 * `onReplayed` is awaited after each one: it sets the pace, and ends the replay by throwing.
 */
export async function replayDeadLetters(bus: Bus, filter: DeadLetterFilter = {}, limit = 10_000, onReplayed?: (replayed: number) => Promise<void>): Promise<number> {
  const { state } = await bus.jsm.streams.info(deadLetterStream(bus));
  let replayed = 0;
  let after = 0;
  while (replayed < limit) {
    const { letters, next } = await listDeadLetters(bus, filter, { after, limit: Math.min(MAX_PAGE, limit - replayed) });
    for (const { id } of letters) {
      if (id > state.last_seq) return replayed;
      if (!(await replayDeadLetter(bus, id)).ok) continue;
      replayed += 1;
      await onReplayed?.(replayed);
    }
    if (next === undefined) return replayed;
    after = next;
  }
  return replayed;
}

/** Throws a dead letter away for good. Who and why belongs into the audit: the caller writes it with what this returns. */
export async function discardDeadLetter(bus: Bus, id: number): Promise<Result<ListedDeadLetter>> {
  const found = await getDeadLetter(bus, id);
  if (found.ok) await bus.jsm.streams.deleteMessage(deadLetterStream(bus), id);
  return found;
}

function subjectOf(bus: Bus, { stream, consumer }: DeadLetterFilter): string {
  // Names are parts of a subject here: nothing may select more than it says.
  if (consumer !== undefined && !/^[\w-]{1,40}$/.test(consumer)) throw new RangeError('not a name for a consumer');
  if (stream !== undefined) return deadLetterSubject(bus, stream, consumer ?? '*');
  return `${bus.prefix}dlq.v1.${consumer === undefined ? '>' : `*.${consumer}`}`;
}
