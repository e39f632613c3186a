import test from 'ava';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { memoryStorage } from '../../../../test/support/memory_storage.ts';
import { EMPTY_BASKET, WISHES_MAX, basketProblem, dropBasket, hasWish, readBasket, saveBasket, toggleClass, withChangedWish, withWish, withoutWish } from './basket.ts';
import type { Basket, WishDraft } from './basket.ts';
import { dropPending, readPending, savePending, toRequest } from './pending.ts';

const wish = (run_id: string, ...seat_classes: SeatClass[]): WishDraft => ({ run_id, from_station_id: 'BJN', to_station_id: 'SHQ', seat_classes, accept_change: false });
const { SECOND, FIRST } = SeatClass;
const isChild = (type: PassengerType) => type === PassengerType.CHILD;

test('[web] a ride that is wished for again gains the class, another one is added, and no more than the contract takes', (t) => {
  const one = withWish(EMPTY_BASKET, wish('G1.20260128', SECOND));
  t.deepEqual(withWish(one, wish('G1.20260128', FIRST, SECOND)).wishes.map(({ seat_classes }) => seat_classes), [[SECOND, FIRST]]);
  t.true(withWish(one, { ...wish('G1.20260128', SECOND), accept_change: true }).wishes[0]!.accept_change);
  t.is(withWish(one, { ...wish('G1.20260128', SECOND), to_station_id: 'NJN' }).wishes.length, 2, 'another stretch is another ride');
  let full: Basket = EMPTY_BASKET;
  for (let train = 0; train <= WISHES_MAX; train += 1) full = withWish(full, wish(`G${train}.20260128`, SECOND));
  t.is(full.wishes.length, WISHES_MAX);
  t.deepEqual([hasWish(full, wish('G0.20260128')), hasWish(full, wish(`G${WISHES_MAX}.20260128`))], [true, false]);
  t.deepEqual(withoutWish(one, wish('G1.20260128')).wishes, []);
});

test('[web] classes keep the order in which they were chosen', (t) => {
  const chosen = toggleClass(toggleClass(wish('G1', SECOND), FIRST), SECOND);
  t.deepEqual(chosen.seat_classes, [FIRST]);
  const again = toggleClass(chosen, SECOND);
  t.deepEqual(again.seat_classes, [FIRST, SECOND]);
  t.deepEqual(withChangedWish(withWish(EMPTY_BASKET, wish('G1', SECOND)), again).wishes, [again]);
});

test('[web] what is missing is said before anything is sent', (t) => {
  const good: Basket = { wishes: [wish('G1', SECOND)], travellers: [{ passenger_id: '7', type: PassengerType.ADULT }] };
  t.is(basketProblem(good, isChild), undefined);
  t.is(basketProblem({ ...good, wishes: [] }, isChild), 'no_wish');
  t.is(basketProblem({ ...good, wishes: [wish('G1')] }, isChild), 'no_class');
  t.is(basketProblem({ ...good, travellers: [] }, isChild), 'choose_passenger');
  t.is(basketProblem({ ...good, travellers: [{ passenger_id: '7', type: PassengerType.CHILD }] }, isChild), 'child_needs_adult');
});

test('[web] the request in the making survives a reload, and what cannot be read is forgotten', (t) => {
  const storage = memoryStorage();
  const basket: Basket = { wishes: [wish('G1', SECOND)], travellers: [{ passenger_id: '7', type: PassengerType.STUDENT }], deadline: { lead_h: 6 } };
  saveBasket(storage, basket);
  t.deepEqual(readBasket(storage), basket);
  dropBasket(storage);
  t.deepEqual(readBasket(storage), EMPTY_BASKET);
  storage.setItem('chunyun.standby', '{"wishes":7}');
  t.deepEqual(readBasket(storage), EMPTY_BASKET);
});

test('[web] a request that was sent is read back as it was, id and all, until its outcome is known', (t) => {
  const storage = memoryStorage();
  const request = toRequest('0198c0de-0000-7000-8000-000000000001', { wishes: [{ ...wish('G1.20260128', SECOND, FIRST), accept_change: true }], travellers: [{ passenger_id: '7', type: PassengerType.CHILD }] }, 1_769_000_000_500);
  t.is(readPending(storage), undefined);
  savePending(storage, request);
  t.deepEqual(readPending(storage), request);
  t.like(request.wishes[0], { runId: 'G1.20260128', seatClasses: [SECOND, FIRST], acceptSameTrainChange: true });
  dropPending(storage);
  t.is(readPending(storage), undefined);
  storage.setItem('chunyun.standby.pending', '{"wishes":7}');
  t.is(readPending(storage), undefined);
});
