import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** A new UUID of version 7 (RFC 9562 §5.7): sortable by creation time, 74 random bits. */
export function uuid7(clock: Clock, random: Random): string {
  return formatUuid7(clock.now_ms(), random.bytes(10));
}

/** True for a UUID of version 7 and variant 10, in lower case, as ids of ours are compared as text. */
export function isUuid7(text: string): boolean {
  return UUID7.test(text);
}

/** The creation time inside a valid UUIDv7, milliseconds since 1970; undefined for any other text. */
export function uuid7Time_ms(text: string): number | undefined {
  if (!isUuid7(text)) return undefined;
  return Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16);
}

/**
 * The UUIDv7 whose random part is taken from `seed_bytes` (10 bytes): the same inputs give the same id, for ids that are
 * derived from what they identify.
 */
export function formatUuid7(time_ms: number, seed_bytes: Uint8Array): string {
  const hex = uuid7Bytes(time_ms, seed_bytes).toHex();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The same as its 16 bytes. */
export function uuid7Bytes(time_ms: number, seed_bytes: Uint8Array): Uint8Array {
  if (!Number.isSafeInteger(time_ms) || time_ms < 0 || time_ms >= 2 ** 48) throw new RangeError('the time of a UUIDv7 has 48 bits');
  if (seed_bytes.length < 10) throw new RangeError('a UUIDv7 needs 10 random bytes');
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(time_ms / 2 ** 32));
  view.setUint32(2, time_ms % 2 ** 32);
  bytes.set(seed_bytes.subarray(0, 10), 6);
  // The version, and the variant.
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
