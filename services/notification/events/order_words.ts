import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { OrderSnapshot } from '#gen/rail/event/v1/order_events_pb.ts';
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
    seats: items.map(({ seat }) => (seat === undefined || seat.coachNo === '' ? '无座 (standing)' : `${seat.coachNo}-${seat.seatNo}`)).join('、'),
    amount: formatFen(order.total?.amountFen ?? 0n),
    pay_until: clockTime(order.payExpireTime),
  };
}

/** `08:05` in China. */
function clockTime(time: Timestamp | undefined): string {
  return time === undefined ? '' : formatRfc3339(timestampMs(time)).slice(11, 16);
}
