import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { headers } from '@nats-io/transport-node';
import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { StoreUnavailable } from '#kit/store/errors.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import { portOf, startProxy, testDatabase, through, until } from '#kit/store/testing.ts';
import type { Bus } from './bus.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type ReceivedEvent } from './consumer.ts';
import { countDeadLetters, discardDeadLetter, getDeadLetter, listDeadLetters, replayDeadLetter, replayDeadLetters } from './dlq.ts';
import { encodeEvent, HEADER_TYPE } from './envelope.ts';
import type { OutgoingEvent } from './outbox.ts';
import { eventBucket, eventSubject, streamName } from './streams.ts';
import { subscribeEvents } from './subscribe.ts';
import { keysOfBucket, testBus, testEvent } from './testing.ts';

const log = silentLog();
const EFFECT = 'CREATE TABLE effect (n BIGINT AUTO_INCREMENT PRIMARY KEY, event_id VARCHAR(64) NOT NULL)';

async function fresh(t: { teardown(fn: () => Promise<void>): void }) {
  const [bus, store] = await Promise.all([testBus(), testDatabase([EFFECT])]);
  t.teardown(() => bus.stop());
  t.teardown(() => store.stop());
  const consume = async (handle: ConsumerOptions['handle'], more: Partial<ConsumerOptions> = {}) => {
    const consumer = await startConsumer({
      nats: bus.bus, db: store.db, stream: 'ORDER', durable: 'watcher', handle, service: 'test', log, backoff_base_ms: 5, backoff_cap_ms: 20, ...more,
    });
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

const apply = async (event: ReceivedEvent, tx: Tx) => void (await tx.execute('INSERT INTO effect (event_id) VALUES (?)', [event.event_id]));
const effects = async (db: Database) => (await db.query<{ event_id: string }>('SELECT event_id FROM effect ORDER BY n')).map((row) => row.event_id);
const pending = async (nats: Bus, durable = 'watcher') => {
  const info = await nats.jsm.consumers.info(streamName(nats, 'ORDER'), durable);
  return info.num_pending + info.num_ack_pending;
};

test('an event has one effect, however often and to however many processes it is delivered', async (t) => {
  const { nats, db, store, consume } = await fresh(t);
  const events = Array.from({ length: 20 }, (_, index) => testEvent(`key-${index}`));
  await publish(nats, ...events, ...events, ...events);
  await consume(apply);
  await consume(apply, { db: await store.another() });
  await until(async () => (await pending(nats)) === 0);
  t.deepEqual((await effects(db)).toSorted(), events.map((event) => event.event_id).toSorted());
});

test('replaying the whole stream changes nothing', async (t) => {
  const { nats, db, consume } = await fresh(t);
  await publish(nats, ...Array.from({ length: 10 }, (_, index) => testEvent(`key-${index}`)));
  const first = await consume(apply);
  await until(async () => (await effects(db)).length === 10 && (await pending(nats)) === 0);
  await first.stop();
  await nats.jsm.consumers.delete(streamName(nats, 'ORDER'), 'watcher');
  let handled = 0;
  await consume(async (event, tx) => {
    handled += 1;
    await apply(event, tx);
  });
  await until(async () => (await pending(nats)) === 0);
  t.is(handled, 0);
  t.is((await effects(db)).length, 10);
});

test('what a handler receives is what was sent, and other types are passed over', async (t) => {
  const { nats, consume } = await fresh(t);
  const wanted = testEvent('订单', { type: 'test.v1.Wanted', version: 2n ** 62n, payload: Buffer.from([0, 1, 255]) });
  await publish(nats, testEvent('a'), wanted);
  const received = Promise.withResolvers<ReceivedEvent>();
  await consume(async (event) => received.resolve(event), { types: ['test.v1.Wanted'] });
  const { event_id, type, version, key, payload, bucket, tries } = await received.promise;
  t.deepEqual({ event_id, type, version, key, bucket, tries }, { event_id: wanted.event_id, type: 'test.v1.Wanted', version: 2n ** 62n, key: '订单', bucket: eventBucket('订单'), tries: 0 });
  t.deepEqual([...payload], [0, 1, 255]);
  await until(async () => (await pending(nats)) === 0);
});

test('a poisonous event is tried 8 times, becomes a dead letter, can be replayed and then has its effect', async (t) => {
  const { nats, db, consume } = await fresh(t);
  const poison = testEvent('poison');
  const good = testEvent('good');
  let tries = 0;
  let healed = false;
  const seen_tries: number[] = [];
  await consume(async (event, tx) => {
    if (event.event_id !== poison.event_id) return apply(event, tx);
    tries += 1;
    seen_tries.push(event.tries);
    await apply(event, tx);
    if (!healed) throw new Error('cannot be handled, says 13800138000');
  });
  await publish(nats, poison, good);
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1);
  t.is(tries, 8);
  t.deepEqual(seen_tries, [0, 1, 2, 3, 4, 5, 6, 7]);
  t.deepEqual(await effects(db), [good.event_id]);

  const { letters, next } = await listDeadLetters(nats, { stream: 'ORDER', consumer: 'watcher' });
  t.is(next, undefined);
  t.like(letters[0], { event_id: poison.event_id, key: 'poison', version: poison.version, consumer: 'watcher', tries: 8, type: 'test.v1.Happened' });
  t.is(letters[0]?.reason, 'Error: cannot be handled, says 138****8000', 'no personal data in a reason');

  t.true((await replayDeadLetter(nats, letters[0]!.id)).ok);
  await until(async () => tries === 16 && (await countDeadLetters(nats))['watcher'] === 1);
  healed = true;
  t.is(await replayDeadLetters(nats), 1);
  await until(async () => (await effects(db)).length === 2);
  t.deepEqual(await countDeadLetters(nats), {});
  t.like(await replayDeadLetter(nats, letters[0]!.id), { ok: false, error: { reason: 'DEAD_LETTER_NOT_FOUND' } });
});

test('a terminal error, or bytes that are no event, are dead letters at once and can be discarded', async (t) => {
  const { nats, consume } = await fresh(t);
  let calls = 0;
  await consume(async () => {
    calls += 1;
    throw new TerminalError('never');
  });
  await publish(nats, testEvent('a'));
  await nats.js.publish(eventSubject(nats, 'ORDER', 0, 'order'), 'garbage');
  await until(async () => (await countDeadLetters(nats))['watcher'] === 2);
  t.is(calls, 1);
  const first = await listDeadLetters(nats, {}, { limit: 1 });
  const second = await listDeadLetters(nats, {}, { limit: 1, after: first.next ?? -1 });
  t.is(first.letters.length + second.letters.length, 2);
  for (const { id } of [...first.letters, ...second.letters]) t.true((await discardDeadLetter(nats, id)).ok);
  t.like(await getDeadLetter(nats, first.letters[0]!.id), { ok: false });
  t.deepEqual(await countDeadLetters(nats), {});
});

test('a dead letter is replayed to the consumer that gave it up and to no other', async (t) => {
  const { nats, consume } = await fresh(t);
  let others = 0;
  await consume(async () => void (others += 1), { durable: 'other' });
  let broken = true;
  let done = 0;
  await consume(async () => {
    if (broken) throw new TerminalError('broken');
    done += 1;
  });
  await publish(nats, testEvent('a'));
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1 && others === 1);
  broken = false;
  await replayDeadLetters(nats);
  await until(() => done === 1);
  await until(async () => (await pending(nats, 'other')) === 0);
  t.is(others, 1);
});

