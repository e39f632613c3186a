import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { OrderItemSchema } from '#gen/rail/order/v1/order_pb.ts';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { ERRORS, isErrorReason } from '#kit/base/errors.ts';
import { memoryStorage } from '../../../../test/support/memory_storage.ts';
import type { ApiError, ErrorKind } from '../../api/errors.ts';
import { EMPTY_BASKET, WISHES_MAX, dropBasket, peopleOf, readBasket, saveBasket, withWish } from './basket.ts';
import type { Basket, WishDraft } from './basket.ts';
import { deadlineAt } from './deadline.ts';
import { dropPending, readPending, savePending, toRequest } from './pending.ts';
import { upgradeFromAddress, upgradePath, wishFromAddress } from './standby_path.ts';
import { closingOf, limitOf, limitText, mayWaitFor, oneClassEach, upgradeProblem } from './upgrade.ts';
import { refusedWish, upgradeAdvice } from './upgrade_advice.ts';

const { BUSINESS, FIRST, SECOND, STANDING } = SeatClass;
const HOUR_MS = 3_600_000;
const NOON_MS = Date.parse('2026-01-28T12:00:00+08:00');
const OF = { order_id: '7', item_ids: ['7-1', '7-2'] };
const ID = '0198c0de-0000-7000-8000-000000000001';

const wish = (run_id: string, ...seat_classes: SeatClass[]): WishDraft => ({ run_id, from_station_id: 'BJN', to_station_id: 'SHQ', seat_classes, accept_change: false });
const basket = (limit = '', ...wishes: WishDraft[]): Basket => ({ wishes, travellers: [], upgrade: { ...OF, limit } });
const search = (path: string) => new URLSearchParams(path.split('?')[1]);

test('[web] upgrade: the address names the ride and the tickets, and later the tickets alone', (t) => {
  const path = upgradePath(OF, { journey: { runId: 'G5 x.20260128', fromStationId: 'BJN', toStationId: 'SHQ' }, seat_class: FIRST });
  t.deepEqual(upgradeFromAddress(search(path)), OF);
  t.deepEqual(wishFromAddress(search(path)), wish('G5 x.20260128', FIRST));
  t.deepEqual([upgradeFromAddress(search(upgradePath(OF))), wishFromAddress(search(upgradePath(OF)))], [OF, undefined]);
  for (const query of ['run=G5', 'upgrade=', 'upgrade=pending&items=7-1']) t.is(upgradeFromAddress(search(`/standbys/new?${query}`)), undefined, query);
});

test('[web] upgrade: a class is waited for when it has too few seats for these tickets', (t) => {
  const may = (remaining: number, people: number, seatClass: SeatClass = FIRST, standbyAllowed = true) => mayWaitFor({ seatClass, remaining, standbyAllowed }, people);
  t.deepEqual([may(0, 1), may(1, 2), may(1, 2, FIRST, false)], [true, true, true]);
  t.deepEqual([may(1, 1), may(0, 1, STANDING), may(0, 1, FIRST, false)], [false, false, false]);
});

test('[web] upgrade: each class of a ride is asked for by itself, for the tickets, within the limit', (t) => {
  const request = toRequest(ID, basket('120.5', { ...wish('G1.20260128', FIRST, SECOND), accept_change: true }, wish('G5.20260128', BUSINESS)), NOON_MS);
  t.deepEqual(request.wishes.map(({ runId, seatClasses, acceptSameTrainChange }) => [runId, seatClasses, acceptSameTrainChange]), [['G1.20260128', [FIRST], false], ['G1.20260128', [SECOND], false], ['G5.20260128', [BUSINESS], false]]);
  t.like(request, { upgradeOfOrderId: '7', itemIds: OF.item_ids, passengerIds: [], passengerTypes: [], maxDifference: { amountFen: 12_050n } });
  t.is(toRequest(ID, basket('', wish('G1', FIRST)), NOON_MS).maxDifference, undefined, 'any difference');
  t.is(toRequest(ID, basket('0', wish('G1', FIRST)), NOON_MS).maxDifference?.amountFen, 0n, 'nothing on top is another thing than anything');
  t.like(toRequest(ID, { ...EMPTY_BASKET, wishes: [wish('G1', FIRST, SECOND)] }, NOON_MS), { upgradeOfOrderId: '', itemIds: [] });
  t.is(peopleOf(basket()), 2);
  t.is(oneClassEach([wish('G1', FIRST, SECOND), wish('G2')]).length, 2);
});

test('[web] upgrade: an amount is read as people type it, and nothing else is', (t) => {
  t.deepEqual(['', ' ', '0', '120', '120.5', '120.50', '¥99', '￥99', '１２０', '120.'].map(limitOf), [{}, {}, { fen: 0n }, { fen: 12_000n }, { fen: 12_050n }, { fen: 12_050n }, { fen: 9_900n }, { fen: 9_900n }, { fen: 12_000n }, { fen: 12_000n }]);
  for (const text of ['-1', '1e3', '12.345', '1,000', 'any', '.5', '1234567']) t.is(limitOf(text), undefined, text);
  for (const fen of [0n, 50n, 105n, 12_000n]) t.deepEqual(limitOf(limitText(fen)), { fen });
});

