/**
 * What a refund costs (退票费). 《铁路旅客运输规程》(交通运输部令 2022 年第 37 号, in force from 2023-01-01) obliges the
 * carrier to publish its rules of refunds, and to return the whole fare where a train does not run or is late; the published
 * ones (12306《退票规定》) are: free from eight days before the departure printed on the ticket, then 5 % from 48 hours,
 * 10 % from 24 hours and 20 % below; rounded to half a yuan (尾数以 5 角为单位：不足 2.5 角舍去，2.5 角以上不足 7.5 角计为
 * 5 角，7.5 角以上进为 1 元); at least 2 yuan where a fee is due. 以上 includes the boundary, so it favours the traveller.
 *
 * After a change the stricter rule applies (the same page): a ticket moved out of the last eight days before departure costs 5 %
 * all the same when it is given back, and a ticket moved to a day of the spring rush (春运) costs 20 % whenever it is given
 * back. We ask the 5 % of every changed ticket: an order says that one was changed, not when.
 *
 * Rules are dated: what applies is decided by the time of the refund, and each refund keeps the version that it was
 * made under. A new set is added below with its date; an old one is never edited.
 */
import type { Fen } from '#kit/base/money.ts';
import { serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { isSpringRush } from './spring_rush.ts';

export type FeeRule = { rule_id: string; permille: number; text_zh: string; text_en: string };

export type FeeTier = FeeRule & {
  /** Applies when at least this is left until departure. */
  from_ms: number;
};

export type FeeRules = {
  version: string;
  valid_from: string;
  minimum_fen: Fen;
  /** From most time left to least. */
  tiers: readonly FeeTier[];
  /** What a ticket that was changed costs at least: always, and when it is for a day of the spring rush. */
  changed: FeeRule;
  changed_to_rush: FeeRule;
};

export type Fee = { rule_id: string; fee_fen: Fen; returned_fen: Fen; text_zh: string; text_en: string };

/** A ticket that was changed before, by the day it is for now (`YYYY-MM-DD`, of the departure printed on it). */
export type Changed = { travel_date: string };

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
    changed: { rule_id: 'REFUND_5_CHANGED', permille: 50, text_zh: '改签后的车票退票，至少收取票价 5% 的退票费，最低 2 元。', text_en: 'At least 5 % of the fare and ¥2: the ticket was changed before.' },
    changed_to_rush: { rule_id: 'REFUND_20_CHANGED_RUSH', permille: 200, text_zh: '改签至春运期间乘车的车票退票，一律收取票价 20% 的退票费，最低 2 元。', text_en: '20 % of the fare, at least ¥2: the ticket was changed to a day of the spring festival rush.' },
  },
];

/** The whole fare comes back when the railway did not keep its word (《铁路旅客运输规程》 2022: 列车停运、晚点退票). */
export const FREE_RULES = {
  RUN_CANCELLED: { rule_id: 'REFUND_RUN_CANCELLED', permille: 0, text_zh: '列车停运，全额退款，不收退票费。', text_en: 'The train does not run: the whole fare comes back.' },
  RUN_DELAYED: { rule_id: 'REFUND_RUN_DELAYED', permille: 0, text_zh: '列车时刻变动较大，开车前可全额退票，不收退票费。', text_en: 'The train runs at quite another time: until it leaves the whole fare comes back.' },
  SEAT_GONE: { rule_id: 'REFUND_SEAT_GONE', permille: 0, text_zh: '列车编组调整，席位已取消，开车前可全额退票，不收退票费。', text_en: 'The seat is not on the train any more: until it leaves the whole fare comes back.' },
  OPERATOR: { rule_id: 'REFUND_BY_RAILWAY', permille: 0, text_zh: '铁路部门办理退票，全额退款，不收退票费。', text_en: 'Refunded by the railway: the whole fare comes back.' },
} as const satisfies Record<string, FeeRule>;

/** The rules in force at an instant. */
export function rulesAt(now_ms: number, rules: readonly FeeRules[] = FEE_RULES): FeeRules {
  return rules.findLast(({ valid_from }) => serviceTimeToEpoch_ms(valid_from, 0) <= now_ms) ?? rules[0]!;
}

/** The fee of one ticket, never more than was paid. The train must not have left. */
export function feeOf(rules: FeeRules, paid_fen: Fen, left_ms: number, changed?: Changed): Fee {
  const tier = rules.tiers.find(({ from_ms }) => left_ms >= from_ms);
  if (tier === undefined) throw new RangeError('the train has left');
  const least = changed === undefined ? undefined : isSpringRush(changed.travel_date) ? rules.changed_to_rush : rules.changed;
  return feeBy(least !== undefined && least.permille > tier.permille ? least : tier, paid_fen, rules.minimum_fen);
}

export function freeOfCharge(rule: keyof typeof FREE_RULES, paid_fen: Fen): Fee {
  return feeBy(FREE_RULES[rule], paid_fen, 0);
}

function feeBy({ rule_id, permille, text_zh, text_en }: FeeRule, paid_fen: Fen, minimum_fen: Fen): Fee {
  const fee_fen = permille === 0 ? 0 : Math.min(paid_fen, Math.max(minimum_fen, roundedShare(paid_fen, permille)));
  return { rule_id, fee_fen, returned_fen: paid_fen - fee_fen, text_zh, text_en };
}

/** The share rounded once, to half a yuan: rounding to fen before would lift 24.5 fen over the edge. */
export function roundedShare(paid_fen: Fen, permille: number): Fen {
  return Math.floor((paid_fen * permille + 25_000) / 50_000) * 50;
}