test('an outage of the database pauses the consumer and uses up no try', async (t) => {
  const { nats, bus, store, db, consume } = await fresh(t);
  const proxy = await startProxy(portOf(store.url));
  t.teardown(() => proxy.stop());
  // A cut proxy refuses at once; a shorter wait for connections would only measure how busy the machine is.
  const far = await store.another({ url: through(store.url, proxy) });
  const event = testEvent('a');
  let calls = 0;
  const consumer = await consume(
    async (received, tx) => {
      calls += 1;
      t.is(received.tries, 0);
      if (calls === 1) await proxy.cut();
      await apply(received, tx);
    },
    { db: far, max_deliver: 2 },
  );
  await publish(nats, event, testEvent('b'), testEvent('c'));
  await until(() => consumer.paused());
  // Much longer than all tries would last.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  t.true(consumer.paused());
  await proxy.restore();
  await until(async () => (await effects(db)).length === 3);
  t.false(consumer.paused());
  t.deepEqual(await countDeadLetters(nats), {});
  t.is((await db.query('SELECT 1 FROM delivery WHERE tries > 0')).length, 0);
  t.truthy(bus);
});

test('another store that a handler needs pauses it too', async (t) => {
  const { nats, db, consume } = await fresh(t);
  let up = false;
  let calls = 0;
  const consumer = await consume(
    async (event, tx) => {
      calls += 1;
      if (!up) throw new Error('wrapped', { cause: new StoreUnavailable('redis is away') });
      await apply(event, tx);
    },
    { storesReady: async () => up, max_deliver: 1 },
  );
  await publish(nats, testEvent('a'));
  await until(() => consumer.paused());
  const before = calls;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  t.is(calls, before, 'nothing is tried while the store is away');
  up = true;
  await until(async () => (await effects(db)).length === 1);
  t.deepEqual(await countDeadLetters(nats), {});
});

