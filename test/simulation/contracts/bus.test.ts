// The same suite over NATS with MariaDB and over what the simulation has in their place.
import { headers } from '@nats-io/transport-node';
import { startConsumer } from '#kit/bus/consumer.ts';
import { listDeadLetters } from '#kit/bus/dlq.ts';
import { encodeEvent, HEADER_TYPE } from '#kit/bus/envelope.ts';
import { eventBucket, eventSubject, streamName } from '#kit/bus/streams.ts';
import { testBus, testEvent } from '#kit/bus/testing.ts';
import { testDatabase, until } from '#kit/store/testing.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { Faults } from '../faults.ts';
import { Inbox, SimBus } from '../memory/bus.ts';
import { Net } from '../process.ts';
import { Scheduler, START_MS } from '../scheduler.ts';
import { busContract } from './bus_contract.ts';

const DAY_MS = 86_400_000;

busContract('in memory', async (_t, fails) => {
  const scheduler = new Scheduler(1);
  const bus = new SimBus(new Net(scheduler, new Faults(scheduler)));
  const inbox = new Inbox();
  const effects: string[] = [];
  const left = new Map<string, number>();
  bus.subscribe({
    name: 'watcher',
    async deliver({ event_id }) {
      if (inbox.has(event_id)) return;
      const failing = left.get(event_id)!;
      left.set(event_id, failing - 1);
      if (failing > 0) throw new Error('not yet');
      inbox.add(event_id);
      effects.push(event_id);
    },
  });
  return {
    async publish(times) {
      const event = bus.append('Happened', 'key', undefined);
      left.set(event.event_id, fails());
      for (let again = 1; again < times; again += 1) bus.publish(event);
      return event.event_id;
    },
    settled: async () => void (await scheduler.run(START_MS + DAY_MS, 100_000)),
    effects: async () => effects,
    dead: async () => [...new Set(bus.dead_letters.map(({ event }) => event.event_id))],
  };
});

busContract('NATS and MariaDB', async (t, fails) => {
  const [server, store] = await Promise.all([testBus(), testDatabase(['CREATE TABLE effect (n BIGINT AUTO_INCREMENT PRIMARY KEY, event_id VARCHAR(64) NOT NULL)'])]);
  t.teardown(() => server.stop());
  t.teardown(() => store.stop());
  const { bus } = server;
  const left = new Map<string, number>();
  const consumer = await startConsumer({
    nats: bus, db: store.db, stream: 'ORDER', durable: 'watcher', service: 'test', log: silentLog(), backoff_base_ms: 5, backoff_cap_ms: 20,
    async handle({ event_id }, tx) {
      await tx.execute('INSERT INTO effect (event_id) VALUES (?)', [event_id]);
      const failing = left.get(event_id)!;
      left.set(event_id, failing - 1);
      if (failing > 0) throw new Error('not yet');
    },
  });
  t.teardown(() => consumer.stop());
  return {
    async publish(times) {
      const event = testEvent('key');
      left.set(event.event_id, fails());
      const with_type = headers();
      with_type.set(HEADER_TYPE, event.type);
      for (let time = 0; time < times; time += 1) await bus.js.publish(eventSubject(bus, event.stream, eventBucket(event.key), 'order'), encodeEvent({ ...event, trace: {} }), { headers: with_type });
      return event.event_id;
    },
    async settled() {
      await until(async () => {
        const { num_pending, num_ack_pending } = await bus.jsm.consumers.info(streamName(bus, 'ORDER'), 'watcher');
        return num_pending + num_ack_pending === 0;
      });
    },
    effects: async () => (await store.db.query<{ event_id: string }>('SELECT event_id FROM effect ORDER BY n')).map(({ event_id }) => event_id),
    dead: async () => (await listDeadLetters(bus)).letters.map(({ event_id }) => event_id),
  };
});
