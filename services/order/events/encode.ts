/** Events of stream ORDER. The id is derived from what it tells of, so a change is told once. */
import { toBinary, type DescMessage, type MessageInitShape, create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  OrderClosedSchema, OrderFailedSchema, OrderItemsChangedSchema, OrderPaidSchema, OrderPlacedSchema, OrderTicketedSchema, QueueEntryFailedSchema, type OrderSnapshotSchema,
} from '#gen/rail/event/v1/order_events_pb.ts';
import { BerthLevel, Channel, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { OutgoingEvent } from '#kit/bus/outbox.ts';
import type { OrderChange } from '../domain/change.ts';
import type { QueueEntry } from '../domain/entry.ts';
import { itemIdOf, type Journey, type Order, type Seat } from '../domain/order.ts';

export function placedEvent(order: Order): OutgoingEvent {
  return eventOf(OrderPlacedSchema, { order: snapshot(order) }, order);
}

export function changedEvent({ after, event, cause, reason = '' }: OrderChange): OutgoingEvent {
  const order = snapshot(after);
  switch (event) {
    case 'PLACED':
      return eventOf(OrderPlacedSchema, { order }, after);
    case 'PAID':
      return eventOf(OrderPaidSchema, { order }, after);
    case 'TICKETED':
      return eventOf(OrderTicketedSchema, { order }, after);
    case 'FAILED':
      return eventOf(OrderFailedSchema, { order, reason }, after);
    case 'CLOSED':
      return eventOf(OrderClosedSchema, { order, reason }, after);
    case 'ITEMS_CHANGED':
      return eventOf(OrderItemsChangedSchema, { order, cause }, after);
  }
}

export function entryFailedEvent({ entry_id, account_id, run_id }: QueueEntry, reason: string, now_ms: number): OutgoingEvent {
  const payload = toBinary(QueueEntryFailedSchema, create(QueueEntryFailedSchema, { entryId: entry_id, accountId: account_id, runId: run_id, reason }));
  return { stream: 'ORDER', event_id: `entry-${entry_id}-failed`, type: QueueEntryFailedSchema.typeName, version: 1n, key: entry_id, occurred_at: new Date(now_ms), payload };
}

function eventOf<S extends DescMessage>(schema: S, message: MessageInitShape<S>, order: Order): OutgoingEvent {
  return {
    stream: 'ORDER',
    event_id: `order-${order.order_id}-${order.version}`,
    type: schema.typeName,
    version: BigInt(order.version),
    key: order.order_id,
    occurred_at: new Date(order.update_ms),
    payload: toBinary(schema, create(schema, message)),
  };
}

function snapshot(order: Order): MessageInitShape<typeof OrderSnapshotSchema> {
  return {
    orderId: order.order_id,
    accountId: order.account_id,
    tenant: order.tenant,
    channel: Channel[order.channel],
    journey: journey(order.journey),
    items: order.items.map((item) => ({
      itemId: itemIdOf(order.order_id, item.item_no),
      passengerId: item.passenger_id,
      passengerNameMasked: item.passenger_name_masked,
      seat: seatOf(item.seat),
      seatParts: item.seat_parts.map(({ seat, from_index, to_index }) => ({ seat: seatOf(seat), fromIndex: from_index, toIndex: to_index })),
      state: item.state,
      version: BigInt(item.version),
      fare: { amountFen: BigInt(item.fare_fen), currency: 'CNY' },
      ticketId: item.ticket_id ?? '',
      holdId: item.hold_id,
    })),
    total: { amountFen: BigInt(order.total_fen), currency: 'CNY' },
    state: order.state,
    paymentId: order.payment_id ?? '',
    payExpireTime: timestampFromMs(order.pay_expire_ms),
    version: BigInt(order.version),
  };
}

function seatOf({ coach_no, seat_no, seat_class, berth_level }: Seat) {
  return { coachNo: coach_no, seatNo: seat_no, seatClass: SeatClass[seat_class], berthLevel: BerthLevel[berth_level ?? 'UNSPECIFIED'] };
}

function journey(ride: Journey) {
  return {
    runId: ride.run_id,
    trainNo: ride.train_no,
    serviceDate: ride.service_date,
    fromStationId: ride.from_station_id,
    toStationId: ride.to_station_id,
    fromIndex: ride.from_index,
    toIndex: ride.to_index,
    departureTime: timestampFromMs(ride.departure_ms),
    arrivalTime: timestampFromMs(ride.arrival_ms),
    fromStationName: ride.from_station_name,
    toStationName: ride.to_station_name,
    distanceM: BigInt(Math.round(ride.distance_m)),
  };
}
