/**
 * What a refund costs (退票费). 《铁路旅客运输规程》(交通运输部令 2022 年第 37 号) obliges the carrier to publish its
 * rules of refunds; the published ones (12306 退票规定) are: free from eight days before departure, then 5 % from 48 hours,
 * 10 % from 24 hours and 20 % below; rounded to half a yuan (尾数以 5 角为单位：不足 2.5 角舍去，2.5 角以上不足 7.5 角计为
 * 5 角，7.5 角以上进为 1 元); at least 2 yuan where a fee is due. 以上 includes the boundary, so it favours the traveller.
 *
 * Rules are dated: what applies is decided by the time of the refund, and each refund keeps the version that it was
 * made under. A new set is added below with its date; an old one is never edited.
 */
import type { Fen } from '#kit/base/money.ts';
import { serviceTimeToEpoch_ms } from '#kit/base/time.ts';

export type FeeTier = {
  rule_id: string;
  /** Applies when at least this is left until departure. */
  from_ms: number;
  permille: number;
  text_zh: string;
  text_en: string;
};

export type FeeRules = { version: string; valid_from: string; minimum_fen: Fen; /** From most time left to least. */ tiers: readonly FeeTier[] };

export type Fee = { rule_id: string; fee_fen: Fen; returned_fen: Fen; text_zh: string; text_en: string };

const HOUR_MS = 3_600_000;

export const FEE_RULES: readonly FeeRules[] = [
  {
    version: '2023-01',
    valid_from: '2023-01-01',
    minimum_fen: 200,
    tiers: [
      { rule_id: 'REFUND_FREE_8D', from_ms: 192 * HOUR_MS, permille: 0, text_zh: '开车前 8 天（含）以上退票，不收退票费。', text_en: 'Free of charge: eight days or more before departure.' },
      { rule_id: 'REFUND_5_48H', from_ms: 48 * HOUR_MS, permille: 50, text_zh: '开车前 48 小时（含）以上、不足 8 天退票，收取票价 5% 的退票费，最低 2 元。', text_en: '5 % of the fare, at least ¥2: 48 hours or more, but less than eight days, before departure.' },
      { rule_id: 'REFUND_10_24H', from_ms: 24 * HOUR_MS, permille: 100, text_zh: '开车前 24 小时（含）以上、不足 48 小时退票，收取票价 10% 的退票费，最低 2 元。', text_en: '10 % of the fare, at least ¥2: 24 hours or more, but less than 48 hours, before departure.' },
      { rule_id: 'REFUND_20', from_ms: 0, permille: 200, text_zh: '开车前不足 24 小时退票，收取票价 20% 的退票费，最低 2 元。', text_en: '20 % of the fare, at least ¥2: less than 24 hours before departure.' },
    ],
  },
];

/** The rules in force at an instant. */
export function rulesAt(now_ms: number, rules: readonly FeeRules[] = FEE_RULES): FeeRules {
  return rules.findLast(({ valid_from }) => serviceTimeToEpoch_ms(valid_from, 0) <= now_ms) ?? rules[0]!;
}

/** The fee of one ticket, never more than was paid. The train must not have left. */
export function feeOf(rules: FeeRules, paid_fen: Fen, left_ms: number): Fee {
  const tier = rules.tiers.find(({ from_ms }) => left_ms >= from_ms);
  if (tier === undefined) throw new RangeError('the train has left');
  const { rule_id, permille, text_zh, text_en } = tier;
  const fee_fen = permille === 0 ? 0 : Math.min(paid_fen, Math.max(rules.minimum_fen, roundedShare(paid_fen, permille)));
  return { rule_id, fee_fen, returned_fen: paid_fen - fee_fen, text_zh, text_en };
}

/** The share rounded once, to half a yuan: rounding to fen before would lift 24.5 fen over the edge. */
function roundedShare(paid_fen: Fen, permille: number): Fen {
  return Math.floor((paid_fen * permille + 25_000) / 50_000) * 50;
}
