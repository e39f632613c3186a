/** Plain objects of the domain as messages of the contract. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { JourneyChangeSchema, ListQueuesResponse_QueueSchema, OrderItemSchema, OrderSchema, QueueStatusSchema, RunItemSchema, SeatPartSchema, TimelineEntrySchema } from '#gen/rail/order/v1/order_pb.ts';
import type { Seat as SeatMessage, SeatSchema } from '#gen/rail/type/v1/journey_pb.ts';
import type { MoneySchema } from '#gen/rail/type/v1/money_pb.ts';
import { fenToInt64 } from '#kit/base/money.ts';
import { journeyMessage } from '#kit/rpc/journey.ts';
import type { RunItem, TimelineRow } from '../app/ports.ts';
import type { QueueView } from '../app/queue_status.ts';
import { goneSeats, itemIdOf, journeyOf, moneyIn, type Journey, type Order, type OrderItem, type Seat, type SeatPart } from '../domain/order.ts';
import type { QueueFacts } from '../app/list_queues.ts';
import { PUBLISHED } from '../domain/priority.ts';
import { berthLevels, channels, closeReasons, orderStates, paceReasons, passengerTypes, priorityReasons, queueStates, seatClasses } from './words.ts';

export function moneyOf(amount_fen: number): MessageInitShape<typeof MoneySchema> {
  return { amountFen: fenToInt64(amount_fen), currency: 'CNY' };
}

export function seatMessage(seat: Seat): MessageInitShape<typeof SeatSchema> {
  return { coachNo: seat.coach_no, seatNo: seat.seat_no, seatClass: seatClasses.to(seat.seat_class), berthLevel: berthLevels.to(seat.berth_level) };
}

/** Undefined when the class is none that we know. */
export function seatOf(message: SeatMessage): Seat | undefined {
  const seat_class = seatClasses.of(message.seatClass);
  if (seat_class === undefined) return undefined;
  const berth_level = berthLevels.of(message.berthLevel);
  return { coach_no: message.coachNo, seat_no: message.seatNo, seat_class, ...(berth_level === undefined ? {} : { berth_level }) };
}

export function partMessage({ seat, from_index, to_index }: SeatPart): MessageInitShape<typeof SeatPartSchema> {
  return { seat: seatMessage(seat), fromIndex: from_index, toIndex: to_index };
}

export function orderMessage(order: Order): MessageInitShape<typeof OrderSchema> {
  return {
    orderId: order.order_id,
    accountId: order.account_id,
    state: orderStates.to(order.state),
    items: order.items.map((item) => itemMessage(order, item)),
    journey: journeyMessage(order.journey),
    total: moneyOf(order.total_fen),
    channel: channels.to(order.channel),
    tenant: order.tenant,
    createTime: timestampFromMs(order.create_ms),
    payExpireTime: timestampFromMs(order.pay_expire_ms),
    updateTime: timestampFromMs(order.update_ms),
    paymentId: order.payment_id ?? '',
    etag: String(order.version),
    requestId: order.request_id,
    journeyChange: changeMessage(order.journey, order.items.filter((item) => item.journey === undefined)),
  };
}

/** Undefined where everything is as ordered, again or still. */
function changeMessage(journey: Journey, items: readonly OrderItem[]): MessageInitShape<typeof JourneyChangeSchema> | undefined {
  const { change, departure_ms, arrival_ms } = journey;
  if (change === undefined) return undefined;
  const { ordered, cancelled, reason } = change;
  const seat_gone = items.some((item) => item.state !== 'CLOSED' && goneSeats(item, journey).length > 0);
  if (!cancelled && !seat_gone && ordered.departure_ms === departure_ms && ordered.arrival_ms === arrival_ms) return undefined;
  return {
    orderedDepartureTime: ordered.departure_ms === departure_ms ? undefined : timestampFromMs(ordered.departure_ms),
    orderedArrivalTime: ordered.arrival_ms === arrival_ms ? undefined : timestampFromMs(ordered.arrival_ms),
    cancelled,
    seatGone: seat_gone,
    reasonZh: reason.zh,
    reasonEn: reason.en,
  };
}

function itemMessage(order: Order, item: OrderItem): MessageInitShape<typeof OrderItemSchema> {
  return {
    itemId: itemIdOf(order.order_id, item.item_no),
    passengerId: item.passenger_id,
    passengerNameMasked: item.passenger_name_masked,
    idNumberMasked: item.id_number_masked,
    passengerType: passengerTypes.to(item.passenger_type),
    seat: seatMessage(item.seat),
    seatParts: item.seat_parts.map(partMessage),
    state: orderStates.to(item.state),
    version: BigInt(item.version),
    fare: moneyOf(item.fare_fen),
    ticketId: item.ticket_id ?? '',
    closeReason: closeReasons.to(item.close_reason),
    journey: journeyMessage(journeyOf(order, item)),
    changed: item.changed,
    holdId: item.hold_id,
    refunded: moneyOf(item.refunded_fen),
    journeyChange: changeMessage(journeyOf(order, item), [item]),
    money: moneyIn(order, item).map(({ payment_id, amount_fen }) => ({ paymentId: payment_id, amount: moneyOf(amount_fen) })),
  };
}

export function runItemMessage({ order_id, run_id, hold_id, item_no, state, seat_parts }: RunItem): MessageInitShape<typeof RunItemSchema> {
  return { orderId: order_id, runId: run_id, holdId: hold_id, holdItemId: String(item_no), state: orderStates.to(state), seatParts: seat_parts.map(partMessage) };
}

export function timelineMessage(order_id: string, row: TimelineRow): MessageInitShape<typeof TimelineEntrySchema> {
  return {
    time: timestampFromMs(row.time_ms),
    itemId: row.item_no === 0 ? '' : itemIdOf(order_id, row.item_no),
    from: orderStates.to(row.from),
    to: orderStates.to(row.to),
    cause: row.cause,
    version: BigInt(row.version),
    traceId: row.trace_id,
  };
}

export function statusMessage(view: QueueView): MessageInitShape<typeof QueueStatusSchema> {
  return {
    queueToken: view.token,
    state: queueStates.to(view.state),
    ahead: view.ahead,
    estimateMs: Math.min(view.estimate_ms, 0xffff_ffff),
    hopeless: view.hopeless,
    orderId: view.order_id ?? '',
    reason: view.reason ?? '',
    tokenExpireTime: timestampFromMs(view.token_expire_ms),
    queueLength: view.length,
    priority: view.priority,
    runId: view.run_id,
    priorityReason: priorityReasons.to(PUBLISHED.find(({ priority }) => priority === view.priority)?.reason),
    standbyId: view.standby_id ?? '',
    standbyReason: view.standby_reason ?? '',
    standbyOffered: view.standby_offered,
    priorities: PUBLISHED.map(({ priority, reason, member_level_from = 0 }) => ({ priority, reason: priorityReasons.to(reason), memberLevelFrom: member_level_from })),
  };
}

export function queueMessage({ run_id, length, in_flight, owner, term, pace }: QueueFacts): MessageInitShape<typeof ListQueuesResponse_QueueSchema> {
  const { drain_per_s, seats_free, reason, capacity_share, hold_latency_ms } = pace;
  return { runId: run_id, length, inFlight: in_flight, owner, term, drainPerS: drain_per_s, seatsFree: seats_free, paceReason: paceReasons.to(reason), capacityShare: capacity_share, holdLatencyMs: hold_latency_ms };
}
