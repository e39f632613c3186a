import { create, toBinary } from '@bufbuild/protobuf';
import { MessageDeliveredSchema } from '#gen/rail/event/v1/notify_events_pb.ts';
import type { OutgoingEvent } from '#kit/bus/outbox.ts';
import type { Delivered } from '../app/ports.ts';

/** MessageDelivered of stream NOTIFY; key: message id. */
export function deliveredEvent({ event_id, message_id, account_id, channel, state, order_id, template_id, version, time_ms }: Delivered): OutgoingEvent {
  const message = create(MessageDeliveredSchema, { messageId: String(message_id), accountId: String(account_id), channel, state, orderId: order_id, templateId: template_id });
  return { event_id, stream: 'NOTIFY', type: MessageDeliveredSchema.typeName, version, key: String(message_id), occurred_at: new Date(time_ms), payload: toBinary(MessageDeliveredSchema, message) };
}
