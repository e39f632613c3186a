import test from 'ava';
import { addDays, toCompactDate } from '#kit/base/time.ts';
import type { Result } from '#kit/base/result.ts';
import { fareOf, lowestFare, type Fare } from './fares.ts';
import { nextStep, retry_ms } from './next_step.ts';
import { placeOrder } from './place_order.ts';
import { checkRequest, type SubmitRequest } from './request.ts';
import { checkSale, journeyOn, type TrainRun } from './sale.ts';
import { journey, NOW_MS, sampleEntry, sampleOrder } from './samples.ts';

const reason = (result: Result<unknown>) => (result.ok ? 'OK' : result.error.reason);
const TODAY = '2026-01-15';
const request = (more: Partial<SubmitRequest> = {}): SubmitRequest => ({
  request_id: '', run_id: `G1.${toCompactDate(TODAY)}`, from_station_id: 'bj', to_station_id: 'sh', passengers: [{ passenger_id: '1', passenger_type: 'ADULT', seat_classes: ['SECOND'] }],
  accept_standby: false, accept_standing: false, accept_same_train_change: false, seat_lock_id: '', accompanied_need: false, captcha_token: '', ...more,
});

test('the sale window is today and the 14 days after it, in China', (t) => {
  const on = (days: number) => reason(checkRequest(request({ run_id: `G1.${toCompactDate(addDays(TODAY, days))}` }), NOW_MS));
  t.deepEqual([on(0), on(14), on(15)], ['OK', 'OK', 'DATE_BEYOND_SALE_WINDOW']);
  t.deepEqual([on(-1), on(-5)], ['OK', 'DATE_PAST'], 'a night train may still be boarded on a later day');
  const late_evening_utc = Date.UTC(2026, 0, 15, 17);
  t.is(reason(checkRequest(request({ run_id: `G1.${toCompactDate(addDays(TODAY, 15))}` }), late_evening_utc)), 'OK', 'it is the 16th in China');
});

test('companions must be on the order', (t) => {
  const adult = { passenger_id: '1', passenger_type: 'ADULT' as const, seat_classes: ['SECOND' as const] };
  const child = { passenger_id: '2', passenger_type: 'CHILD' as const, seat_classes: ['SECOND' as const] };
  t.is(reason(checkRequest(request({ passengers: [adult, { ...child, with_passenger_id: '1' }] }), NOW_MS)), 'OK');
  t.is(reason(checkRequest(request({ passengers: [adult, { ...child, with_passenger_id: '2' }] }), NOW_MS)), 'FIELD_INVALID');
  t.is(reason(checkRequest(request({ passengers: [adult, { ...child, with_passenger_id: '9' }] }), NOW_MS)), 'FIELD_INVALID');
});

test('a run can be bought from its opening until it has left the station of boarding', (t) => {
  const run: TrainRun = {
    run_id: journey.run_id, train_no: 'G1', service_date: journey.service_date, sale_state: 'OPEN', sale_start_ms: NOW_MS,
    stops: [
      { index: 0, station_id: 'bj', name: '', departure_ms: journey.departure_ms, distance_m: 0 },
      { index: 1, station_id: 'sh', name: '', arrival_ms: journey.arrival_ms, distance_m: 10 },
    ],
  };
  t.is(reason(checkSale(run, journey, NOW_MS)), 'OK');
  t.is(reason(checkSale(run, journey, NOW_MS - 1)), 'SALE_NOT_OPEN');
  const later: TrainRun = { ...run, stops: run.stops.map((stop) => (stop.index === journey.from_index ? { ...stop, sale_start_ms: NOW_MS + 1000 } : stop)) };
  const early = checkSale(later, journey, NOW_MS);
  t.is(early.ok ? 0 : early.error.retry_after_ms, 1000, 'the station of boarding opens later than the run');
  t.is(reason(checkSale(later, journey, NOW_MS + 1000)), 'OK');
  t.is(reason(checkSale(run, journey, journey.departure_ms)), 'SALE_CLOSED');
  t.is(reason(checkSale({ ...run, sale_state: 'CANCELLED' }, journey, NOW_MS)), 'RUN_CANCELLED');
  t.is(reason(checkSale({ ...run, sale_state: 'CLOSED' }, journey, NOW_MS)), 'SALE_CLOSED');
  t.is(reason(checkSale(run, journey, journey.departure_ms + 86_400_000)), 'DATE_PAST');
  t.is(reason(journeyOn(run, 'sh', 'bj')), 'STOPS_NOT_ON_RUN');
  t.is(reason(journeyOn(run, 'bj', 'xx')), 'STOPS_NOT_ON_RUN');
});

