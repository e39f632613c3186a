// Message authentication with a shared secret: callbacks of the payment gateway, signed requests of partners.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** HMAC-SHA256 (RFC 2104) of the parts. Lengths are part of the input, so no two lists of parts sign alike. */
export function hmacSign(key: Uint8Array, parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}

/** True when the signature is right; takes the same time however wrong it is. */
export function hmacVerify(key: Uint8Array, parts: readonly (string | Uint8Array)[], signature: Uint8Array): boolean {
  const expected = hmacSign(key, parts);
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}
