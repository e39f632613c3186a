import { create } from '@bufbuild/protobuf';
import test from 'ava';
import { PassengerSchema } from '#gen/rail/identity/v1/identity_pb.ts';
import { QuoteFaresResponse_FareSchema as FareSchema } from '#gen/rail/query/v1/query_pb.ts';
import { BerthLevel, PassengerType, SeatClass, SeatSchema } from '#gen/rail/type/v1/journey_pb.ts';
import { draftProblem, emptyDraft, preferenceOf, toSubmitOrder, totalRange } from './draft.ts';
import type { Draft } from './draft.ts';

const fare = (seatClass: SeatClass, passengerType: PassengerType, amountFen: bigint, berthLevel: BerthLevel = BerthLevel.UNSPECIFIED) => create(FareSchema, { seatClass, passengerType, berthLevel, fare: { amountFen } });
const FARES = [
  fare(SeatClass.SECOND, PassengerType.ADULT, 66_200n), fare(SeatClass.SECOND, PassengerType.CHILD, 33_100n),
  fare(SeatClass.HARD_SLEEPER, PassengerType.ADULT, 34_250n, BerthLevel.LOWER), fare(SeatClass.HARD_SLEEPER, PassengerType.ADULT, 32_650n, BerthLevel.UPPER),
];
const traveller = (passengerId: string, type: PassengerType) => ({ passenger: create(PassengerSchema, { passengerId }), type });
const DRAFT: Draft = {
  ...emptyDraft(SeatClass.SECOND, false), travellers: [traveller('kid', PassengerType.CHILD), traveller('mum', PassengerType.ADULT)], letters: ['A', 'F'], berth_level: BerthLevel.LOWER, accept_standing: true,
};
const RIDE = { request_id: 'r', run_id: 'G5.20260128', from_station_id: 'BJN', to_station_id: 'SHQ', fares: FARES, captcha_token: '' };

test('[web] the sum is exact, and a range where berths differ', (t) => {
  t.deepEqual(totalRange(FARES, DRAFT), { min_fen: 99_300n, max_fen: 99_300n });
  t.deepEqual(totalRange(FARES, { ...DRAFT, seat_class: SeatClass.HARD_SLEEPER, travellers: [traveller('mum', PassengerType.ADULT)] }), { min_fen: 32_650n, max_fen: 34_250n });
  t.is(totalRange(FARES, { ...DRAFT, seat_class: SeatClass.BUSINESS }), undefined);
});

test('[web] an order needs somebody, not too many, and an adult for a child', (t) => {
  t.is(draftProblem(DRAFT), undefined);
  t.is(draftProblem({ ...DRAFT, travellers: [] }), 'choose_passenger');
  t.is(draftProblem({ ...DRAFT, travellers: DRAFT.travellers.slice(0, 1) }), 'child_needs_adult');
  t.is(draftProblem({ ...DRAFT, travellers: Array.from({ length: 6 }, (_, index) => traveller(`p${index}`, PassengerType.ADULT)) }), 'too_many');
});

test('[web] the order carries the child’s adult, the wishes and the most that was agreed to', (t) => {
  const order = toSubmitOrder(DRAFT, RIDE);
  t.deepEqual(order.passengers?.map(({ withPassengerId }) => withPassengerId), ['mum', '']);
  t.like(order.preference, { letters: ['A', 'F'], window: true, aisle: false, together: true, berthLevel: BerthLevel.UNSPECIFIED });
  t.like(order.maxTotal, { amountFen: 99_300n });
});

test('[web] letters mean nothing in a sleeper, berths nothing in a seat', (t) => {
  const { preference } = toSubmitOrder({ ...DRAFT, seat_class: SeatClass.HARD_SLEEPER }, RIDE);
  t.like(preference, { letters: [], window: false, berthLevel: BerthLevel.LOWER });
});

test('[web] a condition needs a wish, and seats that are changed on the way keep none', (t) => {
  const alone = { ...emptyDraft(SeatClass.SECOND, false), travellers: [traveller('mum', PassengerType.ADULT)], required: true };
  t.false(preferenceOf(alone).required, 'nothing was wished for');
  t.true(preferenceOf({ ...alone, quiet: true }).required);
  t.false(preferenceOf({ ...alone, quiet: true, accept_change: true }).required);
  t.like(preferenceOf({ ...alone, seat_class: SeatClass.HARD_SEAT, window: true, letters: ['A'] }), { window: true, letters: [], required: true });
  t.like(preferenceOf({ ...alone, seat_class: SeatClass.SOFT_SLEEPER, berth_level: BerthLevel.MIDDLE, window: true }), { berthLevel: BerthLevel.UNSPECIFIED, window: false, required: false }, 'a soft sleeper has no middle berth');
  t.like(preferenceOf({ ...DRAFT, same_coach: true }), { sameCoach: true, together: true });
});

test('[web] locked seats travel by their lock, without wishes, at the price of the berth', (t) => {
  const draft = { ...emptyDraft(SeatClass.HARD_SLEEPER, true), travellers: [traveller('mum', PassengerType.ADULT)], accept_standing: true };
  const seats = [create(SeatSchema, { coachNo: '03', seatNo: '07上', seatClass: SeatClass.HARD_SLEEPER, berthLevel: BerthLevel.UPPER })];
  const order = toSubmitOrder(draft, { ...RIDE, lock: { lock_id: 'lock-1', seats } });
  t.like(order, { seatLockId: 'lock-1', preference: undefined, acceptStanding: false, acceptSameTrainChange: false, maxTotal: { amountFen: 32_650n } });
  t.like(toSubmitOrder(draft, RIDE), { seatLockId: '', acceptStanding: true, acceptSameTrainChange: true, maxTotal: { amountFen: 34_250n } });
});
