// Who sent these bytes: the signature that requests to outside systems, their answers and their callbacks carry.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { schemeOf } from './scheme.ts';

export const TIMESTAMP_HEADER = 'x-chunyun-timestamp';
export const NONCE_HEADER = 'x-chunyun-nonce';
export const SIGNATURE_HEADER = 'x-chunyun-signature';

/** How far the clock of the other side may be off. Within it a nonce must not come twice. */
export const SIGNATURE_SKEW_MS = 5 * 60_000;

/** What is signed besides time and nonce. `path` includes the query, as it stands in the request line. */
export type SignedPart = { method: string; path: string; body: Uint8Array };

export type SignatureHeaders = { [TIMESTAMP_HEADER]: string; [NONCE_HEADER]: string; [SIGNATURE_HEADER]: string };

export type SignOptions = { key: KeyObject; now_ms: number; nonce?: string };

/** RSA-2048 with SHA-256 or SM2 with SM3, as the key is, over `timestamp\nnonce\nmethod\npath\nsha256hex(body)`, in base64. */
export function signPart(part: SignedPart, { key, now_ms, nonce = randomUUID() }: SignOptions): SignatureHeaders {
  const timestamp = String(now_ms);
  const signature = schemeOf(key).sign(textOf(part, timestamp, nonce), key).toString('base64');
  return { [TIMESTAMP_HEADER]: timestamp, [NONCE_HEADER]: nonce, [SIGNATURE_HEADER]: signature };
}

/**
 * An answer is signed like a request. Its method is that of the request and the status, `POST 200`, and its nonce is the
 * request's, so that an answer can't be passed off as another request's, nor a refusal as a success.
 */
export function answerPart(method: string, path: string, status: number, body: Uint8Array): SignedPart {
  return { method: `${method} ${status}`, path, body };
}

export type Headers = Record<string, string | string[] | undefined>;
export type VerifySignatureOptions = { key: KeyObject; now_ms: number; /** The only nonce that is right: for answers. */ nonce?: string };

/**
 * Checks the bytes as received, before anything in them is parsed: SIGNATURE_INVALID with `detail` missing, timestamp,
 * nonce or signature. The caller remembers the nonces of requests and callbacks; for answers it is given.
 */
export function verifyPart(part: SignedPart, headers: Headers, { key, now_ms, nonce: expected }: VerifySignatureOptions): Result<{ nonce: string; timestamp_ms: number }> {
  const [timestamp, nonce, signature] = [one(headers, TIMESTAMP_HEADER), one(headers, NONCE_HEADER), one(headers, SIGNATURE_HEADER)];
  if (timestamp === undefined || nonce === undefined || signature === undefined) return fail('SIGNATURE_INVALID', { detail: 'missing' });
  if (!/^\d{1,15}$/.test(timestamp) || Math.abs(now_ms - Number(timestamp)) > SIGNATURE_SKEW_MS) return fail('SIGNATURE_INVALID', { detail: 'timestamp' });
  if (!/^[\w-]{8,64}$/.test(nonce) || (expected !== undefined && !sameText(expected, nonce))) return fail('SIGNATURE_INVALID', { detail: 'nonce' });
  if (!schemeOf(key).verify(textOf(part, timestamp, nonce), key, Buffer.from(signature, 'base64'))) return fail('SIGNATURE_INVALID', { detail: 'signature' });
  return ok({ nonce, timestamp_ms: Number(timestamp) });
}

export function sha256Hex(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

function textOf({ method, path, body }: SignedPart, timestamp: string, nonce: string): Buffer {
  return Buffer.from(`${timestamp}\n${nonce}\n${method}\n${path}\n${sha256Hex(body)}`);
}

/** A header that stands there twice is no header: two parsers could pick different ones. */
function one(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function sameText(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
