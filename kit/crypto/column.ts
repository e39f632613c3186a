// Encryption of single columns: AES-256-GCM (NIST SP 800-38D) with named keys, so that keys can be rotated row by row.
//
// A sealed value is: format (1 byte, 1) | length of the key id (1) | key id | nonce (12) | tag (16) | ciphertext.
// A random nonce of 96 bits is safe for 2^32 values per key; rotate long before.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface KeyringConfig {
  /** Id of the key that seals; the others only open. */
  readonly active: string;
  /** 32 random bytes each, by id: 64 hexadecimal digits, or base64. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface Keyring {
  /**
   * Encrypts a text or bytes. `aad` says what it is, `table.column` with the row's id where that is known: a value moved
   * to another place doesn't open.
   */
  seal(plaintext: string | Uint8Array, aad: string): Buffer;
  /** The bytes of a sealed value. Throws SealError for a changed value, another `aad` or an unknown key. */
  open(blob: Uint8Array, aad: string): Buffer;
  openText(blob: Uint8Array, aad: string): string;
  /** True when the value was sealed with another key than the active one: seal it again and store that. */
  needsRotation(blob: Uint8Array): boolean;
}

/** A value can't be opened. It says nothing about the content. */
export class SealError extends Error {
  override name = 'SealError';
}

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** Throws when a key isn't 32 bytes or the active one is missing. */
export function createKeyring(config: KeyringConfig): Keyring {
  const keys = new Map(Object.entries(config.keys).map(([id, key]) => [checkedId(id), checkedKey(id, key)] as const));
  const active = keys.get(config.active);
  if (active === undefined) throw new Error(`the keyring has no key named ${config.active}`);
  const active_id = Buffer.from(config.active, 'ascii');

  function open(blob: Uint8Array, aad: string): Buffer {
    const { key_id, nonce, tag, ciphertext } = parse(blob);
    const key = keys.get(key_id);
    if (key === undefined) throw new SealError('sealed with an unknown key');
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associated(key_id, aad));
    decipher.setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
    } catch (error) {
      throw new SealError('a sealed value was changed or belongs elsewhere', { cause: error });
    }
  }
  return {
    seal(plaintext, aad) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', active, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associated(config.active, aad));
      const ciphertext = Buffer.concat([typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext), cipher.final()]);
      return Buffer.concat([Buffer.from([FORMAT, active_id.length]), active_id, nonce, cipher.getAuthTag(), ciphertext]);
    },
    open,
    openText: (blob, aad) => open(blob, aad).toString('utf8'),
    needsRotation: (blob) => parse(blob).key_id !== config.active,
  };
}

/** How many bytes a column needs for a text of `plain_bytes` bytes of UTF-8. */
export function sealedBytes(plain_bytes: number, key_id: string): number {
  return 2 + key_id.length + NONCE_BYTES + TAG_BYTES + plain_bytes;
}

interface Parts {
  readonly key_id: string;
  readonly nonce: Buffer;
  readonly tag: Buffer;
  readonly ciphertext: Buffer;
}

function parse(blob: Uint8Array): Parts {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  const id_length = bytes[1] ?? 0;
  const nonce_at = 2 + id_length;
  const tag_at = nonce_at + NONCE_BYTES;
  const text_at = tag_at + TAG_BYTES;
  if (bytes[0] !== FORMAT || id_length === 0 || bytes.length < text_at) throw new SealError('not a sealed value');
  return {
    key_id: bytes.toString('ascii', 2, nonce_at),
    nonce: bytes.subarray(nonce_at, tag_at),
    tag: bytes.subarray(tag_at, text_at),
    ciphertext: bytes.subarray(text_at),
  };
}

/** The key id is authenticated too; its length keeps the two parts apart. */
function associated(key_id: string, aad: string): Buffer {
  return Buffer.from(`${FORMAT}:${key_id.length}:${key_id}:${aad}`, 'utf8');
}

function checkedId(id: string): string {
  if (!/^[\w-]{1,32}$/.test(id)) throw new Error('the id of a key has 1 to 32 letters, digits, _ or -');
  return id;
}

function checkedKey(id: string, text: string): Buffer {
  // 64 hexadecimal digits would be 48 bytes in base64, so the two can't be mixed up.
  const key = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64');
  if (key.length !== KEY_BYTES) throw new Error(`key ${id} must have ${KEY_BYTES} bytes`);
  return key;
}
