import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { OrderRunChange, OrderSeatsChanged, OrderTimesChanged } from '#gen/rail/event/v1/order_events_pb.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import type { Parameters } from '../domain/template.ts';
import { clockTime } from './order_words.ts';

/** What templates may say of what the railway changed. The journey is that of the items concerned, which may have changed trains before. */
export function changeWords(change: OrderRunChange | undefined): Parameters {
  const journey = change?.journey;
  const travel: Parameters = journey === undefined ? {} : { date: journey.serviceDate, train: journey.trainNo, from: journey.fromStationName, to: journey.toStationName, departure: clockTime(journey.departureTime) };
  return { ...travel, reason_zh: change?.reasonZh ? `（${change.reasonZh}）` : '', reason_en: change?.reasonEn ? ` (${change.reasonEn})` : '' };
}

export function timeWords({ change, previousDepartureTime, previousArrivalTime, overlappingItemIds }: OrderTimesChanged): Parameters {
  const { serviceDate = '', departureTime, arrivalTime } = change?.journey ?? {};
  const overlaps = overlappingItemIds.length > 0;
  return {
    departure: moment(departureTime, serviceDate),
    arrival: moment(arrivalTime, serviceDate),
    previous_departure: moment(previousDepartureTime, serviceDate),
    previous_arrival: moment(previousArrivalTime, serviceDate),
    overlap_zh: overlaps ? '请注意：变更后与乘车人的另一行程时间重叠。' : '',
    overlap_en: overlaps ? ' Please note: it now overlaps another journey of a passenger.' : '',
  };
}

/** `05-12A、05-12B`. */
export function seatWords({ gone }: OrderSeatsChanged): Parameters {
  return { seats: gone.map(({ seat }) => `${seat?.coachNo}-${seat?.seatNo}`).join('、') };
}

/** `08:05`, and with its day where that is not the run's own: `01-16 00:20`. */
function moment(time: Timestamp | undefined, service_date: string): string {
  if (time === undefined) return '';
  const day = serviceDateAt(timestampMs(time));
  return day === service_date ? clockTime(time) : `${day.slice(5)} ${clockTime(time)}`;
}
