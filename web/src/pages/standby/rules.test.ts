import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { StandbySchema, StandbyState } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { TrainRunSchema } from '#gen/rail/query/v1/query_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { ERRORS } from '#kit/base/errors.ts';
import { STANDBY_PRIORITIES } from '../../../../services/aftersales/domain/standby_priority.ts';
import { bookingPath } from '../booking/booking_path.ts';
import { adviceFor } from './advice.ts';
import { basketOf } from './again.ts';
import { deadlineAt, fromCivil, leadsLeft, toCivil, usualDeadline } from './deadline.ts';
import { oddsPercent, oddsWord, seatsOfTen } from './odds.ts';
import { PRIORITY_RULES } from './priorities.ts';
import { endingOf, isOver, mayCancel, stepsOf, upgradeKey } from './progress.ts';
import { hasLeft, lastDeparture, rideOf } from './ride.ts';
import { standbyPath, standbyPathFromBooking, wishFromAddress } from './standby_path.ts';

const HOUR_MS = 3_600_000;
const NOON_MS = Date.parse('2026-01-28T12:00:00+08:00');

test('[web] the deadline: two hours before the last train while that leaves time, as late as possible else', (t) => {
  t.deepEqual(usualDeadline(NOON_MS + 30 * HOUR_MS, NOON_MS), { lead_h: 2 });
  t.deepEqual(leadsLeft(NOON_MS + 30 * HOUR_MS, NOON_MS), [0, 2, 6, 24]);
  t.deepEqual(leadsLeft(NOON_MS + 7 * HOUR_MS, NOON_MS), [0, 2, 6]);
  t.deepEqual(usualDeadline(NOON_MS + 2 * HOUR_MS, NOON_MS), { lead_h: 0 });
  t.is(deadlineAt({ lead_h: 6 }, NOON_MS), NOON_MS - 6 * HOUR_MS);
  t.is(deadlineAt({ at_ms: NOON_MS + HOUR_MS }, NOON_MS), NOON_MS, 'after the last departure there is nothing to wait for');
  t.is(deadlineAt({ at_ms: NOON_MS - HOUR_MS }, NOON_MS), NOON_MS - HOUR_MS);
});

test('[web] a moment of one’s own is a time in China, wherever the browser is', (t) => {
  t.is(toCivil(NOON_MS), '2026-01-28T12:00');
  t.is(fromCivil('2026-01-28T12:00'), NOON_MS);
  for (const text of ['', '2026-01-28', '2026-13-28T12:00', 'noon']) t.is(fromCivil(text), undefined, text);
});

test('[web] odds are said in words, in percent and of ten, and never as certain', (t) => {
  t.deepEqual([0, 0.099, 0.1, 0.35, 0.64, 0.7, 0.85, 1].map(oddsWord), ['slim', 'slim', 'low', 'even', 'even', 'good', 'high', 'high']);
  t.deepEqual([0, 0.004, 0.355, 0.996, 1].map(oddsPercent), [1, 1, 36, 99, 99]);
  t.deepEqual([0, 0.04, 0.36, 1, 7].map(seatsOfTen), [0, 0, 4, 10, 10]);
});

test('[web] the published priorities are those that serve', (t) => {
  const served = STANDBY_PRIORITIES.map(({ priority, reason, waited_from_ms = 0, member_level_from = 0, passengers_from = 0 }) => ({ priority, reason, from: waited_from_ms / HOUR_MS + member_level_from + passengers_from }));
  t.deepEqual(PRIORITY_RULES, served);
});

test('[web] the way of a standby, and where one that failed left it', (t) => {
  const shown = (state: StandbyState, orderId = '') => stepsOf({ state, orderId }).map(({ key, done, current }) => `${key}${done ? '+' : ''}${current ? '!' : ''}`).join(' ');
  t.is(shown(StandbyState.PENDING), 'pending! matching locked await_pay success');
  t.is(shown(StandbyState.LOCKED), 'pending+ matching+ locked! await_pay success');
  t.is(shown(StandbyState.SUCCESS, '7'), 'pending+ matching+ locked+ await_pay+ success+!');
  t.is(shown(StandbyState.FAIL), 'pending+ fail!');
  t.is(shown(StandbyState.FAIL, '7'), 'pending+ matching+ locked+ await_pay+ fail!');
  t.deepEqual([StandbyState.PENDING, StandbyState.MATCHING, StandbyState.LOCKED, StandbyState.AWAIT_PAY, StandbyState.SUCCESS, StandbyState.FAIL].filter((state) => mayCancel({ state })), [StandbyState.PENDING, StandbyState.AWAIT_PAY]);
  t.deepEqual([StandbyState.AWAIT_PAY, StandbyState.SUCCESS, StandbyState.FAIL].map((state) => isOver({ state })), [false, true, true]);
  t.deepEqual(['CANCELLED', 'SOLD_OUT', 'TRAIN_DEPARTED', 'ORDER_NOT_PAYABLE', 'JOURNEY_OVERLAP'].map((reason) => endingOf({ reason })), ['cancelled', 'deadline', 'deadline', 'unpaid', 'refused']);
});

