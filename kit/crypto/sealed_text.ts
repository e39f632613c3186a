/** Texts that others carry for us: readable, but not to be changed or made up, since they are sealed by HMAC. */
import { fromBase64Url, toBase64Url } from '#kit/base/bytes.ts';
import { hmacSign, hmacVerify } from './hmac.ts';

export type SealedTexts = {
  seal(text: string): string;
  /** Undefined for a token that is none of ours. */
  open(token: string): string | undefined;
};

export type SealOptions = {
  /** Newest first; the first seals, all are accepted. */
  keys: readonly Uint8Array[];
  /** The key is derived with it, so neither a token of another kind nor the key itself can stand in for it. */
  purpose: string;
  /** First word of a token; another version's tokens are none of ours. */
  version: string;
  /** A longer token is none of ours. */
  token_max: number;
};

/** Tokens `<version>.<text>.<signature>`, the last two in base64url. */
export function sealedTexts({ keys, purpose, version, token_max }: SealOptions): SealedTexts {
  const derived = keys.map((key) => hmacSign(key, [purpose]));
  const [first] = derived;
  if (first === undefined) throw new Error(`${purpose}: tokens need a key`);
  return {
    seal(text) {
      const body = toBase64Url(new TextEncoder().encode(text));
      return `${version}.${body}.${toBase64Url(hmacSign(first, [version, body]))}`;
    },
    open(token) {
      const [named, body = '', tail = '', ...rest] = token.length > token_max ? [] : token.split('.');
      const signature = fromBase64Url(tail);
      if (named !== version || rest.length > 0 || signature === undefined) return undefined;
      return derived.some((key) => hmacVerify(key, [version, body], signature)) ? new TextDecoder().decode(fromBase64Url(body)) : undefined;
    },
  };
}