test('[web] upgrade: what is missing is said before anything is sent', (t) => {
  const full = Array.from({ length: WISHES_MAX }, (_, train) => wish(`G${train}`, FIRST));
  t.is(upgradeProblem(basket('', ...full)), undefined);
  t.deepEqual([basket(), basket('', wish('G1')), basket('x', wish('G1', FIRST)), basket('', wish('G0', SECOND, FIRST), ...full.slice(1))].map(upgradeProblem), ['no_wish', 'no_class', 'bad_limit', 'too_many']);
});

test('[web] upgrade: its draft is kept for these tickets, apart from that of who has none', (t) => {
  const storage = memoryStorage();
  const plain: Basket = { wishes: [wish('G9', SECOND)], travellers: [{ passenger_id: '7', type: PassengerType.ADULT }] };
  saveBasket(storage, plain);
  t.deepEqual(readBasket(storage, OF), basket(), 'nothing of it gets in here');
  const mine = withWish(basket('80'), wish('G1', FIRST));
  saveBasket(storage, mine);
  t.like(readBasket(storage, OF), mine);
  t.deepEqual(readBasket(storage, { ...OF, item_ids: ['7-1'] }).wishes, [], 'other tickets are another request');
  dropBasket(storage, '7');
  t.deepEqual(readBasket(storage, OF).wishes, []);
  t.like(readBasket(storage), plain);
});

test('[web] upgrade: one that was sent is repeated as what it is, and only where it was asked for', (t) => {
  const storage = memoryStorage();
  const sent = toRequest(ID, basket('80', wish('G1', FIRST)), NOON_MS);
  savePending(storage, sent);
  t.deepEqual(readPending(storage, '7'), sent);
  t.deepEqual([readPending(storage), readPending(storage, '8')], [undefined, undefined]);
  dropPending(storage);
  t.deepEqual(readPending(storage, '7'), sent, 'the outcome of another request says nothing of this one');
  dropPending(storage, '7');
  t.is(readPending(storage, '7'), undefined);
});

test('[web] upgrade: waiting ends when the gate of the old train closes', (t) => {
  const leaving = (at_ms: number) => create(OrderItemSchema, { journey: { departureTime: timestampFromMs(at_ms) } });
  const closing = closingOf([leaving(NOON_MS + HOUR_MS), leaving(NOON_MS)])!;
  t.deepEqual(closing, { departure_ms: NOON_MS, closes_ms: NOON_MS - 3 * 60_000 });
  t.is(closingOf([create(OrderItemSchema)]), undefined);
  t.is(deadlineAt({ lead_h: 0 }, NOON_MS, closing.closes_ms), closing.closes_ms);
  t.is(deadlineAt({ lead_h: 2 }, NOON_MS, closing.closes_ms), NOON_MS - 2 * HOUR_MS);
  t.is(deadlineAt({ at_ms: NOON_MS + HOUR_MS }, NOON_MS, closing.closes_ms), closing.closes_ms);
});

const refusal = (reason: string, metadata: Record<string, string> = {}, kind: ErrorKind = 'refused'): ApiError => ({ kind, metadata, localized: [], ...(isErrorReason(reason) ? { reason } : {}) });

test('[web] upgrade: every refusal says what to do next', (t) => {
  const way = (reason: string, metadata?: Record<string, string>) => {
    t.true(reason in ERRORS, reason);
    return upgradeAdvice(refusal(reason, metadata), false);
  };
  t.deepEqual(way('CHANGE_NOT_ALLOWED', { rule: 'UPGRADE_OPEN' }), { way: 'open' });
  t.deepEqual(way('CHANGE_NOT_ALLOWED', { rule: 'ONCE' }), { way: 'tickets', rule: 'once' });
  t.deepEqual(way('CHANGE_NOT_ALLOWED', { rule: 'LATER_DAY' }), { way: 'remove', rule: 'later_day' });
  t.deepEqual(['CHANGE_ABOVE_LIMIT', 'STANDBY_NOT_NEEDED', 'SAME_JOURNEY', 'TRAIN_DEPARTED', 'JOURNEY_OVERLAP', 'DEADLINE_IN_PAST', 'STANDBY_LIMIT', 'ORDER_NOT_FOUND', 'REQUEST_ID_REUSED'].map((reason) => way(reason).way), ['raise', 'now', 'remove', 'remove', 'overlap', 'later', 'list', 'order', 'again']);
  t.deepEqual(upgradeAdvice(refusal('INSPECTION_CLOSED'), true), { way: 'order', at_counter: true });
  t.is(upgradeAdvice(refusal('', {}, 'offline'), false).way, 'again');
});

test('[web] upgrade: a refusal is about one ride, or about the whole request', (t) => {
  const { wishes } = toRequest(ID, basket('', wish('G1', FIRST, SECOND), wish('G5', FIRST)), NOON_MS);
  const about = (metadata: Record<string, string>) => refusedWish({ metadata }, { wishes });
  t.is(about({ field: 'wishes[1]' }), wishes[1]);
  t.is(about({ run_id: 'G5' }), wishes[2]);
  t.is(about({ run_id: 'G1' }), undefined, 'either class');
  t.is(about({}), undefined);
});
