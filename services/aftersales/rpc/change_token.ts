/** Quotes of changes as tokens, like those of refunds: no row is needed for a quote nobody takes. */
import { sealedTexts } from '#kit/crypto/sealed_text.ts';
import type { ChangeTokens } from '../app/change_ports.ts';
import type { ChangeQuote } from '../domain/change_quote.ts';

/** A quote of five items, each paid by several payments; a longer text is none of ours. */
const TOKEN_MAX = 16_384;

/** `caller_keys`: newest first; the first signs, all are accepted. */
export function createChangeTokens(caller_keys: readonly Uint8Array[]): ChangeTokens {
  const texts = sealedTexts({ keys: caller_keys, purpose: 'aftersales.change_quote', version: 'cq1', token_max: TOKEN_MAX });
  return {
    seal: (quote) => texts.seal(JSON.stringify(quote)),
    open(token) {
      const text = texts.open(token);
      return text === undefined ? undefined : (JSON.parse(text) as ChangeQuote);
    },
  };
}
