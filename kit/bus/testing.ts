// For tests of kit and of services: a bus with streams of its own on the run's NATS server.
import { silentLog } from '#kit/telemetry/log.ts';
import { sharedNats } from '../../test/support/stack.ts';
import { openBus, type Bus } from './bus.ts';
import type { OutgoingEvent } from './outbox.ts';
import { eventBucket, ensureStreams, STREAMS, streamName, deadLetterStream, type StreamName } from './streams.ts';

export interface TestBus {
  readonly bus: Bus;
  /** Another connection, as another process would have; by default to the same server. */
  another(url?: string): Promise<Bus>;
  readonly url: string;
  readonly token: string;
  stop(): Promise<void>;
}

export async function testBus(service = 'order'): Promise<TestBus> {
  const server = await sharedNats();
  const prefix = `${server.prefix}-`;
  const opened: Bus[] = [];
  const another = async (url = server.url) => {
    const bus = await openBus({ url, token: server.token, prefix, log: silentLog(), service });
    opened.push(bus);
    return bus;
  };
  const bus = await another();
  await ensureStreams(bus);
  return {
    bus,
    another,
    url: server.url,
    token: server.token,
    async stop() {
      const names = [...STREAMS.map((stream) => streamName(bus, stream)), deadLetterStream(bus)];
      await Promise.all(names.map((name) => bus.jsm.streams.delete(name))).catch(() => {});
      await Promise.all(opened.map((each) => each.close()));
      await server.stop();
    },
  };
}

let made = 0;

/** An event with an id of its own; `key` decides the bucket. */
export function testEvent(key: string, more: Partial<OutgoingEvent> = {}): OutgoingEvent {
  made += 1;
  return {
    event_id: `event-${process.pid}-${made}`,
    stream: 'ORDER',
    type: 'test.v1.Happened',
    version: BigInt(made),
    key,
    occurred_at: new Date(),
    payload: Buffer.from(`payload ${made}`),
    ...more,
  };
}

/** Keys that all fall into one bucket. */
export function keysOfBucket(bucket: number, count: number): string[] {
  const keys: string[] = [];
  for (let index = 0; keys.length < count; index += 1) if (eventBucket(`key-${index}`) === bucket) keys.push(`key-${index}`);
  return keys;
}

export interface StoredEvent {
  readonly subject: string;
  readonly id: string;
  readonly seq: number;
}

/** All that a stream holds now, in order. */
export async function contents(bus: Bus, stream: StreamName): Promise<StoredEvent[]> {
  const name = streamName(bus, stream);
  const { state } = await bus.jsm.streams.info(name);
  const found: StoredEvent[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await bus.jsm.streams.getMessage(name, { seq });
    if (message !== null) found.push({ subject: message.subject.slice(bus.prefix.length), id: message.header.get('Nats-Msg-Id'), seq });
  }
  return found;
}
