import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { MessageUndeliverableSchema } from '#gen/rail/event/v1/notify_events_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Bus } from '#kit/bus/bus.ts';
import { publishDeadLetter } from '#kit/bus/dead_letter.ts';
import { encodeEvent } from '#kit/bus/envelope.ts';
import { eventBucket } from '#kit/bus/streams.ts';
import type { ReceivedEvent } from '#kit/bus/consumer.ts';
import { revive } from '../app/dead_letters.ts';
import type { DeadLetters, Deps, Unit } from '../app/ports.ts';
import type { Delivery } from '../domain/delivery.ts';

/** The consumer that replays of these letters come to. */
export const UNDELIVERABLE_CONSUMER = 'notification-undeliverable';
export const UNDELIVERABLE_TYPES = [MessageUndeliverableSchema.typeName];

/** Deliveries that failed for good, beside the events that did, so that ops lists and replays both alike. */
export function deadLettersOver(bus: Bus, clock: Clock): DeadLetters {
  return {
    async bury(delivery) {
      const { delivery_id, message_id, version, tries, last_error } = delivery;
      const key = String(message_id);
      const event_id = `undeliverable-${delivery_id}-${version}`;
      const event = { event_id, type: MessageUndeliverableSchema.typeName, version, key, occurred_at: new Date(clock.now_ms()), payload: payloadOf(delivery), trace: {} };
      await publishDeadLetter(bus, {
        stream: 'NOTIFY', consumer: UNDELIVERABLE_CONSUMER, bucket: eventBucket(key), stream_sequence: sequenceOf(delivery), event_id, type: event.type, key, version,
        reason: last_error, tries, failed_at: event.occurred_at, envelope: encodeEvent(event),
      });
    },
  };
}

/** Only replays bring such an event: what is delivered here was asked for by an operator. */
export function handleUndeliverable(deps: Pick<Deps, 'clock'>, unit: Unit, { payload }: ReceivedEvent): Promise<void> {
  return revive(deps, unit, BigInt(fromBinary(MessageUndeliverableSchema, payload).deliveryId));
}

/** It names the letter where others have a place in the stream, so that a repeat is stored once. Ids and lives differ in it. */
function sequenceOf({ delivery_id, revivals }: Delivery): number {
  return Number(BigInt.asUintN(48, delivery_id * 16n + BigInt(revivals)));
}

function payloadOf({ delivery_id, message_id, account_id, channel, last_error, order_id, template_id }: Delivery): Uint8Array {
  const message = create(MessageUndeliverableSchema, { deliveryId: String(delivery_id), messageId: String(message_id), accountId: String(account_id), channel, reason: last_error, orderId: order_id, templateId: template_id });
  return toBinary(MessageUndeliverableSchema, message);
}
