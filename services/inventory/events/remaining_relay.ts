// States of remaining between the processes of this service, on NATS without a store: each carries the whole state of a
// run, so a lost one is mended by the next, and the digests tell.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { headers } from '@nats-io/transport-node';
import { RunRemainingSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { Bus } from '#kit/bus/bus.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { RunRemaining } from '../app/remaining.ts';
import type { RemainingRelay } from '../app/remaining_feed.ts';
import { remainingFromMessage, remainingMessage } from '../wire/remaining_message.ts';

const SENDER = 'Chunyun-Sender';
const DATE = 'Chunyun-Service-Date';

export function remainingRelay(bus: Bus, sender: string, log: Log): RemainingRelay & { listen(received: (state: RunRemaining) => void): { stop(): void } } {
  const subject = (bucket: string) => `${bus.prefix}stock.remaining.${bucket}`;
  return {
    publish(state) {
      const head = headers();
      head.set(SENDER, sender);
      head.set(DATE, state.service_date);
      try {
        bus.connection.publish(subject(String(state.bucket)), toBinary(RunRemainingSchema, create(RunRemainingSchema, remainingMessage(state))), { headers: head });
      } catch (error) {
        log.warn({ error }, 'a state of remaining was not told to other processes');
      }
    },
    listen(received) {
      const subscription = bus.connection.subscribe(subject('*'), {
        callback: (error, message) => {
          if (error !== null || message.headers?.get(SENDER) === sender) return;
          received(remainingFromMessage(fromBinary(RunRemainingSchema, message.data), message.headers?.get(DATE) ?? ''));
        },
      });
      return { stop: () => subscription.unsubscribe() };
    },
  };
}
