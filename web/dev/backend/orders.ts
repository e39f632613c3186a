import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CloseReason, OrderSchema, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { BerthLevel } from '#gen/rail/type/v1/journey_pb.ts';
import type { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { fareFen, journeyOf } from './network.ts';

/** An order as the tab keeps it. Its state follows from what happened and how long ago, so it needs no server. */
export type PretendOrder = {
  order_id: string; run_id: string; from: string; to: string; create_ms: number; paid_ms?: number; cancel_ms?: number; refund_ms?: number;
  travellers: { passenger_id: string; name: string; id_number: string; type: PassengerType; seat_class: SeatClass; seat?: { coachNo: string; seatNo: string; seatClass: SeatClass; berthLevel: BerthLevel } }[];
  /** Seats are changed half-way. */
  change: boolean;
};

export function readOrders(): PretendOrder[] {
  return JSON.parse(sessionStorage.getItem('pretend.orders') ?? '[]') as PretendOrder[];
}

export function writeOrders(orders: PretendOrder[]): void {
  sessionStorage.setItem('pretend.orders', JSON.stringify(orders));
}

export function changeOrder(order_id: string, change: Partial<PretendOrder>): void {
  writeOrders(readOrders().map((order) => (order.order_id === order_id ? { ...order, ...change } : order)));
}

export function orderNow(order: PretendOrder, now_ms: number): Order {
  const journey = journeyOf(order.run_id, order.from, order.to);
  const { state, close_reason, version } = stateOf(order, now_ms);
  const items = order.travellers.map((traveller, index) => ({
    itemId: `${order.order_id}-${index + 1}`, passengerId: traveller.passenger_id, passengerNameMasked: traveller.name, idNumberMasked: traveller.id_number, passengerType: traveller.type, state, journey,
    ...placesOf(order, index), version: BigInt(version), closeReason: close_reason,
    fare: { amountFen: fareFen(journey, traveller.seat_class, traveller.type), currency: 'CNY' }, ticketId: version >= 4 ? `E${order.order_id.slice(-8)}${index + 1}` : '',
  }));
  return create(OrderSchema, {
    orderId: order.order_id, state, items, journey, createTime: timestampFromMs(order.create_ms), payExpireTime: timestampFromMs(order.create_ms + 600_000),
    total: { amountFen: items.reduce((sum, { fare }) => sum + fare.amountFen, 0n), currency: 'CNY' },
  });
}

function placesOf({ change, travellers, from, to, run_id }: PretendOrder, index: number) {
  const { seat_class, seat = { coachNo: '05', seatNo: `${12 + Math.floor(index / 5)}${'ABCDF'[index % 5]}`, seatClass: seat_class, berthLevel: BerthLevel.UNSPECIFIED } } = travellers[index]!;
  const { fromIndex, toIndex } = journeyOf(run_id, from, to);
  const at = Math.floor((fromIndex + toIndex) / 2);
  const seatParts = change ? [{ seat, fromIndex, toIndex: at }, { seat: { ...seat, coachNo: '06', seatNo: `0${index + 3}F` }, fromIndex: at, toIndex }] : [{ seat, fromIndex, toIndex }];
  return { seat, seatParts };
}

export function ticketsNow(order: PretendOrder, now_ms: number) {
  const { items, journey } = orderNow(order, now_ms);
  return items.filter(({ ticketId }) => ticketId !== '').map((item) => ({
    ticketId: item.ticketId, orderId: order.order_id, itemId: item.itemId, version: 1n, state: item.state === OrderState.SUCCESS ? TicketState.VALID : TicketState.VOID, passengerNameMasked: item.passengerNameMasked,
    idNumberMasked: item.idNumberMasked, journey, seat: item.seat, passengerType: item.passengerType, qrToken: item.state === OrderState.SUCCESS ? `CY1.${item.ticketId}.1.1893456000.${'q7Zk9-Xv'.repeat(10)}` : '',
  }));
}

function stateOf({ paid_ms, cancel_ms, refund_ms }: PretendOrder, now_ms: number): { state: OrderState; close_reason: CloseReason; version: number } {
  const none = CloseReason.UNSPECIFIED;
  if (cancel_ms !== undefined) return { state: OrderState.CLOSED, close_reason: CloseReason.CANCELLED, version: 3 };
  if (refund_ms !== undefined) return now_ms - refund_ms > REFUND_MS ? { state: OrderState.CLOSED, close_reason: CloseReason.REFUNDED, version: 6 } : { state: OrderState.REFUND, close_reason: none, version: 5 };
  if (paid_ms === undefined) return { state: OrderState.WAIT_PAY, close_reason: none, version: 1 };
  if (now_ms - paid_ms < 800) return { state: OrderState.PAID, close_reason: none, version: 2 };
  return now_ms - paid_ms < 2_000 ? { state: OrderState.TICKETING, close_reason: none, version: 3 } : { state: OrderState.SUCCESS, close_reason: none, version: 4 };
}

export const REFUND_MS = 4_000;
