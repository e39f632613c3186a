import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { QuotaSchema, type Quota as QuotaMessage } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { isReleased, type NewQuota, type Quota } from '../domain/quota.ts';
import { channelFromMessage, channelMessage, passengerTypeFromMessage, passengerTypeMessage } from './buyer_message.ts';
import { classFromMessage, classMessage } from './seat_message.ts';

export function quotaMessage(quota: Quota, now_ms: number): QuotaMessage {
  const { name, seat_class, seats, channels, passenger_types, min_segments, stretch, release_ms } = quota;
  return create(QuotaSchema, {
    name,
    seatClass: classMessage(seat_class),
    seats,
    channels: channels.map(channelMessage),
    passengerTypes: passenger_types.map(passengerTypeMessage),
    minSegments: min_segments,
    stretch: stretch === undefined ? undefined : { fromIndex: stretch.from, toIndex: stretch.to },
    releaseTime: release_ms === undefined ? undefined : timestampFromMs(release_ms),
    released: isReleased(quota, now_ms),
  });
}

/** FIELD_INVALID for a class, channel or type that this contract does not have. */
export function quotaFromMessage(message: QuotaMessage): Result<NewQuota> {
  const { name, seats, minSegments: min_segments, stretch, releaseTime } = message;
  const seat_class = classFromMessage(message.seatClass);
  if (seat_class === undefined || seat_class === 'standing') return fieldInvalid('quotas.seat_class', 'a class of numbered seats');
  const channels = message.channels.map(channelFromMessage).filter((channel) => channel !== undefined);
  if (channels.length !== message.channels.length) return fieldInvalid('quotas.channels', 'unknown channel');
  const passenger_types = message.passengerTypes.map(passengerTypeFromMessage).filter((type) => type !== undefined);
  if (passenger_types.length !== message.passengerTypes.length) return fieldInvalid('quotas.passenger_types', 'unknown type');
  const release_ms = releaseTime === undefined ? undefined : timestampMs(releaseTime);
  return ok({ name, seat_class, seats, channels, passenger_types, min_segments, stretch: stretch === undefined ? undefined : { from: stretch.fromIndex, to: stretch.toIndex }, release_ms });
}
