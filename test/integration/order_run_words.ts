// What inventory publishes of runs that the railway changed, said by a test; all of it can be said again.
import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { headers } from '@nats-io/transport-node';
import type { Bus } from '#kit/bus/bus.ts';
import { encodeEvent, HEADER_TYPE } from '#kit/bus/envelope.ts';
import { eventBucket, eventSubject } from '#kit/bus/streams.ts';
import { requestId } from './order_world.ts';

export type RunPublisher = {
  <S extends DescMessage>(schema: S, run_id: string, message: MessageInitShape<S>): Promise<void>;
  /** Everything that was published, again and in the same order. */
  again(): Promise<void>;
};

export function runPublisher(bus: Bus): RunPublisher {
  const said: (() => Promise<unknown>)[] = [];
  const publish = async <S extends DescMessage>(schema: S, run_id: string, message: MessageInitShape<S>): Promise<void> => {
    const type = schema.typeName;
    const body = encodeEvent({ event_id: requestId(), type, version: 1n, key: run_id, occurred_at: new Date(), payload: toBinary(schema, create(schema, message)), trace: {} });
    const message_headers = headers();
    message_headers.set(HEADER_TYPE, type);
    const say = () => bus.js.publish(eventSubject(bus, 'STOCK', eventBucket(run_id), 'inventory'), body, { headers: message_headers });
    said.push(say);
    await say();
  };
  return Object.assign(publish, {
    async again() {
      for (const say of said) await say();
    },
  });
}
