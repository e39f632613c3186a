/** An entry and an order as tests need them. */
import type { QueueEntry } from './entry.ts';
import type { Journey, Order, OrderItem } from './order.ts';
import { deriveState, type OrderState } from './state.ts';

export const NOW_MS = Date.UTC(2026, 0, 15, 4);

export const journey: Journey = {
  run_id: 'G1.20260116',
  train_no: 'G1',
  service_date: '2026-01-16',
  from_station_id: 'bj',
  to_station_id: 'sh',
  from_index: 0,
  to_index: 3,
  departure_ms: Date.UTC(2026, 0, 16, 0),
  arrival_ms: Date.UTC(2026, 0, 16, 4),
  from_station_name: '北京',
  to_station_name: '上海',
  distance_m: 1_318_000,
};

export function sampleEntry(more: Partial<QueueEntry['body']> = {}): QueueEntry {
  const passenger = { item_no: 1, passenger_id: '1', person: 'aa', passenger_name_masked: '张*', id_number_masked: '1****4', passenger_type: 'ADULT' as const, seat_classes: ['SECOND' as const] };
  return {
    entry_id: 'entry',
    account_id: '7',
    tenant: 'rail',
    channel: 'WEB',
    request_id: 'request',
    run_id: journey.run_id,
    bucket: 0,
    state: 'PROCESSING',
    priority: 2,
    sequence: 1,
    hold_no: 0,
    enter_ms: NOW_MS,
    body: { journey, passengers: [passenger, { ...passenger, item_no: 2, passenger_id: '2', person: 'bb' }], accept_same_train_change: false, fares: [{ seat_class: 'SECOND', passenger_type: 'ADULT', fare_fen: 1000 }], ...more },
  };
}

export function sampleOrder(...states: OrderState[]): Order {
  const items = states.map((state, index): OrderItem => ({
    item_no: index + 1,
    passenger_id: String(index + 1),
    person: `p${index}`,
    passenger_name_masked: '张*',
    id_number_masked: '1****4',
    passenger_type: 'ADULT',
    seat: { coach_no: '01', seat_no: `${index + 1}A`, seat_class: 'SECOND' },
    seat_parts: [],
    state,
    version: 1,
    fare_fen: 1000,
    refunded_fen: 0,
    changed: false,
    hold_id: 'entry',
  }));
  return {
    order_id: '100',
    account_id: '7',
    tenant: 'rail',
    channel: 'WEB',
    entry_id: 'entry',
    request_id: 'request',
    version: 1,
    state: deriveState(items),
    journey,
    hold_id: 'entry',
    total_fen: 1000 * items.length,
    items,
    create_ms: NOW_MS,
    update_ms: NOW_MS,
    pay_expire_ms: NOW_MS + 600_000,
    todo: [],
    attempts: 0,
  };
}