test('a berth costs what its level costs', (t) => {
  const fares: Fare[] = [
    { seat_class: 'HARD_SLEEPER', passenger_type: 'ADULT', berth_level: 'LOWER', fare_fen: 300 },
    { seat_class: 'HARD_SLEEPER', passenger_type: 'ADULT', berth_level: 'UPPER', fare_fen: 200 },
    { seat_class: 'HARD_SEAT', passenger_type: 'ADULT', fare_fen: 100 },
  ];
  const seat = { coach_no: '1', seat_no: '1', seat_class: 'HARD_SLEEPER' as const };
  t.is(fareOf(fares, { ...seat, berth_level: 'LOWER' }, 'ADULT'), 300);
  t.is(fareOf(fares, { ...seat, berth_level: 'UPPER' }, 'ADULT'), 200);
  t.is(fareOf(fares, { ...seat, berth_level: 'MIDDLE' }, 'ADULT'), undefined);
  t.is(fareOf(fares, { ...seat, seat_class: 'HARD_SEAT' }, 'CHILD'), undefined);
  t.deepEqual(lowestFare(fares, ['HARD_SLEEPER'], 'ADULT'), { ok: true, value: 200 });
  t.is(reason(lowestFare(fares, ['BUSINESS'], 'ADULT')), 'SEAT_CLASS_UNKNOWN');
});

test('an order costs what its places cost, never more than was agreed', (t) => {
  const place = (item_no: number) => ({ item_no, parts: [{ seat: { coach_no: '01', seat_no: `${item_no}A`, seat_class: 'SECOND' as const }, from_index: 0, to_index: 3 }] });
  const held = { hold_id: 'entry', places: [place(2), place(1)] };
  const options = { order_id: '100', now_ms: NOW_MS, pay_window_ms: 600_000 };
  const placed = placeOrder(sampleEntry(), held, options);
  t.true(placed.ok && placed.value.total_fen === 2000 && placed.value.pay_expire_ms === NOW_MS + 600_000);
  t.deepEqual(placed.ok && placed.value.items.map((item) => item.seat.seat_no), ['1A', '2A'], 'each gets the place held for that passenger');
  t.is(reason(placeOrder(sampleEntry({ max_total_fen: 1999 }), held, options)), 'QUOTE_STALE');
  t.is(reason(placeOrder(sampleEntry({ fares: [] }), held, options)), 'QUOTE_STALE');
  t.throws(() => placeOrder(sampleEntry(), { ...held, places: [place(1)] }, options));
});

test('what an order needs next follows from its state and the time', (t) => {
  const at = (now_ms: number, ask_payments = false) => ({ now_ms, ask_payments });
  const waiting = sampleOrder('WAIT_PAY');
  t.is(nextStep({ ...waiting, todo: ['attach'] }, at(NOW_MS)), 'attach');
  t.deepEqual(nextStep(waiting, at(NOW_MS)), { wait_ms: 30_000 });
  t.deepEqual(nextStep(waiting, at(waiting.pay_expire_ms - 10)), { wait_ms: 10 });
  t.is(nextStep(waiting, at(NOW_MS, true)), 'ask_payments');
  t.is(nextStep({ ...waiting, todo: ['attach'] }, at(waiting.pay_expire_ms, true)), 'begin_closing');
  t.is(nextStep({ ...sampleOrder('PAID'), todo: ['settle'] }, at(NOW_MS)), 'settle');
  t.is(nextStep(sampleOrder('PAID'), at(NOW_MS)), 'sell');
  t.is(nextStep({ ...sampleOrder('CLOSED'), todo: ['track_refund', 'release'] }, at(NOW_MS)), 'release');
  for (const state of ['CLOSED', 'SUCCESS', 'REFUND', 'CHANGE'] as const) t.is(nextStep(sampleOrder(state), at(NOW_MS)), undefined);
  t.deepEqual([0, 1, 2, 3, 10, 1000].map((attempts) => retry_ms(attempts)), [1000, 2000, 4000, 8000, 60_000, 60_000]);
});