test('[web] a standby that changes tickets says how far that is', (t) => {
  const key = (state: StandbyState, upgradeOfOrderId = '7') => upgradeKey({ state, upgradeOfOrderId });
  t.deepEqual([StandbyState.PENDING, StandbyState.LOCKED, StandbyState.AWAIT_PAY, StandbyState.SUCCESS, StandbyState.FAIL].map((state) => key(state)), ['waiting', 'waiting', 'pay', 'done', 'failed']);
  t.is(key(StandbyState.AWAIT_PAY, ''), undefined);
});

test('[web] a refusal leads on; every reason with advice is one of the table', (t) => {
  t.deepEqual(['STANDBY_NOT_NEEDED', 'JOURNEY_OVERLAP', 'DEADLINE_IN_PAST', 'TRAIN_DEPARTED', 'REAL_NAME_REQUIRED', 'THROTTLED', undefined].map(adviceFor), ['buy', 'overlap', 'later', 'other_train', 'passengers', undefined, undefined]);
  for (const reason of ['STANDBY_NOT_NEEDED', 'JOURNEY_OVERLAP', 'DEADLINE_IN_PAST', 'TRAIN_DEPARTED', 'SALE_CLOSED', 'RUN_CANCELLED', 'TRAIN_RUN_NOT_FOUND', 'STOPS_NOT_ON_RUN', 'SEAT_CLASS_UNKNOWN', 'REAL_NAME_REQUIRED', 'REAL_NAME_REJECTED', 'PASSENGER_NOT_FOUND']) {
    t.true(reason in ERRORS && adviceFor(reason) !== undefined, reason);
  }
});

const RIDE = { runId: 'G5 x.20260128', fromStationId: 'BJN', toStationId: 'SHQ' };

test('[web] a ride travels in an address, also from the booking one came from', (t) => {
  const wish = { run_id: 'G5 x.20260128', from_station_id: 'BJN', to_station_id: 'SHQ', seat_classes: [SeatClass.SECOND], accept_change: true };
  const read = (path: string | undefined) => wishFromAddress(new URLSearchParams(path?.split('?')[1]));
  t.deepEqual(read(standbyPath(RIDE, SeatClass.SECOND, true)), wish);
  t.deepEqual(read(standbyPathFromBooking(bookingPath(RIDE, SeatClass.SECOND, { student: false, change: true }))), wish);
  t.deepEqual(read(standbyPath(RIDE, SeatClass.STANDING))?.seat_classes, [], 'nobody waits for a standing place');
  t.is(standbyPathFromBooking('/trains?from=x'), undefined);
  t.is(wishFromAddress(new URLSearchParams('run=G5')), undefined);
});

test('[web] a ride is shown from its train, and from its id while the train is not known', (t) => {
  const stop = (index: number, stationId: string, nameZh: string) => ({ index, station: { stationId, nameZh }, departureTime: timestampFromMs(NOON_MS + index * HOUR_MS), arrivalTime: timestampFromMs(NOON_MS + index * HOUR_MS - 60_000) });
  const run = create(TrainRunSchema, { runId: 'G5.20260128', trainNo: 'G5', serviceDate: '2026-01-28', stops: [stop(0, 'BJN', '北京南'), stop(1, 'NJN', '南京南'), stop(2, 'SHQ', '上海虹桥')] });
  const stretch = { run_id: 'G5.20260128', from_station_id: 'NJN', to_station_id: 'SHQ' };
  const ride = rideOf(run, stretch);
  t.like(ride, { trainNo: 'G5', fromStationName: '南京南', toStationName: '上海虹桥', fromIndex: 1, toIndex: 2, departureTime: { seconds: BigInt((NOON_MS + HOUR_MS) / 1000) } });
  t.like(rideOf(undefined, stretch), { trainNo: 'G5', serviceDate: '2026-01-28', fromStationName: 'NJN', departureTime: undefined });
  t.is(lastDeparture([rideOf(undefined, stretch), ride, rideOf(run, { ...stretch, from_station_id: 'BJN' })]), NOON_MS + HOUR_MS);
  t.is(lastDeparture([rideOf(undefined, stretch)]), undefined);
  t.deepEqual([hasLeft(ride, NOON_MS), hasLeft(ride, NOON_MS + HOUR_MS), hasLeft(rideOf(undefined, stretch), NOON_MS)], [false, true, false]);
});

test('[web] a request that is over can be asked for again; who travels is chosen anew', (t) => {
  const standby = create(StandbySchema, { places: [{ wish: { runId: 'G5.1', fromStationId: 'a', toStationId: 'b', seatClasses: [SeatClass.FIRST], acceptSameTrainChange: true } }], passengerIds: ['7'] });
  t.deepEqual(basketOf(standby), { wishes: [{ run_id: 'G5.1', from_station_id: 'a', to_station_id: 'b', seat_classes: [SeatClass.FIRST], accept_change: true }], travellers: [] });
});
