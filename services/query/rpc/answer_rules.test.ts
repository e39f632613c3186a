import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { GetAvailabilityRequestSchema, GetTrainRunResponseSchema, QueryService, SearchTransfersResponseSchema } from '#gen/rail/query/v1/query_pb.ts';
import { parseRfc3339 } from '#kit/base/time.ts';
import { answerRuleOf, requestOf } from './answer_rules.ts';

const ms = (text: string): number => parseRfc3339(text)!;
const NOW_MS = ms('2026-11-21T09:00:00+08:00');
const at = (time: string) => timestampFromMs(parseRfc3339(`2026-11-${time}:00+08:00`)!);
const none = (): never => {
  throw new Error('the request is not asked for');
};

test('an answer with numbers ends at the first moment that changes it: a sale begins, a train leaves, the day ends', (t) => {
  const rule = answerRuleOf(QueryService.method.searchTransfers)!;
  const leg = (runId: string, departs: string, saleStarts: string) => ({ journey: { runId, departureTime: at(departs) }, saleStartTime: at(saleStarts) });
  const endsOf = (legs: ReturnType<typeof leg>[]) => rule.partsOf(create(SearchTransfersResponseSchema, { transfers: [{ legs }] }), none, NOW_MS);
  t.is(endsOf([leg('G1', '23T08:00', '09T08:00')]).ends_ms, ms('2026-11-22T00:00:00+08:00'));
  t.is(endsOf([leg('G1', '21T10:30', '09T08:00'), leg('G2', '21T11:30', '09T08:00')]).ends_ms, ms('2026-11-21T10:30:00+08:00'));
  const parts = endsOf([leg('G1', '23T08:00', '21T09:30'), leg('G2', '21T08:00', '09T08:00')]);
  t.is(parts.ends_ms, ms('2026-11-21T09:30:00+08:00'));
  t.deepEqual(parts.run_ids, ['G1', 'G2']);
  const run = create(GetTrainRunResponseSchema, { run: { runId: 'G1', stops: [{ departureTime: at('21T08:30'), saleStartTime: at('09T08:00') }, { departureTime: at('21T09:10'), saleStartTime: at('09T08:00') }] } });
  t.is(answerRuleOf(QueryService.method.getTrainRun)!.partsOf(run, none, NOW_MS).ends_ms, ms('2026-11-21T09:10:00+08:00'));
});

test('numbers of a run depend on that run, and what only the timetable says lasts', (t) => {
  const { getAvailability, listStations, syncTimetable } = QueryService.method;
  const bytes = toBinary(GetAvailabilityRequestSchema, create(GetAvailabilityRequestSchema, { runId: 'G7' }));
  t.deepEqual(answerRuleOf(getAvailability)!.partsOf({} as never, requestOf(getAvailability, bytes), NOW_MS).run_ids, ['G7']);
  t.true(answerRuleOf(listStations)!.partsOf({} as never, none, NOW_MS).lasting);
  t.is(answerRuleOf(syncTimetable), undefined, 'nothing but public reads is kept');
});
