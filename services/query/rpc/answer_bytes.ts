import { hash } from 'node:crypto';
import { create, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Degradation, type AnswerStamp } from '#gen/rail/query/v1/query_pb.ts';
import { headersOf, Prepared } from '#kit/rpc/prepared.ts';
import type { AnswerParts } from './answer_rules.ts';

/** An answer that may be given many times. */
export type Answer = {
  /** For anybody: browsers and edges may keep it where it says so. */
  open: Prepared;
  /** The same for a call of an account, whose channel counts: nobody else may get it. */
  own: Prepared;
  as_of_ms: number;
  etag: string;
  max_age_s: number;
  /** No tier was missing. */
  whole: boolean;
};

export type Lack = { degraded_by: Degradation; age_ms: number };

export type AnswerFacts = { timetable_version: string; as_of_ms: number; max_age_s: number; lack: Lack | undefined };

/** An answer whose bytes its handler has written, all but the time. */
export class Written extends Prepared {
  readonly stale: boolean;
  /** What it was made of. */
  readonly parts: AnswerParts;

  constructor(bytes: Buffer, { stale, parts }: { stale: boolean; parts: AnswerParts }) {
    super(bytes);
    this.stale = stale;
    this.parts = parts;
  }
}

/**
 * Makes the bytes of an answer with its stamp. The digest is of everything but times. That order of fields does not matter in
 * protobuf, and that a later scalar wins, is used here: the stamp, and later what a degraded answer adds, are put behind.
 */
export function answerBytes(output: DescMessage, made: MessageInitShape<DescMessage> | Written, facts: AnswerFacts): Answer {
  const { content, as_of } = made instanceof Written ? { content: made.bytes, as_of: timestampFromMs(facts.as_of_ms) } : contentOf(output, made);
  const etag = hash('sha1', content, 'base64url').slice(0, ETAG_CHARACTERS);
  const stamp: Partial<AnswerStamp> = {
    timetableVersion: facts.timetable_version,
    checksum: etag,
    asOf: timestampFromMs(facts.as_of_ms),
    degradedBy: facts.lack?.degraded_by ?? Degradation.UNSPECIFIED,
    ageMs: facts.lack?.age_ms ?? 0,
  };
  const times = partOf(output, { stamp, ...(as_of === undefined ? {} : { asOf: as_of }) });
  return answerOf(Buffer.concat([content, times]), { as_of_ms: facts.as_of_ms, etag, max_age_s: facts.max_age_s, whole: facts.lack === undefined });
}

function contentOf(output: DescMessage, made: MessageInitShape<DescMessage>): { content: Uint8Array; as_of: unknown } {
  const message = create(output, made) as MessageShape<DescMessage> & { asOf?: unknown };
  const as_of = message.asOf;
  delete message.asOf;
  return { content: toBinary(output, message), as_of };
}

export function answerOf(bytes: Buffer, facts: Pick<Answer, 'as_of_ms' | 'etag' | 'max_age_s' | 'whole'>): Answer {
  const open = facts.whole ? headersOf({ etag: `W/"${facts.etag}"`, 'cache-control': `public, max-age=${facts.max_age_s}` }) : NOT_KEPT;
  return { ...facts, open: new Prepared(bytes, open), own: new Prepared(bytes, NOT_KEPT) };
}

/** Another replica's answer, called what it is here. */
export function degradedBytes(output: DescMessage, bytes: Buffer, { degraded_by, age_ms }: Lack): Buffer {
  const stale = output.fields.some((field) => field.localName === 'stale') ? { stale: true } : {};
  return Buffer.concat([bytes, partOf(output, { ...stale, stamp: { degradedBy: degraded_by, ageMs: age_ms } })]);
}

function partOf(output: DescMessage, fields: object): Uint8Array {
  return toBinary(output, create(output, fields as MessageInitShape<DescMessage>));
}

/** 96 bits. */
const ETAG_CHARACTERS = 16;
const NOT_KEPT = headersOf({ 'cache-control': 'no-store' });
