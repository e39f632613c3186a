// Looking up encrypted columns: a keyed digest of the normalised text stands beside the sealed one.
//
// HMAC-SHA256 cut to 16 bytes: collisions among 10^9 values have a chance of 10^-21, and without the key nobody can try
// ID numbers against it (of which there are few enough to try all). Equal texts have equal indexes: that they are equal
// is all it tells. The field's name is part of the input, so the same text in two fields can't be linked.
import { createHmac } from 'node:crypto';

export const BLIND_INDEX_BYTES = 16;

export interface BlindIndex {
  /** 16 bytes for a BINARY(16) column. `field` names what it is, the same wherever it is looked up: `id_number`. */
  of(field: string, text: string): Buffer;
}

/** `key_hex`: 32 bytes or more, in hexadecimal, and no other key's bytes. It can't be rotated without indexing anew. */
export function createBlindIndex(key_hex: string): BlindIndex {
  if (!/^(?:[0-9a-f]{2}){32,}$/i.test(key_hex)) throw new Error('the key of a blind index has at least 32 bytes in hexadecimal');
  const key = Buffer.from(key_hex, 'hex');
  return {
    of(field, text) {
      const input = `${field.length}:${field}:${normalise(text)}`;
      return createHmac('sha256', key).update(input, 'utf8').digest().subarray(0, BLIND_INDEX_BYTES);
    },
  };
}

/** What people type differently and mean the same: width, case, spaces and separators. */
export function normalise(text: string): string {
  return text.normalize('NFKC').toUpperCase().replace(/[\s·•-]/g, '');
}
