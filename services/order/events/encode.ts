/** Events of stream ORDER. The id is derived from what it tells of, so a change is told once. */
import { toBinary, type DescMessage, type MessageInitShape, create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  OrderClosedSchema, OrderFailedSchema, OrderItemsChangedSchema, OrderPaidSchema, OrderPlacedSchema, OrderRunCancelledSchema, OrderRunRestoredSchema, OrderSeatsChangedSchema, OrderTicketedSchema,
  OrderTimesChangedSchema, QueueEntryFailedSchema, type OrderRunChangeSchema, type OrderSnapshotSchema,
} from '#gen/rail/event/v1/order_events_pb.ts';
import { BerthLevel, Channel, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { OutgoingEvent } from '#kit/bus/outbox.ts';
import { journeyMessage } from '#kit/rpc/journey.ts';
import type { OrderChange, RunNews } from '../domain/change.ts';
import type { QueueEntry } from '../domain/entry.ts';
import { itemIdOf, type Order, type Seat } from '../domain/order.ts';

export function placedEvent(order: Order): OutgoingEvent {
  return eventOf(OrderPlacedSchema, { order: snapshot(order) }, order);
}

export function changedEvent({ after, event, cause, reason = '', news }: OrderChange): OutgoingEvent {
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
      return eventOf(OrderClosedSchema, { order, reason, runRevision: reason === 'RUN_CANCELLED' ? BigInt(after.journey.change?.cancelled_revision ?? 0) : 0n }, after);
    case 'ITEMS_CHANGED':
      return eventOf(OrderItemsChangedSchema, { order, cause }, after);
    case 'RUN_CHANGED':
      if (news === undefined) throw new Error('a change by the railway without its news');
      return runChangedEvent(after, news);
  }
}

function runChangedEvent(after: Order, news: RunNews): OutgoingEvent {
  const itemIds = (item_nos: readonly number[]) => item_nos.map((item_no) => itemIdOf(after.order_id, item_no));
  const { before, after: now, reason } = news;
  const change: MessageInitShape<typeof OrderRunChangeSchema> = { runId: now.run_id, revision: BigInt(news.revision), reasonZh: reason.zh, reasonEn: reason.en, itemIds: itemIds(news.item_nos), journey: journeyMessage(now) };
  const common = { order: snapshot(after), change };
  switch (news.kind) {
    case 'CANCELLED':
      return eventOf(OrderRunCancelledSchema, common, after);
    case 'RESTORED':
      return eventOf(OrderRunRestoredSchema, common, after);
    case 'TIMES': {
      const previous = { previousDepartureTime: timestampFromMs(before.departure_ms), previousArrivalTime: timestampFromMs(before.arrival_ms) };
      return eventOf(OrderTimesChangedSchema, { ...common, ...previous, overlappingItemIds: itemIds(news.overlapping) }, after);
    }
    case 'SEATS':
      return eventOf(OrderSeatsChangedSchema, { ...common, gone: news.gone.map(({ item_no, seat }) => ({ itemId: itemIdOf(after.order_id, item_no), seat: seatOf(seat) })) }, after);
  }
}

export function entryFailedEvent({ entry_id, account_id, run_id, standby_id }: QueueEntry, reason: string, now_ms: number): OutgoingEvent {
  const payload = toBinary(QueueEntryFailedSchema, create(QueueEntryFailedSchema, { entryId: entry_id, accountId: account_id, runId: run_id, reason, standbyId: standby_id ?? '' }));
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
    journey: journeyMessage(order.journey),
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
