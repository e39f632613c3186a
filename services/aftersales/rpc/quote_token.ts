/** Quotes as tokens: what was promised, sealed by HMAC, so that no row is needed for a quote nobody takes. */
import { sealedTexts } from '#kit/crypto/sealed_text.ts';
import type { QuoteTokens } from '../app/ports.ts';
import type { Quote } from '../domain/quote.ts';

/** A quote of five items; a longer text is none of ours. */
const TOKEN_MAX = 8192;

/** `caller_keys`: newest first; the first signs, all are accepted. */
export function createQuoteTokens(caller_keys: readonly Uint8Array[]): QuoteTokens {
  const texts = sealedTexts({ keys: caller_keys, purpose: 'aftersales.refund_quote', version: 'rq1', token_max: TOKEN_MAX });
  return {
    seal: (quote) => texts.seal(JSON.stringify(quote, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))),
    open(token) {
      const text = texts.open(token);
      if (text === undefined) return undefined;
      const quote = JSON.parse(text) as Omit<Quote, 'items'> & { items: (Omit<Quote['items'][number], 'version'> & { version: string })[] };
      return { ...quote, items: quote.items.map((item) => ({ ...item, version: BigInt(item.version) })) };
    },
  };
}
