import { create, toBinary } from '@bufbuild/protobuf';
import { MessagesDeliveredSchema } from '#gen/rail/event/v1/notify_events_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { OutgoingEvent } from '#kit/bus/outbox.ts';
import type { Delivered } from '../app/ports.ts';

/** MessagesDelivered of stream NOTIFY: all that one transaction tells of. Key: the first message's id. */
export function deliveredEvents(clock: Clock, random: Random): (told: readonly Delivered[]) => OutgoingEvent {
  return (told) => {
    const deliveries = told.map(({ message_id, account_id, channel, state, order_id, template_id, version }) => ({ messageId: String(message_id), accountId: String(account_id), channel, state, orderId: order_id, templateId: template_id, version }));
    return {
      event_id: uuid7(clock, random),
      stream: 'NOTIFY',
      type: MessagesDeliveredSchema.typeName,
      version: 1n,
      key: String(told[0]?.message_id),
      occurred_at: new Date(Math.max(...told.map(({ time_ms }) => time_ms))),
      payload: toBinary(MessagesDeliveredSchema, create(MessagesDeliveredSchema, { deliveries })),
    };
  };
}
