import fc from 'fast-check';
import test from 'ava';
import { addDays, serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { CHANGE_RULES, changeRulesAt, priceOf, termsOf, type ChangeTerms } from './change_rules.ts';

const HOUR_MS = 3_600_000;
const DAY = '2026-03-10';
/** The train on the ticket leaves at ten in the morning. */
const DEPARTURE_MS = serviceTimeToEpoch_ms(DAY, 10 * 3600);
const on = (days: number, hour = 12) => serviceTimeToEpoch_ms(addDays(DAY, days), hour * 3600);
const [rules_2023, rules_2024] = [CHANGE_RULES[0]!, CHANGE_RULES[1]!];

type Case = [left_ms: number, new_departure_ms: number, other_destination: boolean, rule_2024: string, rule_2023?: string];

// Time left, new departure, another destination?, rule: each boundary belongs to the cheaper side.
const TABLE: Case[] = [
  [400 * HOUR_MS, on(9), false, 'CHANGE_FREE_48H'],
  [48 * HOUR_MS, on(9), false, 'CHANGE_FREE_48H'],
  [48 * HOUR_MS - 1, on(9), false, 'CHANGE_5_24H', 'LATER_DAY'],
  [48 * HOUR_MS - 1, on(0), false, 'CHANGE_FREE_SAME_DAY'],
  [48 * HOUR_MS - 1, on(-1), false, 'CHANGE_FREE_SAME_DAY'],
  // Until the last moment of the day on the ticket, and from the first of the next one.
  [30 * HOUR_MS, on(1, 0) - 1, false, 'CHANGE_FREE_SAME_DAY'],
  [30 * HOUR_MS, on(1, 0), false, 'CHANGE_5_24H', 'LATER_DAY'],
  [24 * HOUR_MS, on(1), false, 'CHANGE_5_24H', 'LATER_DAY'],
  [24 * HOUR_MS - 1, on(1), false, 'CHANGE_15', 'LATER_DAY'],
  [0, on(1), false, 'CHANGE_15', 'LATER_DAY'],
  [-1, on(1), false, 'CHANGE_40_DEPARTED', 'LATER_DAY'],
  [-1, on(0), false, 'CHANGE_FREE_SAME_DAY'],
  // The day of the ticket ends fourteen hours after departure.
  [-14 * HOUR_MS + 1, on(0, 23), false, 'CHANGE_FREE_SAME_DAY'],
  [-14 * HOUR_MS, on(1), false, 'TRAIN_DEPARTED'],
  [48 * HOUR_MS, on(9), true, 'CHANGE_FREE_48H'],
  [48 * HOUR_MS - 1, on(9), true, 'DESTINATION_48H'],
  [48 * HOUR_MS - 1, on(0), true, 'DESTINATION_48H'],
];

test('which rule applies, at each boundary', (t) => {
  for (const [left_ms, new_departure_ms, other_destination, rule, before = rule] of TABLE) {
    for (const [rules, wanted] of [[rules_2024, rule], [rules_2023, before]] as const) {
      const found = termsOf({ departure_ms: DEPARTURE_MS, new_departure_ms, other_destination }, DEPARTURE_MS - left_ms, rules);
      t.is(found.ok ? found.value.terms.rule_id : (found.error.metadata?.rule ?? found.error.reason), wanted, `${rules.version}: ${left_ms} ms left, to ${new Date(new_departure_ms).toISOString()}`);
    }
  }
});

test('the rules of January 2024 apply from their first moment in Shanghai', (t) => {
  const first_ms = Date.parse('2024-01-15T00:00:00+08:00');
  t.deepEqual([first_ms - 1, first_ms].map((now_ms) => changeRulesAt(now_ms).version), ['2023-01', '2024-01']);
});

test('terms say until when they can be had', (t) => {
  const endOf = (left_ms: number, other_destination: boolean, new_departure_ms = on(9), rules = rules_2024) => {
    const found = termsOf({ departure_ms: DEPARTURE_MS, new_departure_ms, other_destination }, DEPARTURE_MS - left_ms, rules);
    return found.ok ? found.value.end_ms - DEPARTURE_MS : undefined;
  };
  t.is(endOf(50 * HOUR_MS, true), -48 * HOUR_MS);
  t.is(endOf(50 * HOUR_MS, false, on(9), rules_2023), -48 * HOUR_MS);
  t.is(endOf(50 * HOUR_MS, false), 14 * HOUR_MS, 'it only becomes dearer');
});

const terms = (permille: number, left_ms: number): ChangeTerms => ({ rule_id: 'X', rule_version: '2024-01', permille, text_zh: '', text_en: '', quoted_ms: DEPARTURE_MS - left_ms, departure_ms: DEPARTURE_MS });

// Share, time left, old fare, new fare, fee, difference.
const PRICES: [permille: number, left_ms: number, old_fen: number, new_fen: number, fee_fen: number, difference_fen: number][] = [
  [0, 100 * HOUR_MS, 55_300, 55_300, 0, 0],
  [0, 100 * HOUR_MS, 55_300, 93_350, 0, 38_050],
  // 5 % of the 380.50 yuan that come back: 19.025, rounded 19.
  [0, 100 * HOUR_MS, 93_350, 55_300, 1900, -36_150],
  [0, 200 * HOUR_MS, 93_350, 55_300, 0, -38_050],
  [0, 30 * HOUR_MS, 93_350, 55_300, 3800, -34_250],
  [0, HOUR_MS, 93_350, 55_300, 7600, -30_450],
  // After departure as in the last day before it.
  [0, -HOUR_MS, 93_350, 55_300, 7600, -30_450],
  // Of the lower of both fares: 5 % of 553 is 27.65, rounded 27.50; 15 % is 82.95, rounded 83; 40 % is 221.20, rounded 221.
  [50, 30 * HOUR_MS, 55_300, 93_350, 2750, 40_800],
  [150, HOUR_MS, 55_300, 55_300, 8300, 8300],
  [400, -HOUR_MS, 93_350, 55_300, 22_100 + 7600, -8350],
  // A refund fee is at least two yuan, and never more than what comes back.
  [0, HOUR_MS, 10_000, 9850, 150, 0],
];

test('fees and differences, to the half-yuan', (t) => {
  for (const [permille, left_ms, old_fen, new_fen, fee_fen, difference_fen] of PRICES) t.deepEqual(priceOf(terms(permille, left_ms), old_fen, new_fen), { fee_fen, difference_fen }, `${permille} ‰, ${old_fen} → ${new_fen}`);
});

test('whatever the fares: new fare + fee = old fare + difference, and nobody gets more back than was paid', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(0, 50, 150, 400), fc.integer({ min: -10, max: 400 }), fc.nat(200_000), fc.nat(200_000), (permille, hours, old_fen, new_fen) => {
      const { fee_fen, difference_fen } = priceOf(terms(permille, hours * HOUR_MS), old_fen, new_fen);
      return new_fen + fee_fen === old_fen + difference_fen && fee_fen >= 0 && difference_fen >= -old_fen && (permille > 0 || new_fen <= old_fen || fee_fen === 0);
    }),
  );
  t.pass();
});
