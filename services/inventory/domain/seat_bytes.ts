import { freeBits, type ClassBits } from './bitmap.ts';

/** Bytes that a seat takes in Redis: one bit for each segment, in 1, 2, 4 or 8 bytes. */
export function bytesPerSeat(segments: number): 1 | 2 | 4 | 8 {
  return segments <= 8 ? 1 : segments <= 16 ? 2 : segments <= 32 ? 4 : 8;
}

/** Taken segments of each seat of a class as Redis keeps them: little-endian, bit s = segment s. */
export function encodeSeats(seats: number, segments: number, occupied: ReadonlyMap<number, bigint>): Uint8Array {
  const bytes = bytesPerSeat(segments);
  const encoded = new Uint8Array(seats * bytes);
  const view = new DataView(encoded.buffer);
  for (const [seat, mask] of occupied) {
    for (let byte = 0; byte < bytes; byte += 1) view.setUint8(seat * bytes + byte, Number((mask >> BigInt(byte * 8)) & 0xffn));
  }
  return encoded;
}

/** Reads what `encodeSeats` and the Redis Function write. Throws when the length is not that of the class. */
export function decodeSeats(encoded: Uint8Array, seats: number, segments: number): ClassBits {
  const bytes = bytesPerSeat(segments);
  if (encoded.length !== seats * bytes) throw new RangeError(`${encoded.length} bytes for ${seats} seats of ${segments} segments`);
  const bits = freeBits(seats, segments);
  for (let at = 0; at < encoded.length; at += 1) {
    const taken = encoded[at]!;
    if (taken === 0) continue;
    const seat = (at - (at % bytes)) / bytes;
    const first_segment = (at % bytes) * 8;
    for (let bit = 0; bit < 8; bit += 1) {
      if ((taken >>> bit) & 1) bits.rows[(first_segment + bit) * bits.words + (seat >>> 5)]! &= ~(1 << (seat & 31));
    }
  }
  return bits;
}
