// Personal data at the border of the database: sealed for a row and a column, so that a value moved elsewhere won't open.
import { createHmac } from 'node:crypto';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import type { BlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import type { Keyring, KeyringConfig } from '#kit/crypto/column.ts';
import { hmacSign } from '#kit/crypto/hmac.ts';

export type Vault = {
  readonly keyring: Keyring;
  readonly index: BlindIndex;
  /** Null for an empty text, which needs no hiding. */
  seal(text: string | undefined, column: string, id: bigint | string): Buffer | null;
  open(blob: Uint8Array | null | undefined, column: string, id: bigint | string): string | undefined;
  /** The same for the same parts, and nothing to anybody without the key. */
  fingerprint(parts: readonly string[]): Buffer;
};

export function createVault(keys: KeyringConfig, index_key_hex: string): Vault {
  const [keyring, index] = [createKeyring(keys), createBlindIndex(index_key_hex)];
  // A key of its own for another purpose, derived so that it needs no place in the configuration.
  const fingerprint_key = createHmac('sha256', Buffer.from(index_key_hex, 'hex')).update('identity request fingerprint').digest();
  const place = (column: string, id: bigint | string) => `${column}:${id}`;
  return {
    keyring,
    index,
    seal: (text, column, id) => (text === undefined || text === '' ? null : keyring.seal(text, place(column, id))),
    open: (blob, column, id) => (blob === null || blob === undefined ? undefined : keyring.openText(blob, place(column, id))),
    fingerprint: (parts) => hmacSign(fingerprint_key, parts),
  };
}
