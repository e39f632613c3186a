/** Page tokens of a search, sealed by HMAC and bound to its conditions: nobody walks through other people's orders by guessing. */
import { createHash } from 'node:crypto';
import { fromBase64Url, toBase64Url } from '#kit/base/bytes.ts';
import { hmacSign, hmacVerify } from '#kit/crypto/hmac.ts';

const TOKEN_MAX = 256;

export type SearchTokens = { seal(search: unknown, before: string): string; /** Undefined for a token that is none of ours or of another search. */ open(search: unknown, token: string): string | undefined };

/** `caller_keys`: newest first; the first signs, all are accepted. */
export function createSearchTokens(caller_keys: readonly Uint8Array[]): SearchTokens {
  const keys = caller_keys.map((key) => hmacSign(key, ['order.search_token']));
  const [first] = keys;
  if (first === undefined) throw new Error('search tokens need a key');
  const digestOf = (search: unknown) => createHash('sha256').update(JSON.stringify(search)).digest();
  return {
    seal: (search, before) => `${before}.${toBase64Url(hmacSign(first, [before, digestOf(search)]))}`,
    open(search, token) {
      const [before = '', signature = '', ...rest] = token.length > TOKEN_MAX ? [] : token.split('.');
      const bytes = fromBase64Url(signature);
      if (rest.length > 0 || bytes === undefined || !/^\d{1,19}$/.test(before)) return undefined;
      return keys.some((key) => hmacVerify(key, [before, digestOf(search)], bytes)) ? before : undefined;
    },
  };
}
