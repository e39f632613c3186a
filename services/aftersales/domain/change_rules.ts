/**
 * Until when and to what a ticket may be changed (改签, 变更到站), and what that costs (改签费). The published rules (12306
 * 改签规则, in force since 15 January 2024): once per ticket; 48 hours or more before departure to any train on sale, free; later,
 * and after departure until the end of that day, free to trains up to and including the day on the ticket, and to later days
 * against 5 % (24 to 48 hours before departure), 15 % (less than 24 hours) or 40 % (after departure) of the lower of both fares.
 * Before that date the later days were not possible within 48 hours. Another destination (变更到站) is possible from 48 hours before
 * departure only. Where the new fare is lower the difference comes back less the refund fee on it (现行退票费标准, fee_rules.ts);
 * where it is higher the difference is paid. 以上 includes the boundary. Fees are rounded as those of refunds.
 *
 * Rules are dated like those of refunds: the time of the quote decides, a change keeps the version it was quoted under, a
 * set that was published is never edited.
 */
import type { Fen } from '#kit/base/money.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { serviceDateAt, serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { feeOf, roundedShare, rulesAt } from './fee_rules.ts';

export type ChangeTier = {
  rule_id: string;
  /** Applies when at least this is left until departure; negative after it. */
  from_ms: number;
  /** Whether it reaches beyond the day on the ticket. */
  later_days: boolean;
  permille: number;
  text_zh: string;
  text_en: string;
};

/** `tiers`: the first that fits applies. */
export type ChangeRules = { version: string; valid_from: string; destination_from_ms: number; tiers: readonly ChangeTier[] };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const FREE_48H: ChangeTier = {
  rule_id: 'CHANGE_FREE_48H', from_ms: 48 * HOUR_MS, later_days: true, permille: 0,
  text_zh: '开车前 48 小时（含）以上，可改签预售期内的其他列车，不收改签费。', text_en: 'Free of charge to any train on sale: 48 hours or more before departure.',
};
const FREE_SAME_DAY: ChangeTier = {
  rule_id: 'CHANGE_FREE_SAME_DAY', from_ms: -DAY_MS, later_days: false, permille: 0,
  text_zh: '改签至票面日期当日及之前的列车，不收改签费。', text_en: 'Free of charge to trains up to and including the day on the ticket.',
};

export const CHANGE_RULES: readonly ChangeRules[] = [
  { version: '2023-01', valid_from: '2023-01-01', destination_from_ms: 48 * HOUR_MS, tiers: [FREE_48H, FREE_SAME_DAY] },
  {
    version: '2024-01',
    valid_from: '2024-01-15',
    destination_from_ms: 48 * HOUR_MS,
    tiers: [
      FREE_48H,
      FREE_SAME_DAY,
      { rule_id: 'CHANGE_5_24H', from_ms: 24 * HOUR_MS, later_days: true, permille: 50, text_zh: '开车前 24 小时（含）以上、不足 48 小时，改签至票面日期次日及以后的列车，收取改签前后较低票价 5% 的改签费。', text_en: '5 % of the lower fare to trains of later days: 24 hours or more, but less than 48 hours, before departure.' },
      { rule_id: 'CHANGE_15', from_ms: 0, later_days: true, permille: 150, text_zh: '开车前不足 24 小时，改签至票面日期次日及以后的列车，收取改签前后较低票价 15% 的改签费。', text_en: '15 % of the lower fare to trains of later days: less than 24 hours before departure.' },
      { rule_id: 'CHANGE_40_DEPARTED', from_ms: -DAY_MS, later_days: true, permille: 400, text_zh: '开车后至当日 24:00 前，改签至票面日期次日及以后的列车，收取改签前后较低票价 40% 的改签费。', text_en: '40 % of the lower fare to trains of later days: after departure, until the end of that day.' },
    ],
  },
];

/** The rules in force at an instant. */
export function changeRulesAt(now_ms: number, rules: readonly ChangeRules[] = CHANGE_RULES): ChangeRules {
  return rules.findLast(({ valid_from }) => serviceTimeToEpoch_ms(valid_from, 0) <= now_ms) ?? rules[0]!;
}

/** What was agreed: enough to price a ticket once its place, and so its fare, is known. */
export type ChangeTerms = { rule_id: string; rule_version: string; permille: number; text_zh: string; text_en: string; quoted_ms: number; departure_ms: number };

export type Trip = {
  /** Of the train on the ticket. */
  departure_ms: number;
  new_departure_ms: number;
  other_destination: boolean;
};

/** The terms of a change now and when they end to be had; CHANGE_NOT_ALLOWED, whose metadata says by which rule. */
export function termsOf(trip: Trip, now_ms: number, rules: ChangeRules = changeRulesAt(now_ms)): Result<{ terms: ChangeTerms; end_ms: number }> {
  const { departure_ms } = trip;
  const last_ms = serviceTimeToEpoch_ms(serviceDateAt(departure_ms), 24 * 3600);
  if (now_ms >= last_ms) return fail('TRAIN_DEPARTED');
  const left_ms = departure_ms - now_ms;
  const found = tierOf(rules, trip, left_ms);
  if (!found.ok) return found;
  const { rule_id, permille, text_zh, text_en, from_ms } = found.value;
  const floor_ms = trip.other_destination ? rules.destination_from_ms : from_ms;
  const end_ms = tierOf(rules, trip, floor_ms - 1).ok ? last_ms : Math.min(last_ms, departure_ms - floor_ms);
  return ok({ terms: { rule_id, rule_version: rules.version, permille, text_zh, text_en, quoted_ms: now_ms, departure_ms }, end_ms });
}

function tierOf(rules: ChangeRules, { departure_ms, new_departure_ms, other_destination }: Trip, left_ms: number): Result<ChangeTier> {
  if (other_destination && left_ms < rules.destination_from_ms) return fail('CHANGE_NOT_ALLOWED', { metadata: { rule: 'DESTINATION_48H' } });
  const is_later = serviceDateAt(new_departure_ms) > serviceDateAt(departure_ms);
  const tier = rules.tiers.find(({ from_ms, later_days }) => left_ms >= from_ms && (later_days || !is_later));
  return tier === undefined ? fail('CHANGE_NOT_ALLOWED', { metadata: { rule: 'LATER_DAY' } }) : ok(tier);
}

/** What one ticket costs to change. `difference_fen`: to pay where positive; comes back where negative; the fee is in it. */
export function priceOf(terms: ChangeTerms, old_fare_fen: Fen, new_fare_fen: Fen): { fee_fen: Fen; difference_fen: Fen } {
  const change_fee_fen = terms.permille === 0 ? 0 : roundedShare(Math.min(old_fare_fen, new_fare_fen), terms.permille);
  const lower_fen = old_fare_fen - new_fare_fen;
  const left_ms = Math.max(0, terms.departure_ms - terms.quoted_ms);
  const refund_fee_fen = lower_fen <= 0 ? 0 : feeOf(rulesAt(terms.quoted_ms), lower_fen, left_ms).fee_fen;
  const fee_fen = change_fee_fen + refund_fee_fen;
  return { fee_fen, difference_fen: new_fare_fen - old_fare_fen + fee_fen };
}
