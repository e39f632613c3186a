import { isTransient } from '../../api/errors.ts';
import type { ApiError } from '../../api/errors.ts';
import type { Dictionary } from '../../i18n/zh.ts';

/** Where to go on after a refusal: another choice, the order, or the same question again. */
export type Advice = { go: 'tickets' | 'ride' | 'quote' | 'order' | 'again'; rule?: keyof Dictionary['change']['advice']['rules']; at_counter?: true };

/** What to do about a refused quote or change. `departed`: the train on the old ticket has left, or boarding for it is over. */
export function adviceOf(error: ApiError, departed: boolean): Advice {
  const { reason, metadata } = error;
  if (reason === 'CHANGE_NOT_ALLOWED') return RULES[metadata['rule'] ?? ''] ?? { go: 'ride' };
  if (departed && (reason === 'TRAIN_DEPARTED' || reason === 'INSPECTION_CLOSED')) return { go: 'order', at_counter: true };
  if (reason !== undefined && ANOTHER_RIDE.has(reason)) return { go: 'ride' };
  if (reason === 'QUOTE_STALE' || reason === 'REQUEST_ID_REUSED') return { go: 'quote' };
  if (isTransient(error) || reason === 'CONFLICT' || reason === 'OUTCOME_UNKNOWN' || error.kind === 'signed_out') return { go: 'again' };
  return { go: 'order' };
}

/** Metadata `rule` of CHANGE_NOT_ALLOWED. */
const RULES: Record<string, Advice> = {
  ONCE: { go: 'tickets', rule: 'once' },
  STATE: { go: 'order', rule: 'state' },
  USED: { go: 'tickets', rule: 'used' },
  CHILD_WITH_ADULT: { go: 'tickets', rule: 'child_with_adult' },
  FROM_STATION: { go: 'ride', rule: 'from_station' },
  DESTINATION_48H: { go: 'ride', rule: 'destination_48h' },
  LATER_DAY: { go: 'ride', rule: 'later_day' },
  PIVOTED: { go: 'order', rule: 'pivoted' },
};

const ANOTHER_RIDE: ReadonlySet<string> = new Set([
  'SOLD_OUT', 'SAME_JOURNEY', 'SALE_NOT_OPEN', 'SALE_CLOSED', 'RUN_CANCELLED', 'STOPS_NOT_ON_RUN', 'SEAT_CLASS_UNKNOWN', 'JOURNEY_OVERLAP', 'TRAIN_RUN_NOT_FOUND', 'TRAIN_DEPARTED', 'INSPECTION_CLOSED',
]);
