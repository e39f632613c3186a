/**
 * The e-ticket as a QR code: `v2.<kid>.<payload>.<signature>`, both last parts base64url (RFC 4648 §5).
 *
 *     payload     see token_payload.ts
 *     signature   Ed25519 (RFC 8032) over the bytes of `v2.<kid>.<payload>`, 64 bytes
 *
 * At most 260 characters, usually 160, so that the code stays coarse enough for a cracked screen. Of the person there is a
 * tag inside that only the run's gates can check (holder.ts): four digits under a plain hash are found again by trying ten
 * thousand. The run and the seats are inside because a gate or a crew without a line must see that the ticket is for
 * this train and this place. Tokens of version 1, which have neither seats nor tag, are still read.
 */
import { sign, verify, type KeyObject } from 'node:crypto';
import { fromBase64Url, toBase64Url } from '#kit/base/bytes.ts';
import { readPayload, writePayload, type Ride, type TokenFacts, type TokenVersion } from './token_payload.ts';

export type { Ride, TokenFacts, TokenSeat } from './token_payload.ts';

export type ReadToken = TokenFacts & { kid: string; signed: Uint8Array; signature: Uint8Array };

export type SigningKey = { kid: string; private_key: KeyObject };

const SIGNED_VERSION = 'v2';
const READ_VERSIONS: readonly string[] = ['v1', 'v2'] satisfies TokenVersion[];
const SIGNATURE_BYTES = 64;
const KID = /^[\w-]{1,16}$/;

/** Longer texts are none of ours. */
export const TOKEN_MAX = 260;

/** Throws for facts that no ticket has. */
export function signToken(facts: TokenFacts & { ride: Ride }, { kid, private_key }: SigningKey): string {
  if (!KID.test(kid)) throw new RangeError('this key id does not fit into a ticket');
  const head = `${SIGNED_VERSION}.${kid}.${toBase64Url(writePayload(facts, facts.ride))}`;
  return `${head}.${toBase64Url(sign(null, Buffer.from(head), private_key))}`;
}

/** What a token claims, before any signature is checked; undefined when it is none of ours. */
export function readToken(token: string): ReadToken | undefined {
  const parts = token.length > TOKEN_MAX ? [] : token.split('.');
  const [version = '', kid = '', body = '', tail = ''] = parts;
  if (parts.length !== 4 || !READ_VERSIONS.includes(version) || !KID.test(kid)) return undefined;
  const [payload, signature] = [fromBase64Url(body), fromBase64Url(tail)];
  if (payload === undefined || signature?.length !== SIGNATURE_BYTES) return undefined;
  // One ticket, one text: padding and stray bits would make a second one.
  if (toBase64Url(payload) !== body || toBase64Url(signature) !== tail) return undefined;
  const facts = readPayload(version as TokenVersion, payload);
  return facts && { ...facts, kid, signed: Buffer.from(`${version}.${kid}.${body}`), signature };
}

export function isSignedBy({ signed, signature }: ReadToken, key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ed25519' && verify(null, signed, key, signature);
}
