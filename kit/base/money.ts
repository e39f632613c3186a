/** Money is a whole number of fen (1/100 yuan). Sums of one person are far below 2^53, so a number is exact. */
export type Fen = number;

/** `¥1,234.50`; cents are always shown, as on a ticket. */
export function formatFen(amount_fen: Fen | bigint): string {
  const negative = amount_fen < 0;
  const digits = String(negative ? -amount_fen : amount_fen).padStart(3, '0');
  if (!/^\d+$/.test(digits)) throw new RangeError('an amount is a whole number of fen');
  const yuan = digits.slice(0, -2).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return `${negative ? '-' : ''}¥${yuan}.${digits.slice(-2)}`;
}

/** Fen from `88`, `88.5` or `88.50`; undefined for anything else. */
export function parseYuan(text: string): Fen | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
}

/** From the int64 of a contract. Throws when it cannot be exact: no such sum exists here. */
export function fenFromInt64(amount_fen: bigint): Fen {
  const amount = Number(amount_fen);
  if (!Number.isSafeInteger(amount)) throw new RangeError('an amount beyond 2^53 fen');
  return amount;
}

/** For the int64 of a contract. Throws for what is not a whole number of fen. */
export function fenToInt64(amount_fen: Fen): bigint {
  if (!Number.isSafeInteger(amount_fen)) throw new RangeError('an amount is a whole number of fen');
  return BigInt(amount_fen);
}

/** `permille`/1000 of an amount, rounded half up to a whole fen, without a floating-point intermediate. */
export function permilleOf(amount_fen: Fen, permille: number): Fen {
  return fenFromInt64((fenToInt64(amount_fen) * BigInt(permille) + 500n) / 1000n);
}

/**
 * Rounds to a whole 0.5 yuan as the railway does with fares and refund fees: below 0.25 yuan down, from 0.25 to below
 * 0.75 to 0.5, from 0.75 up to the next yuan (铁路旅客运输规程: 尾数以5角为单位).
 */
export function roundToHalfYuan(amount_fen: Fen): Fen {
  return Math.floor((amount_fen + 25) / 50) * 50;
}

/** Splits a sum over weights so that the parts add up to it exactly (largest remainder; ties go to the first). */
export function splitFen(total_fen: Fen, weights: readonly number[]): Fen[] {
  const weight_sum = weights.reduce((sum, weight) => sum + weight, 0);
  if (weights.length === 0 || weight_sum <= 0) throw new RangeError('splitting needs a positive weight');
  const exact = weights.map((weight) => (total_fen * weight) / weight_sum);
  const parts = exact.map(Math.floor);
  const missing = total_fen - parts.reduce((sum, part) => sum + part, 0);
  const byRemainder = exact.map((share, index) => ({ index, remainder: share - parts[index]! })).toSorted((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (const { index } of byRemainder.slice(0, missing)) parts[index]! += 1;
  return parts;
}
