import test from 'ava';
import type { ApiError, ErrorKind } from '../../api/errors.ts';
import { isErrorReason } from '#kit/base/errors.ts';
import { adviceOf } from './advice.ts';

function refusal(reason: string, metadata: Record<string, string> = {}, kind: ErrorKind = 'refused'): ApiError {
  return { kind, metadata, localized: [], ...(isErrorReason(reason) ? { reason } : {}) };
}

test('[web] change: every refusal of the contract says where to go on', (t) => {
  const go = (reason: string, metadata?: Record<string, string>) => {
    t.true(isErrorReason(reason), reason);
    return adviceOf(refusal(reason, metadata), false).go;
  };
  for (const reason of ['SOLD_OUT', 'SAME_JOURNEY', 'TRAIN_DEPARTED', 'INSPECTION_CLOSED', 'JOURNEY_OVERLAP', 'SALE_NOT_OPEN', 'SALE_CLOSED', 'RUN_CANCELLED', 'STOPS_NOT_ON_RUN', 'SEAT_CLASS_UNKNOWN']) t.is(go(reason), 'ride', reason);
  t.is(go('QUOTE_STALE'), 'quote');
  t.is(go('REQUEST_ID_REUSED'), 'quote');
  t.is(go('OUTCOME_UNKNOWN'), 'again');
  t.is(go('ORDER_NOT_FOUND'), 'order');
  t.is(go('CHANGE_NOT_FOUND'), 'order');
  t.is(go('CHANGE_NOT_ALLOWED'), 'ride', 'a rule that is newer than this page');
});

test('[web] change: each rule of CHANGE_NOT_ALLOWED is told in its own words', (t) => {
  const advice = (rule: string) => adviceOf(refusal('CHANGE_NOT_ALLOWED', { rule }), false);
  t.deepEqual(advice('ONCE'), { go: 'tickets', rule: 'once' });
  t.deepEqual(advice('USED'), { go: 'tickets', rule: 'used' });
  t.deepEqual(advice('CHILD_WITH_ADULT'), { go: 'tickets', rule: 'child_with_adult' });
  t.deepEqual(advice('STATE'), { go: 'order', rule: 'state' });
  t.deepEqual(advice('DESTINATION_48H'), { go: 'ride', rule: 'destination_48h' });
  t.deepEqual(advice('LATER_DAY'), { go: 'ride', rule: 'later_day' });
  t.deepEqual(advice('FROM_STATION'), { go: 'ride', rule: 'from_station' });
  t.deepEqual(advice('PIVOTED'), { go: 'order', rule: 'pivoted' });
});

test('[web] change: a train that has left is the new one, or one’s own', (t) => {
  t.deepEqual(adviceOf(refusal('TRAIN_DEPARTED'), false), { go: 'ride' });
  t.deepEqual(adviceOf(refusal('TRAIN_DEPARTED'), true), { go: 'order', at_counter: true });
  t.deepEqual(adviceOf(refusal('INSPECTION_CLOSED'), true), { go: 'order', at_counter: true });
});

test('[web] change: what may pass is asked again', (t) => {
  for (const kind of ['offline', 'unavailable', 'throttled', 'internal', 'signed_out'] as const) t.is(adviceOf(refusal('', {}, kind), false).go, 'again', kind);
});
