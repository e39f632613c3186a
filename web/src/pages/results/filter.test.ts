import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { SaleState, SeatChangeStopSchema, TrainOfferSchema } from '#gen/rail/query/v1/query_pb.ts';
import { SeatClass, TrainType } from '#gen/rail/type/v1/journey_pb.ts';
import { NO_FILTER, arrange, cellState, changeStops, classesOf } from './filter.ts';

const offer = (train_no: string, hour: number, hours: number, remaining: number, fare_fen: number, sale_state: SaleState = SaleState.OPEN) =>
  create(TrainOfferSchema, {
    journey: { runId: train_no, trainNo: train_no, departureTime: timestampFromMs(Date.UTC(2026, 0, 28, hour - 8)), arrivalTime: timestampFromMs(Date.UTC(2026, 0, 28, hour - 8 + hours)) },
    trainType: train_no.startsWith('G') ? TrainType.G : TrainType.K, durationS: hours * 3600, saleState: sale_state, version: 5n,
    classes: [{ seatClass: train_no.startsWith('G') ? SeatClass.SECOND : SeatClass.HARD_SEAT, remaining, fare: { amountFen: BigInt(fare_fen) }, standbyAllowed: true }],
  });
const OFFERS = [offer('K1', 9, 12, 4, 17_750), offer('G2', 7, 5, 0, 55_300), offer('G3', 13, 4, 200, 66_200), offer('G4', 20, 4, 9, 66_200, SaleState.BEFORE)];
const names = (offers: typeof OFFERS): (string | undefined)[] => offers.map(({ journey }) => journey?.trainNo);

test('[web] each order of trains', (t) => {
  t.deepEqual(names(arrange(OFFERS, NO_FILTER, 'departure')), ['G2', 'K1', 'G3', 'G4']);
  t.deepEqual(names(arrange(OFFERS, NO_FILTER, 'arrival')), ['G2', 'G3', 'K1', 'G4']);
  t.deepEqual(names(arrange(OFFERS, NO_FILTER, 'duration')), ['G3', 'G4', 'G2', 'K1']);
  t.deepEqual(names(arrange(OFFERS, NO_FILTER, 'price')), ['K1', 'G2', 'G3', 'G4']);
});

test('[web] filters hold together; what is not on sale is not available', (t) => {
  t.deepEqual(names(arrange(OFFERS, { ...NO_FILTER, train_types: [TrainType.G], windows: ['afternoon', 'evening'] }, 'departure')), ['G3', 'G4']);
  t.deepEqual(names(arrange(OFFERS, { ...NO_FILTER, only_available: true }, 'departure')), ['K1', 'G3']);
  t.deepEqual(names(arrange(OFFERS, { ...NO_FILTER, only_available: true, seat_classes: [SeatClass.SECOND] }, 'departure')), ['G3']);
  t.deepEqual(classesOf(OFFERS), [SeatClass.SECOND, SeatClass.HARD_SEAT]);
});

test('[web] a train with a change of seats is available, and says where', (t) => {
  const sold_out = OFFERS[1]!;
  const stops = [{ index: 2, stationName: '济南西' }, { index: 4, stationName: '南京南' }].map((stop) => create(SeatChangeStopSchema, stop));
  const change = create(TrainOfferSchema, { ...sold_out, classes: [{ ...sold_out.classes[0]!, sameTrainChangeRemaining: 3, sameTrainChangeStops: stops }] });
  t.deepEqual(names(arrange([sold_out, change], { ...NO_FILTER, only_available: true }, 'departure')), ['G2']);
  t.is(changeStops(change.classes[0]!), '济南西 / 南京南');
});

test('[web] a cell says many, how many, standby or none', (t) => {
  const cell = (remaining: number, standbyAllowed: boolean) => cellState({ ...OFFERS[0]!.classes[0]!, remaining, standbyAllowed });
  t.deepEqual([cell(100, true), cell(99, true), cell(0, true), cell(0, false)], ['many', 'few', 'standby', 'none']);
});
