/**
 * The bytes inside a ticket's token. Numbers are unsigned and big-endian.
 *
 *     v1   8 ticket id | 4 version | 4 not-after (Unix seconds) | run id in ASCII
 *     v2   8 ticket id | 4 version | 4 not-after | 8 holder tag | 1 from stop | 1 length, run id in ASCII
 *          then for each seat in the order of travel: 1 stop where it is left | 1 length, place in UTF-8 (`05-12A`; empty: standing)
 *
 * Each seat begins where the one before it ends, so nothing can be left out of the way between the first stop and the last.
 */

/** A place from the stop where the one before it ends up to `to_index`. */
export type TokenSeat = { place: string; to_index: number };

/** Where the holder sits, and who that is: see `holderTag`. Tickets of version 1 do not say. */
export type Ride = { from_index: number; seats: readonly TokenSeat[]; holder_tag: Uint8Array };

export type TokenFacts = { ticket_id: bigint; version: bigint; not_after_ms: number; run_id: string; ride?: Ride };

export type TokenVersion = 'v1' | 'v2';

export const HOLDER_TAG_BYTES = 8;
/** A ride is covered by two or three seats at most (DESIGN: same-train seat change). */
export const MAX_SEATS = 3;
/** A stop's number is one byte; no train calls that often. */
export const MAX_STOP = 255;

const HEAD_BYTES = 16;
const RUN_ID = /^[\w.-]{1,48}$/;
const MAX_PLACE_BYTES = 24;

/** The bytes of version 2. Throws for facts that no ticket has. */
export function writePayload({ ticket_id, version, not_after_ms, run_id }: TokenFacts, { from_index, seats, holder_tag }: Ride): Buffer {
  if (!RUN_ID.test(run_id)) throw new RangeError('this run id does not fit into a ticket');
  if (holder_tag.length !== HOLDER_TAG_BYTES || !isWay(from_index, seats)) throw new RangeError('these seats do not fit into a ticket');
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeBigUInt64BE(ticket_id, 0);
  head.writeUInt32BE(Number(version), 8);
  head.writeUInt32BE(Math.floor(not_after_ms / 1000), 12);
  const places = seats.flatMap(({ to_index, place }) => [Buffer.from([to_index]), withLength(Buffer.from(place))]);
  return Buffer.concat([head, holder_tag, Buffer.from([from_index]), withLength(Buffer.from(run_id, 'ascii')), ...places]);
}

/** Undefined for bytes that are none of ours. One ticket has one spelling: what is left over is refused. */
export function readPayload(token_version: TokenVersion, payload: Uint8Array): TokenFacts | undefined {
  const bytes = Buffer.from(payload);
  if (bytes.length <= HEAD_BYTES) return undefined;
  const head = { ticket_id: bytes.readBigUInt64BE(0), version: BigInt(bytes.readUInt32BE(8)), not_after_ms: bytes.readUInt32BE(12) * 1000 };
  if (token_version === 'v1') {
    const run_id = bytes.toString('latin1', HEAD_BYTES);
    return RUN_ID.test(run_id) ? { ...head, run_id } : undefined;
  }
  const rest = new Reader(bytes, HEAD_BYTES);
  const holder_tag = rest.take(HOLDER_TAG_BYTES);
  const from_index = rest.byte();
  const run_id = rest.text(48);
  const seats: TokenSeat[] = [];
  while (rest.left() > 0 && seats.length < MAX_SEATS) {
    const to_index = rest.byte();
    const place = rest.text(MAX_PLACE_BYTES);
    if (to_index === undefined || place === undefined) return undefined;
    seats.push({ place, to_index });
  }
  if (holder_tag === undefined || from_index === undefined || run_id === undefined || rest.left() > 0) return undefined;
  return RUN_ID.test(run_id) && isWay(from_index, seats) ? { ...head, run_id, ride: { from_index, seats, holder_tag } } : undefined;
}

/** Whether the seats lead on, each further than the one before. */
export function isWay(from_index: number, seats: readonly TokenSeat[]): boolean {
  const stops = [from_index, ...seats.map(({ to_index }) => to_index)];
  const grows = stops.every((stop, index) => Number.isInteger(stop) && stop >= 0 && stop <= MAX_STOP && (index === 0 || stop > stops[index - 1]!));
  return grows && seats.length > 0 && seats.length <= MAX_SEATS && seats.every(({ place }) => Buffer.byteLength(place) <= MAX_PLACE_BYTES);
}

function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array | undefined {
    if (this.left() < length) return undefined;
    // A copy: the bytes of a token may be those of a receive buffer.
    const taken = Uint8Array.from(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return taken;
  }

  byte(): number | undefined {
    return this.take(1)?.[0];
  }

  text(max_bytes: number): string | undefined {
    const length = this.byte();
    const bytes = length === undefined || length > max_bytes ? undefined : this.take(length);
    if (bytes === undefined) return undefined;
    const text = Buffer.from(bytes).toString('utf8');
    // Broken UTF-8 would be a second spelling of the same text.
    return Buffer.from(text).equals(bytes) ? text : undefined;
  }
}
