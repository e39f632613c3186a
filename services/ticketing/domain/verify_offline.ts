/**
 * What a gate or a partner without a line can prove of a ticket. It needs the keys of GetVerificationKeys; to know that a
 * ticket was not refunded or changed, the newest GetRevocations of the run; and to know whose it is, the run's GetGateKey.
 * For `npm run verify_ticket`, the demo, and as a model for partners: nothing here asks anybody.
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { toBase64Url } from '#kit/base/bytes.ts';
import { isHolder } from './holder.ts';
import { isSignedBy, readToken, type TokenFacts } from './token.ts';

export type OfflineKey = { key_id: string; /** Raw, 32 bytes. */ public_key: Uint8Array; not_before_ms: number; not_after_ms?: number };

/**
 * The verified set of one run: see `areRevocationsSigned`. `fresh_until_ms`: how long its issuer stands by it. `tickets_until_ms`:
 * of a late run, whose tickets count longer than they say.
 */
export type Revocations = { run_id: string; as_of_ms: number; fresh_until_ms: number; tickets_until_ms?: number | undefined; revoked: readonly { ticket_id: string; version: bigint }[] };

export type OfflineChecks = {
  revocations?: Revocations;
  /** The train at this gate. */
  run_id?: string;
  /** The document shown, and the secret of the run's gates. */
  holder?: { gate_key: Uint8Array; id_number: string };
};

export type Refused = 'MALFORMED' | 'KEY_UNKNOWN' | 'KEY_EXPIRED' | 'SIGNATURE_INVALID' | 'EXPIRED' | 'OTHER_RUN' | 'REVOKED' | 'OTHER_HOLDER' | 'HOLDER_UNKNOWN';

export type OfflineVerdict =
  /**
   * `currency`: CURRENT, not revoked up to `current_as_of_ms` by a set that still holds; STALE, the set is too old to say;
   * UNKNOWN, no set of this run was at hand.
   */
  | { valid: true; facts: TokenFacts; currency: 'CURRENT' | 'STALE' | 'UNKNOWN'; current_as_of_ms: number | undefined; holder: 'MATCHES' | 'NOT_CHECKED' }
  | { valid: false; reason: Refused; facts?: TokenFacts };

/** Gates' clocks differ from ours by less. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Proves authenticity by the signature, and what else `checks` give the means for. Throws for a broken key only. */
export function verifyOffline(token: string, keys: readonly OfflineKey[], now_ms: number, checks: OfflineChecks = {}): OfflineVerdict {
  const read = readToken(token);
  if (read === undefined) return { valid: false, reason: 'MALFORMED' };
  const key = keys.find(({ key_id }) => key_id === read.kid);
  if (key === undefined) return { valid: false, reason: 'KEY_UNKNOWN' };
  if (!isSignedBy(read, publicKeyOf(key.public_key))) return { valid: false, reason: 'SIGNATURE_INVALID' };
  if (now_ms < key.not_before_ms - CLOCK_SKEW_MS || (key.not_after_ms !== undefined && now_ms > key.not_after_ms)) return { valid: false, reason: 'KEY_EXPIRED' };
  const { ticket_id, version, not_after_ms, run_id, ride } = read;
  const facts: TokenFacts = { ticket_id, version, not_after_ms, run_id, ride };
  const reason = refusalOf(facts, now_ms, checks);
  if (reason !== undefined) return { valid: false, reason, facts };
  const { revocations, holder } = checks;
  const set = revocations?.run_id === run_id ? revocations : undefined;
  const currency = set === undefined ? 'UNKNOWN' : now_ms > set.fresh_until_ms ? 'STALE' : 'CURRENT';
  return { valid: true, facts, currency, current_as_of_ms: set?.as_of_ms, holder: holder === undefined ? 'NOT_CHECKED' : 'MATCHES' };
}

/** A ticket that was revoked stays so: an old set is still right about what it names. */
function refusalOf({ ticket_id, version, not_after_ms, run_id, ride }: TokenFacts, now_ms: number, checks: OfflineChecks): Refused | undefined {
  const { revocations, holder } = checks;
  const late_ms = revocations?.run_id === run_id ? (revocations.tickets_until_ms ?? 0) : 0;
  if (now_ms > Math.max(not_after_ms, late_ms)) return 'EXPIRED';
  if (checks.run_id !== undefined && checks.run_id !== run_id) return 'OTHER_RUN';
  if (revocations?.run_id === run_id && revocations.revoked.some((one) => one.ticket_id === String(ticket_id) && one.version >= version)) return 'REVOKED';
  if (holder === undefined) return undefined;
  if (ride === undefined) return 'HOLDER_UNKNOWN';
  return isHolder(holder.gate_key, ticket_id, holder.id_number, ride.holder_tag) ? undefined : 'OTHER_HOLDER';
}

/** True when a set is ours: `bytes` is the message GetRevocationsResponse with an empty signature. */
export function areRevocationsSigned(bytes: Uint8Array, signature: Uint8Array, key: OfflineKey): boolean {
  return signature.length === 64 && verify(null, bytes, publicKeyOf(key.public_key), signature);
}

/** A raw Ed25519 key of 32 bytes (RFC 8032 §5.1.5) as node wants it (RFC 8037). */
export function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(raw) }, format: 'jwk' });
}
