import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { OrderSnapshot, OrderSnapshotItem } from '#gen/rail/event/v1/order_events_pb.ts';
import { formatFen } from '#kit/base/money.ts';
import { formatRfc3339 } from '#kit/base/time.ts';
import type { Parameters } from '../domain/template.ts';

/** What templates may say of an order. Names are masked already where the event was made. */
export function orderWords(order: OrderSnapshot): Parameters {
  const { journey, items } = order;
  return {
    order: order.orderId,
    date: journey?.serviceDate ?? '',
    train: journey?.trainNo ?? '',
    from: journey?.fromStationName ?? '',
    to: journey?.toStationName ?? '',
    departure: clockTime(journey?.departureTime),
    passengers: items.map(({ passengerNameMasked }) => passengerNameMasked).join('、'),
    seats: items.map(seatsOf).join('、'),
    amount: formatFen(order.total?.amountFen ?? 0n),
    pay_until: clockTime(order.payExpireTime),
  };
}

/** `05-12A`, and with a change of seats on the way all of them: `05-12A→07-03F`. */
function seatsOf({ seat, seatParts }: OrderSnapshotItem): string {
  const seats = seatParts.length === 0 ? [seat] : seatParts.map((part) => part.seat);
  return seats.map((one) => (one === undefined || one.coachNo === '' ? '无座 (standing)' : `${one.coachNo}-${one.seatNo}`)).join('→');
}

/** `08:05` in China. */
export function clockTime(time: Timestamp | undefined): string {
  return time === undefined ? '' : formatRfc3339(timestampMs(time)).slice(11, 16);
}
