import { create } from '@bufbuild/protobuf';
import test from 'ava';
import { TrainOfferSchema } from '#gen/rail/query/v1/query_pb.ts';
import { withChanges } from './offers.ts';

const offer = (runId: string, version: bigint, stale = false) => create(TrainOfferSchema, { journey: { runId, fromStationId: 'A', toStationId: 'B' }, version, stale });
const page = { offers: [offer('G1', 3n), offer('G2', 5n)], stale: false };
const versions = ({ offers }: typeof page) => offers.map(({ journey, version }) => [journey!.runId, version]);

test('[web] newer numbers replace older ones, never the other way round', (t) => {
  t.deepEqual(versions(withChanges(page, { offers: [offer('G1', 4n), offer('G2', 4n)], goneRunIds: [] })), [['G1', 4n], ['G2', 5n]]);
});

test('[web] trains come and go', (t) => {
  t.deepEqual(versions(withChanges(page, { offers: [offer('G3', 1n)], goneRunIds: ['G1'] })), [['G2', 5n], ['G3', 1n]]);
});

test('[web] the page is stale for as long as a train on it is', (t) => {
  const stale = withChanges(page, { offers: [offer('G1', 3n, true)], goneRunIds: [] });
  t.true(stale.stale);
  t.false(withChanges(stale, { offers: [offer('G1', 3n)], goneRunIds: [] }).stale);
});
