import { create } from '@bufbuild/protobuf';
import test from 'ava';
import { JourneySchema } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#kit/base/journey.ts';
import { journeyFrom, journeyMessage } from './journey.ts';

const JOURNEY: Journey = {
  run_id: 'G1.20270203', train_no: 'G1', service_date: '20270203', from_station_id: 'a', to_station_id: 'b', from_index: 2, to_index: 5,
  departure_ms: 1_801_600_000_000, arrival_ms: 1_801_603_600_000, from_station_name: '甲', to_station_name: '乙', distance_m: 318_000,
};

test('a ride comes back from its message as it was', (t) => {
  t.deepEqual(journeyFrom(create(JourneySchema, journeyMessage(JOURNEY))), JOURNEY);
  t.is(journeyMessage({ ...JOURNEY, distance_m: 318_000.6 }).distanceM, 318_001n);
});

test('times that a message does not have are 0', (t) => {
  const { departure_ms, arrival_ms } = journeyFrom(create(JourneySchema, { runId: 'G1.20270203' }));
  t.deepEqual([departure_ms, arrival_ms], [0, 0]);
});
