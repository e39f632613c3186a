/**
 * What a gate or a partner without a line can prove of a ticket. It needs the keys of GetVerificationKeys and, to know
 * that a ticket was not refunded or changed, the newest GetRevocations of the run. For the demo and as a model for
 * partners: nothing here asks anybody.
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { toBase64Url } from '#kit/base/bytes.ts';
import { isSignedBy, readToken, type TokenFacts } from './token.ts';

export type OfflineKey = { key_id: string; /** Raw, 32 bytes. */ public_key: Uint8Array; not_before_ms: number; not_after_ms?: number };

/** The verified set of one run: see `areRevocationsSigned`. */
export type Revocations = { run_id: string; as_of_ms: number; revoked: readonly { ticket_id: string; version: bigint }[] };

export type OfflineVerdict =
  /** `current_as_of_ms`: not revoked up to then; undefined when no set of its run was at hand. */
  | { valid: true; facts: TokenFacts; current_as_of_ms: number | undefined }
  | { valid: false; reason: 'MALFORMED' | 'KEY_UNKNOWN' | 'KEY_EXPIRED' | 'SIGNATURE_INVALID' | 'EXPIRED' | 'REVOKED' };

/** Proves authenticity by the signature, and with `revocations` of its run also currency. Throws for a broken key only. */
export function verifyOffline(token: string, keys: readonly OfflineKey[], now_ms: number, revocations?: Revocations): OfflineVerdict {
  const read = readToken(token);
  if (read === undefined) return { valid: false, reason: 'MALFORMED' };
  const key = keys.find(({ key_id }) => key_id === read.kid);
  if (key === undefined) return { valid: false, reason: 'KEY_UNKNOWN' };
  if (!isSignedBy(read, publicKeyOf(key.public_key))) return { valid: false, reason: 'SIGNATURE_INVALID' };
  if (now_ms < key.not_before_ms || (key.not_after_ms !== undefined && now_ms > key.not_after_ms)) return { valid: false, reason: 'KEY_EXPIRED' };
  if (now_ms > read.not_after_ms) return { valid: false, reason: 'EXPIRED' };
  const facts = { ticket_id: read.ticket_id, version: read.version, not_after_ms: read.not_after_ms, run_id: read.run_id };
  if (revocations?.run_id !== read.run_id) return { valid: true, facts, current_as_of_ms: undefined };
  const revoked = revocations.revoked.some(({ ticket_id, version }) => ticket_id === String(read.ticket_id) && version >= read.version);
  return revoked ? { valid: false, reason: 'REVOKED' } : { valid: true, facts, current_as_of_ms: revocations.as_of_ms };
}

/** True when a set is ours: `bytes` is the message GetRevocationsResponse with an empty signature. */
export function areRevocationsSigned(bytes: Uint8Array, signature: Uint8Array, key: OfflineKey): boolean {
  return signature.length === 64 && verify(null, bytes, publicKeyOf(key.public_key), signature);
}

/** A raw Ed25519 key of 32 bytes (RFC 8032 §5.1.5) as node wants it (RFC 8037). */
export function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(raw) }, format: 'jwk' });
}
