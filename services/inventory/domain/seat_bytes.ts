import { freeBits, wordsFor, type ClassBits } from './bitmap.ts';

const WORD_BYTES = 4;

/** Bytes that a class takes in Redis. */
export function seatBytes(seats: number, segments: number): number {
  return wordsFor(seats) * segments * WORD_BYTES;
}

/**
 * A class as Redis keeps it: words of 32 seats, of each word its segments one after the other, little-endian; a bit that is
 * set is a seat that is taken, and bits behind the last seat are set.
 */
export function encodeSeats(bits: ClassBits): Uint8Array {
  const encoded = new Uint8Array(bits.rows.length * WORD_BYTES);
  const view = new DataView(encoded.buffer);
  for (let word = 0; word < bits.words; word += 1) {
    for (let segment = 0; segment < bits.segments; segment += 1) view.setUint32((word * bits.segments + segment) * WORD_BYTES, ~bits.rows[segment * bits.words + word]! >>> 0, true);
  }
  return encoded;
}

/** Reads what `encodeSeats` and the Redis Function write. Throws when the length is not that of the class. */
export function decodeSeats(encoded: Uint8Array, seats: number, segments: number): ClassBits {
  if (encoded.length !== seatBytes(seats, segments)) throw new RangeError(`${encoded.length} bytes for ${seats} seats of ${segments} segments`);
  const bits = freeBits(seats, segments);
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  for (let word = 0; word < bits.words; word += 1) {
    for (let segment = 0; segment < segments; segment += 1) bits.rows[segment * bits.words + word] = ~view.getUint32((word * segments + segment) * WORD_BYTES, true) >>> 0;
  }
  return bits;
}
