// Events that are handled together keep every promise that each has by itself.
import { headers } from '@nats-io/transport-node';
import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import { portOf, startProxy, testDatabase, through, until } from '#kit/store/testing.ts';
import type { Bus } from './bus.ts';
import { startConsumer, type ConsumerOptions, type ReceivedEvent } from './consumer.ts';
import { countDeadLetters, listDeadLetters } from './dlq.ts';
import { encodeEvent, HEADER_TYPE } from './envelope.ts';
import type { OutgoingEvent } from './outbox.ts';
import { eventBucket, eventSubject, streamName } from './streams.ts';
import { testBus, testEvent } from './testing.ts';

const log = silentLog();
const EFFECT = 'CREATE TABLE effect (n BIGINT AUTO_INCREMENT PRIMARY KEY, event_id VARCHAR(64) NOT NULL)';

async function fresh(t: { teardown(fn: () => Promise<void>): void }) {
  const [bus, store] = await Promise.all([testBus(), testDatabase([EFFECT], { multiple_statements: true })]);
  t.teardown(() => bus.stop());
  t.teardown(() => store.stop());
  const consume = async (more: Partial<ConsumerOptions>) => {
    const consumer = await startConsumer({ nats: bus.bus, db: store.db, stream: 'ORDER', durable: 'watcher', service: 'test', log, backoff_base_ms: 5, backoff_cap_ms: 20, ...more });
    t.teardown(() => consumer.stop());
    return consumer;
  };
  return { bus, store, db: store.db, nats: bus.bus, consume };
}

async function publish(nats: Bus, ...events: OutgoingEvent[]): Promise<void> {
  for (const event of events) {
    const with_type = headers();
    with_type.set(HEADER_TYPE, event.type);
    await nats.js.publish(eventSubject(nats, event.stream, eventBucket(event.key), 'order'), encodeEvent({ ...event, trace: {} }), { headers: with_type });
  }
}

const apply = async (events: readonly ReceivedEvent[], tx: Tx) => void (await tx.execute(`INSERT INTO effect (event_id) VALUES ${events.map(() => '(?)').join(', ')}`, events.map(({ event_id }) => event_id)));
const effects = async (db: Database) => (await db.query<{ event_id: string }>('SELECT event_id FROM effect ORDER BY n')).map((row) => row.event_id);
const pending = async (nats: Bus) => {
  const info = await nats.jsm.consumers.info(streamName(nats, 'ORDER'), 'watcher');
  return info.num_pending + info.num_ack_pending;
};
const idsOf = (events: readonly { event_id: string }[]) => events.map(({ event_id }) => event_id);
const many = (count: number) => Array.from({ length: count }, (_, index) => testEvent(`key-${index}`));

test('events that wait are handled together, each once, also when they come again and to two processes', async (t) => {
  const { nats, db, store, consume } = await fresh(t);
  const events = many(40);
  await publish(nats, ...events, ...events);
  let calls = 0;
  const handleMany = async (received: readonly ReceivedEvent[], tx: Tx) => {
    calls += 1;
    await apply(received, tx);
  };
  await Promise.all([consume({ handleMany }), store.another().then((other) => consume({ handleMany, db: other }))]);
  await until(async () => (await pending(nats)) === 0);
  t.deepEqual((await effects(db)).toSorted(), idsOf(events).toSorted());
  t.true(calls < events.length / 2, `${calls} transactions for ${events.length} events`);
});

test('those that had their effect are left out of a batch, the others have theirs', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const events = many(12);
  await db.query(`INSERT INTO inbox (consumer, event_id, created_at) VALUES ${[1, 4, 7].map(() => "('watcher', ?, UTC_TIMESTAMP(3))").join(', ')}`, [1, 4, 7].map((index) => events[index]!.event_id));
  await publish(nats, ...events);
  await consume({ handleMany: apply });
  await until(async () => (await pending(nats)) === 0);
  t.deepEqual((await effects(db)).toSorted(), idsOf(events.filter((_, index) => ![1, 4, 7].includes(index))).toSorted());
});

test('events of one key are never in one call, and come in order', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const events = Array.from({ length: 30 }, (_, index) => testEvent(`key-${index % 5}`));
  await publish(nats, ...events);
  await consume({
    async handleMany(received, tx) {
      t.is(new Set(received.map(({ key }) => key)).size, received.length);
      await apply(received, tx);
    },
  });
  await until(async () => (await pending(nats)) === 0);
  const keyOf = new Map(events.map(({ event_id, key }) => [event_id, key]));
  const seen = await effects(db);
  for (let index = 0; index < 5; index += 1) {
    t.deepEqual(seen.filter((id) => keyOf.get(id) === `key-${index}`), idsOf(events.filter(({ key }) => key === `key-${index}`)));
  }
});

