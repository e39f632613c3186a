import test from 'ava';
import type { SeatClass } from './order.ts';
import { standbyDeadline_ms, standbyRequestOf } from './standby.ts';

const HOUR_MS = 3_600_000;

test('a standby waits until an hour before departure, or for half of the time that is left', (t) => {
  t.is(standbyDeadline_ms(0, 10 * HOUR_MS), 9 * HOUR_MS);
  t.is(standbyDeadline_ms(0, 2 * HOUR_MS), HOUR_MS);
  t.is(standbyDeadline_ms(0, HOUR_MS), HOUR_MS / 2);
});

test('it is for the classes that all passengers accept, the first one’s best first, and never without consent or such a class', (t) => {
  const requestOf = (classes: SeatClass[][], standby?: { member_level: number }) =>
    standbyRequestOf({
      account_id: '1', tenant: 'rail', channel: 'WEB', enter_ms: 0,
      body: {
        journey: { run_id: 'G1.20260101', train_no: 'G1', service_date: '2026-01-01', from_station_id: 'a', to_station_id: 'b', from_index: 0, to_index: 1, departure_ms: 9 * HOUR_MS, arrival_ms: 10 * HOUR_MS, from_station_name: '', to_station_name: '', distance_m: 1 },
        passengers: classes.map((seat_classes, index) => ({ item_no: index + 1, passenger_id: String(index), person: String(index), passenger_name_masked: '', id_number_masked: '', passenger_type: 'ADULT', seat_classes })),
        accept_same_train_change: false,
        fares: [],
        ...(standby === undefined ? {} : { standby }),
      },
    });
  t.deepEqual(requestOf([['FIRST', 'SECOND', 'STANDING'], ['SECOND', 'STANDING', 'FIRST']], { member_level: 2 })?.seat_classes, ['FIRST', 'SECOND']);
  t.is(requestOf([['FIRST'], ['SECOND']], { member_level: 0 }), undefined);
  t.is(requestOf([['STANDING']], { member_level: 0 }), undefined);
  t.is(requestOf([['FIRST']]), undefined);
});
