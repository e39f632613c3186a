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
  if (!Number.isSafeInteger(time_ms) || time_ms < 0 || time_ms >= 2 ** 48) throw new RangeError('the time of a UUIDv7 has 48 bits');
  if (seed_bytes.length < 10) throw new RangeError('a UUIDv7 needs 10 random bytes');
  const time = time_ms.toString(16).padStart(12, '0');
  let tail = '';
  for (let index = 0; index < 10; index += 1) tail += tailByte(seed_bytes[index]!, index).toString(16).padStart(2, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${tail.slice(0, 4)}-${tail.slice(4, 8)}-${tail.slice(8)}`;
}

/** Sets the version in the first byte and the variant in the third one after the time. */
function tailByte(byte: number, index: number): number {
  if (index === 0) return (byte & 0x0f) | 0x70;
  return index === 2 ? (byte & 0x3f) | 0x80 : byte;
}

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
