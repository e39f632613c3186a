import test from 'ava';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { ApiError } from '../../api/errors.ts';
import { afterError, forgetSent, readSent, saveSent, toCreateChange } from './sent_change.ts';
import type { SentChange } from './sent_change.ts';

const SENT: SentChange = {
  request_id: 'r1', order_id: '7', item_ids: ['7-1'], quote_token: 'cq1.x', agreed: { difference_fen: '38050', fee_fen: '0' },
  ride: { run_id: 'G5.20260128', from_station_id: 'WHN', to_station_id: 'CSQ', seat_class: SeatClass.FIRST },
};

function storage() {
  const kept = new Map<string, string>();
  return { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value), removeItem: (key: string) => void kept.delete(key) };
}

test('[web] change: after a reload the same request is sent, to the letter', (t) => {
  const tab = storage();
  saveSent(tab, SENT);
  const again = readSent(tab, '7');
  t.deepEqual(again, SENT);
  t.deepEqual(toCreateChange(again!), toCreateChange(SENT));
  t.is(toCreateChange(again!).requestId, 'r1');
  t.is(readSent(tab, '8'), undefined, 'another order’s is its own');
  forgetSent(tab, '7');
  t.is(readSent(tab, '7'), undefined);
});

test('[web] change: what the tab has kept badly is as good as nothing', (t) => {
  for (const text of ['', '{', '{}', 'null', '{"request_id":"r"}', '[]']) t.is(readSent({ getItem: () => text }, '7'), undefined, text);
});

test('[web] change: nothing was done, or nobody knows and the same is asked again', (t) => {
  const error = (part: Partial<ApiError>): ApiError => ({ kind: 'refused', metadata: {}, localized: [], ...part });
  for (const reason of ['SOLD_OUT', 'QUOTE_STALE', 'CHANGE_NOT_ALLOWED', 'JOURNEY_OVERLAP'] as const) t.is(afterError(error({ reason }), 1).kind, 'refused', reason);
  t.deepEqual(afterError(error({ kind: 'unavailable', reason: 'OUTCOME_UNKNOWN', retry_after_ms: 3_000 }), 1), { kind: 'ask', in_ms: 3_000 });
  t.deepEqual(afterError(error({ kind: 'offline' }), 3), { kind: 'ask', in_ms: 4_000 });
  t.is(afterError(error({ kind: 'offline' }), 4).kind, 'wait_for_person', 'not for ever by itself');
  t.is(afterError(error({ kind: 'signed_out' }), 1).kind, 'wait_for_person', 'only signing in helps');
});
