/** Quotes as tokens: what was promised, sealed by HMAC, so that no row is needed for a quote nobody takes. */
import { fromBase64Url, toBase64Url } from '#kit/base/bytes.ts';
import { hmacSign, hmacVerify } from '#kit/crypto/hmac.ts';
import type { QuoteTokens } from '../app/ports.ts';
import type { Quote } from '../domain/quote.ts';

/** A quote of five items; a longer text is none of ours. */
const TOKEN_MAX = 8192;
const VERSION = 'rq1';

/** `caller_keys`: newest first; the first signs, all are accepted. The key is derived, so neither can stand in for the other. */
export function createQuoteTokens(caller_keys: readonly Uint8Array[]): QuoteTokens {
  const keys = caller_keys.map((key) => hmacSign(key, ['aftersales.refund_quote']));
  const [first] = keys;
  if (first === undefined) throw new Error('quote tokens need a key');
  return {
    seal(quote) {
      const text = JSON.stringify(quote, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
      const body = toBase64Url(new TextEncoder().encode(text));
      return `${VERSION}.${body}.${toBase64Url(hmacSign(first, [VERSION, body]))}`;
    },
    open(token) {
      const [version, body = '', tail = '', ...rest] = token.length > TOKEN_MAX ? [] : token.split('.');
      const signature = fromBase64Url(tail);
      if (version !== VERSION || rest.length > 0 || signature === undefined) return undefined;
      if (!keys.some((key) => hmacVerify(key, [VERSION, body], signature))) return undefined;
      const quote = JSON.parse(new TextDecoder().decode(fromBase64Url(body))) as Omit<Quote, 'items'> & { items: (Omit<Quote['items'][number], 'version'> & { version: string })[] };
      return { ...quote, items: quote.items.map((item) => ({ ...item, version: BigInt(item.version) })) };
    },
  };
}
