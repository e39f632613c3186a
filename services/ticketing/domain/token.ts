/**
 * The e-ticket as a QR code: `v1.<kid>.<payload>.<signature>`, both last parts base64url (RFC 4648 §5).
 *
 *     payload     8 bytes ticket id | 4 bytes version | 4 bytes not-after (Unix seconds) | run id in ASCII
 *     signature   Ed25519 (RFC 8032) over the bytes of `v1.<kid>.<payload>`, 64 bytes
 *
 * Numbers are unsigned and big-endian. At most 190 characters, so that the code stays coarse enough for a cracked screen.
 * Nothing of the person is inside: four digits under a hash are found again by trying ten thousand, so a gate that reads
 * the document asks InspectTicket, or a person looks at the name. The run is inside because a gate without a line must
 * see that the ticket is for this train.
 */
import { sign, verify, type KeyObject } from 'node:crypto';
import { fromBase64Url, toBase64Url } from '#kit/base/bytes.ts';

export type TokenFacts = { ticket_id: bigint; version: bigint; not_after_ms: number; run_id: string };

export type ReadToken = TokenFacts & { kid: string; signed: Uint8Array; signature: Uint8Array };

export type SigningKey = { kid: string; private_key: KeyObject };

const VERSION = 'v1';
const HEAD_BYTES = 16;
const SIGNATURE_BYTES = 64;
const KID = /^[\w-]{1,16}$/;
const RUN_ID = /^[\w.-]{1,48}$/;

/** Longer texts are none of ours. */
export const TOKEN_MAX = 190;

/** Throws for facts that no ticket has. */
export function signToken({ ticket_id, version, not_after_ms, run_id }: TokenFacts, { kid, private_key }: SigningKey): string {
  if (!KID.test(kid) || !RUN_ID.test(run_id)) throw new RangeError('this key id or run id does not fit into a ticket');
  const payload = Buffer.alloc(HEAD_BYTES + run_id.length);
  payload.writeBigUInt64BE(ticket_id, 0);
  payload.writeUInt32BE(Number(version), 8);
  payload.writeUInt32BE(Math.floor(not_after_ms / 1000), 12);
  payload.write(run_id, HEAD_BYTES, 'ascii');
  const head = `${VERSION}.${kid}.${toBase64Url(payload)}`;
  return `${head}.${toBase64Url(sign(null, Buffer.from(head), private_key))}`;
}

/** What a token claims, before any signature is checked; undefined when it is none of ours. */
export function readToken(token: string): ReadToken | undefined {
  const parts = token.length > TOKEN_MAX ? [] : token.split('.');
  const [version, kid = '', body = '', tail = ''] = parts;
  if (parts.length !== 4 || version !== VERSION || !KID.test(kid)) return undefined;
  const [payload, signature] = [fromBase64Url(body), fromBase64Url(tail)];
  if (payload === undefined || signature?.length !== SIGNATURE_BYTES || payload.length <= HEAD_BYTES) return undefined;
  // One ticket, one text: padding and stray bits would make a second one.
  if (toBase64Url(payload) !== body || toBase64Url(signature) !== tail) return undefined;
  const bytes = Buffer.from(payload);
  const run_id = bytes.toString('latin1', HEAD_BYTES);
  if (!RUN_ID.test(run_id)) return undefined;
  const facts = { ticket_id: bytes.readBigUInt64BE(0), version: BigInt(bytes.readUInt32BE(8)), not_after_ms: bytes.readUInt32BE(12) * 1000, run_id };
  return { ...facts, kid, signed: Buffer.from(`${VERSION}.${kid}.${body}`), signature };
}

export function isSignedBy({ signed, signature }: ReadToken, key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ed25519' && verify(null, signed, key, signature);
}