test('an event that kills its process over and over becomes a dead letter', async (t) => {
  const { nats, bus, store } = await fresh(t);
  await publish(nats, testEvent('killer'));
  const settings = JSON.stringify({ mysql_url: store.url, nats_url: bus.url, token: bus.token, prefix: nats.prefix });
  let killed = 0;
  let running: ChildProcess | undefined;
  const over = new AbortController();
  const supervisor = (async () => {
    while (!over.signal.aborted) {
      running = spawn(process.execPath, [fileURLToPath(new URL('testing_crash.ts', import.meta.url)), settings], { stdio: 'ignore' });
      const [, signal] = (await once(running, 'exit')) as [number | null, string | null];
      if (signal === 'SIGKILL') killed += 1;
    }
  })();
  await until(async () => (await countDeadLetters(nats))['watcher'] === 1);
  over.abort();
  running?.kill('SIGTERM');
  await supervisor;
  t.is(killed, 5, 'the first delivery and the 4 tries that are counted');
  const { letters } = await listDeadLetters(nats);
  t.regex(letters[0]?.reason ?? '', /process ended/);
});

test('with `ordered` the later events of a bucket wait for the one that fails', async (t) => {
  const { nats, db, store, consume } = await fresh(t);
  const [first, second, third] = keysOfBucket(11, 3).map((key) => testEvent(key));
  const elsewhere = testEvent(keysOfBucket(12, 1)[0]!);
  let failures = 0;
  const handle = async (event: ReceivedEvent, tx: Tx) => {
    if (event.event_id === first!.event_id && failures < 3) {
      failures += 1;
      throw new Error('not yet');
    }
    await apply(event, tx);
  };
  await consume(handle, { ordered: true, backoff_base_ms: 50 });
  await consume(handle, { ordered: true, backoff_base_ms: 50, db: await store.another() });
  await publish(nats, first!, second!, third!, elsewhere);
  await until(async () => (await effects(db)).length === 4);
  t.deepEqual((await effects(db)).filter((id) => id !== elsewhere.event_id), [first!.event_id, second!.event_id, third!.event_id]);
});

test('no more is handled at once than allowed, and stop waits for what is under way', async (t) => {
  const { nats, db, consume } = await fresh(t);
  await publish(nats, ...Array.from({ length: 12 }, (_, index) => testEvent(`key-${index}`)));
  let now = 0;
  let most = 0;
  const entered = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const consumer = await consume(
    async (event, tx) => {
      now += 1;
      most = Math.max(most, now);
      if (most === 3) entered.resolve();
      await released.promise;
      await apply(event, tx);
      now -= 1;
    },
    { max_in_flight: 3 },
  );
  await entered.promise;
  const stopped = consumer.stop();
  released.resolve();
  await stopped;
  t.is(now, 0);
  t.is(most, 3);
  t.is((await effects(db)).length, 3);
  await consume(apply);
  await until(async () => (await effects(db)).length === 12);
});

test('NATS may go and come back', async (t) => {
  const { nats, bus, db, consume } = await fresh(t);
  const proxy = await startProxy(portOf(bus.url));
  t.teardown(() => proxy.stop());
  await consume(apply, { nats: await bus.another(through(bus.url, proxy)) });
  await publish(nats, testEvent('a'));
  await until(async () => (await effects(db)).length === 1);
  await proxy.cut();
  await publish(nats, testEvent('b'));
  await proxy.restore();
  await until(async () => (await effects(db)).length === 2);
  t.pass();
});

test('a watcher sees every event once, in order, also over a lost connection', async (t) => {
  const { nats, bus } = await fresh(t);
  const proxy = await startProxy(portOf(bus.url));
  t.teardown(() => proxy.stop());
  const seen: string[] = [];
  const events = Array.from({ length: 6 }, (_, index) => testEvent(`key-${index}`));
  await publish(nats, events[0]!);
  const watcher = await subscribeEvents({ nats: await bus.another(through(bus.url, proxy)), stream: 'ORDER', log, from: 'all', handle: (event) => void seen.push(event.event_id) });
  t.teardown(() => watcher.stop());
  await publish(nats, events[1]!, events[2]!);
  await until(() => seen.length === 3);
  await proxy.cut();
  await publish(nats, events[3]!, events[4]!);
  await proxy.restore();
  await publish(nats, events[5]!);
  await until(() => seen.length >= 6);
  t.deepEqual(seen, events.map((event) => event.event_id));
});
