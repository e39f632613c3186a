import type { ChangeItem, ChangeQuote } from '#gen/rail/aftersales/v1/change_pb.ts';
import { shortFen } from '../../i18n/format.ts';
import type { Dictionary } from '../../i18n/zh.ts';

/** Which way the difference goes. */
export type Due = { way: 'pay' | 'back' | 'even'; amount_fen: bigint };

type Figures = Pick<ChangeQuote, 'difference' | 'fee'>;

export function dueOf({ difference }: Pick<Figures, 'difference'>): Due {
  return dueOfFen(difference?.amountFen ?? 0n);
}

/** Of one ticket: the fee is in it, as in that of the whole change. */
export function itemDue({ oldFare, newFare, fee }: Pick<ChangeItem, 'oldFare' | 'newFare' | 'fee'>): Due {
  return dueOfFen((newFare?.amountFen ?? 0n) - (oldFare?.amountFen ?? 0n) + (fee?.amountFen ?? 0n));
}

/** What somebody agreed to, in fen; as text, since it is kept as JSON. */
export type Agreed = { difference_fen: string; fee_fen: string };

export function agreedTo({ difference, fee }: Figures): Agreed {
  return { difference_fen: String(difference?.amountFen ?? 0n), fee_fen: String(fee?.amountFen ?? 0n) };
}

/** True when a quote asks for what was agreed to: the same sum, and the same fee in it. */
export function isAgreed(agreed: Agreed, quote: Figures): boolean {
  const now = agreedTo(quote);
  return agreed.difference_fen === now.difference_fen && agreed.fee_fen === now.fee_fen;
}

/** The difference that was agreed to, to be told beside the new one. */
export function agreedDue({ difference_fen }: Agreed): Due {
  return dueOfFen(BigInt(difference_fen));
}

/** `需补差额 ¥380.50`; of a change that is `done`, `已补差额 ¥380.50`. */
export function dueWords({ way, amount_fen }: Due, text: Dictionary, done = false): string {
  const words = text.change.quote;
  if (way === 'even') return words.even;
  const paid = done ? words.paid : words.pay;
  return `${way === 'pay' ? paid : words.back} ${shortFen(amount_fen)}`;
}

/** `+¥380.50` is to be paid, `−¥19` comes back. */
export function signedDue({ way, amount_fen }: Due): string {
  return `${{ pay: '+', back: '−', even: '' }[way]}${shortFen(amount_fen)}`;
}

function dueOfFen(fen: bigint): Due {
  if (fen > 0n) return { way: 'pay', amount_fen: fen };
  return fen < 0n ? { way: 'back', amount_fen: -fen } : { way: 'even', amount_fen: 0n };
}