test('a poisonous event takes nothing from its company: they have their effect, and it becomes a dead letter after its own tries', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const events = many(20);
  const poison = events[7]!;
  const tries: number[] = [];
  await publish(nats, ...events);
  await consume({
    async handleMany(received, tx) {
      await apply(received, tx);
      const bad = received.find(({ event_id }) => event_id === poison.event_id);
      if (bad === undefined) return;
      if (received.length === 1) tries.push(bad.tries);
      throw new Error('cannot be handled');
    },
  });
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1 && (await pending(nats)) === 0);
  t.deepEqual(tries, [0, 1, 2, 3, 4, 5, 6, 7], 'what failed in company is no try of its own');
  t.deepEqual((await effects(db)).toSorted(), idsOf(events.filter((event) => event !== poison)).toSorted());
  t.is((await listDeadLetters(nats)).letters[0]?.event_id, poison.event_id);
});

test('one that hangs does not hold the others', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const events = many(10);
  await publish(nats, ...events);
  await consume({
    // Enough for those that do not hang, also on a machine that is busy.
    transaction_timeout_ms: 1_500,
    max_deliver: 2,
    async handleMany(received, tx) {
      await apply(received, tx);
      if (received.some(({ key }) => key === 'key-3')) await new Promise(() => {});
    },
  });
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1 && (await pending(nats)) === 0);
  t.deepEqual((await effects(db)).toSorted(), idsOf(events.filter(({ key }) => key !== 'key-3')).toSorted());
});

test('an outage of the database uses up no try of a batch', async (t) => {
  const { nats, store, db, consume } = await fresh(t);
  const proxy = await startProxy(portOf(store.url));
  t.teardown(() => proxy.stop());
  let calls = 0;
  const consumer = await consume({
    db: await store.another({ url: through(store.url, proxy), multiple_statements: true }),
    max_deliver: 1,
    // What was under way from the server when the outage began comes again after this.
    ack_wait_ms: 1_000,
    async handleMany(received, tx) {
      calls += 1;
      if (calls === 1) await proxy.cut();
      await apply(received, tx);
    },
  });
  const events = many(10);
  await publish(nats, ...events);
  await until(() => consumer.paused());
  await proxy.restore();
  await until(async () => (await effects(db)).length === 10);
  t.deepEqual(await countDeadLetters(nats), {});
});

test('handlers that name their rows share transactions, and one that fails costs the others nothing', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const events = many(30);
  await publish(nats, ...events);
  await consume({
    max_deliver: 3,
    share: ({ key }) => [`key/${key}`],
    async handle(event, tx) {
      await apply([event], tx);
      if (event.key === 'key-9') throw new Error('cannot be handled');
    },
  });
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1);
  await until(async () => (await effects(db)).length === 29);
  t.deepEqual((await effects(db)).toSorted(), idsOf(events.filter(({ key }) => key !== 'key-9')).toSorted());
});

test('bytes that are no event, and types that nobody asked for, pass a batch by', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const [first, second] = many(2);
  await publish(nats, first!, testEvent('x', { type: 'test.v1.Other' }));
  await nats.js.publish(eventSubject(nats, 'ORDER', 0, 'order'), 'garbage');
  await publish(nats, second!);
  await consume({ types: ['test.v1.Happened'], handleMany: apply });
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1 && (await pending(nats)) === 0);
  t.deepEqual((await effects(db)).toSorted(), idsOf([first!, second!]).toSorted());
});

test('what a handler has to know first is looked up once for all, while no transaction is open, and only what is new is handed on', async (t) => {
  const { nats, db, store, consume } = await fresh(t);
  const events = many(12);
  await db.query("INSERT INTO inbox (consumer, event_id, created_at) VALUES ('watcher', ?, UTC_TIMESTAMP(3))", [events[3]!.event_id]);
  await publish(nats, ...events);
  const only = await store.another({ pool_size: 1, acquire_timeout_ms: 500 });
  const looked: string[][] = [];
  await consume({
    db: only,
    async prepare(received) {
      // There is one connection: whoever held it now would wait for ever.
      await only.query('SELECT 1');
      looked.push(idsOf(received));
      return apply;
    },
  });
  await until(async () => (await pending(nats)) === 0);
  t.deepEqual((await effects(db)).toSorted(), idsOf(events.filter((_, index) => index !== 3)).toSorted());
  t.true(looked.some((ids) => ids.length > 1), 'they were looked up together');
});

test('an event whose look-up fails is tried again by itself, and the others have their effect', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const events = many(8);
  await publish(nats, ...events);
  await consume({
    max_deliver: 2,
    async prepare(received) {
      if (received.some(({ key }) => key === 'key-5')) throw new Error('nothing is known of it');
      return apply;
    },
  });
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1 && (await pending(nats)) === 0);
  t.deepEqual((await effects(db)).toSorted(), idsOf(events.filter(({ key }) => key !== 'key-5')).toSorted());
});

test('a consumer has one kind of handler', async (t) => {
  const { consume } = await fresh(t);
  await t.throwsAsync(consume({}), { message: /one of handle and handleMany/ });
  await t.throwsAsync(consume({ handle: async () => {}, handleMany: apply }), { message: /one of handle and handleMany/ });
});
