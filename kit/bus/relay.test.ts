import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { portOf, startProxy, testDatabase, through, until } from '#kit/store/testing.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { Bus } from './bus.ts';
import { appendEvents, PUBLISHED_SEQUENCE, type OutgoingEvent } from './outbox.ts';
import { relayStore } from './relay_store.ts';
import { startRelay, type Relay } from './relay.ts';
import { republish } from './republish.ts';
import { eventBucket, eventSubject, streamName } from './streams.ts';
import { contents, keysOfBucket, testBus, testEvent } from './testing.ts';

const log = silentLog();

/** Each test has streams and a database of its own: they count and break what they find. */
async function fresh(t: { teardown(fn: () => Promise<void>): void }, service = 'order') {
  const [bus, store] = await Promise.all([testBus(service), testDatabase(['CREATE TABLE step (n BIGINT AUTO_INCREMENT PRIMARY KEY, event_id VARCHAR(64) NOT NULL)'], { service })]);
  t.teardown(() => bus.stop());
  t.teardown(() => store.stop());
  const relay = (nats: Bus = bus.bus, db: Database = store.db, more: object = {}): Relay => {
    const started = startRelay({ db, nats, log, service, poll_ms: 50, ...more });
    t.teardown(() => started.stop());
    return started;
  };
  return { bus, store, db: store.db, nats: bus.bus, relay };
}

/** Events of the outbox that the relay has not noted as published. */
async function unpublished(db: Database): Promise<number> {
  const [row] = await db.query<{ n: bigint }>(`SELECT COUNT(*) AS n FROM outbox WHERE sequence > ${PUBLISHED_SEQUENCE}`);
  return Number(row?.n);
}

const append = (db: Database, ...events: OutgoingEvent[]) => db.transaction((tx) => appendEvents(tx, events));

test('the sequence of a bucket is the order of commits, though the transactions overlap', async (t) => {
  const { db, relay, nats } = await fresh(t);
  const keys = keysOfBucket(3, 5);
  await db.query("INSERT INTO outbox_partition VALUES ('ORDER', 3, 0)");
  // The slow one begins first and writes its event first, but commits last.
  const release = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const slow = testEvent(keys[0]!);
  const slowly = db.transaction(async (tx) => {
    await appendEvents(tx, [slow]);
    begun.resolve();
    await release.promise;
  });
  await begun.promise;
  const quick = testEvent(keys[1]!);
  await append(db, quick);
  release.resolve();
  await slowly;
  const rows = await db.query<{ event_id: string }>('SELECT event_id FROM outbox ORDER BY sequence');
  t.deepEqual(rows.map((row) => row.event_id), [quick.event_id, slow.event_id]);
  await relay().idle();
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), [quick.event_id, slow.event_id]);
});

test('under many writers nothing is lost, nothing comes twice, and each bucket keeps the order of its outbox', async (t) => {
  const { db, relay, nats } = await fresh(t);
  const running = relay();
  const keys = Array.from({ length: 40 }, (_, index) => `order-${index}`);
  await Promise.all(
    keys.map(async (key, index) => {
      for (let round = 0; round < 5; round += 1) {
        // Two buckets a transaction, in whatever order the caller names them.
        await append(db, testEvent(key), testEvent(keys[(index + 7 * round) % keys.length]!));
      }
    }),
  );
  await running.idle();
  const stored = await contents(nats, 'ORDER');
  t.is(stored.length, 400);
  const rows = await db.query<{ event_id: string; bucket: number; sequence: bigint }>('SELECT event_id, bucket, sequence FROM outbox ORDER BY bucket, sequence');
  t.is(await unpublished(db), 0);
  for (let bucket = 0; bucket < 16; bucket += 1) {
    const mine = rows.filter((row) => row.bucket === bucket);
    t.deepEqual(mine.map((row) => row.sequence), mine.map((_, index) => BigInt(index + 1)), 'no gaps');
    const subject = eventSubject({ prefix: '' }, 'ORDER', bucket, 'order');
    t.deepEqual(stored.filter((event) => event.subject === subject).map((event) => event.id), mine.map((row) => row.event_id));
  }
});

test('transactions that touch the same buckets in other orders never deadlock', async (t) => {
  const { store } = await fresh(t);
  const db = await store.another({ acquire_timeout_ms: 60_000 });
  const [one, two, three] = [1, 2, 3].map((bucket) => keysOfBucket(bucket, 1)[0]!);
  const orders = [[one, two, three], [three, two, one], [two, three, one]];
  const writes = Array.from({ length: 90 }, (_, index) => db.transaction((tx) => appendEvents(tx, orders[index % 3]!.map((key) => testEvent(key!))), { attempts: 1 }));
  await t.notThrowsAsync(Promise.all(writes));
});

test('a transaction that is rolled back publishes nothing and leaves no gap', async (t) => {
  const { db, relay, nats } = await fresh(t);
  const [first, second, third] = keysOfBucket(5, 3).map((key) => testEvent(key));
  await append(db, first!);
  await t.throwsAsync(
    db.transaction(async (tx) => {
      await appendEvents(tx, [second!]);
      tx.beforeCommit(async () => {
        throw new Error('no');
      });
    }),
  );
  await append(db, third!);
  await relay().idle();
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), [first!.event_id, third!.event_id]);
});

test('events of a part that was undone are not published, those before and after it are', async (t) => {
  const { db, relay, nats } = await fresh(t);
  const events = keysOfBucket(5, 4).map((key) => testEvent(key));
  await db.transaction(async (tx) => {
    const empty = await tx.savepoint();
    await appendEvents(tx, [events[0]!]);
    await empty.rollback();
    await appendEvents(tx, [events[1]!]);
    const point = await tx.savepoint();
    await appendEvents(tx, [events[2]!]);
    await point.rollback();
    await appendEvents(tx, [events[3]!]);
  });
  await relay().idle();
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), [events[1]!.event_id, events[3]!.event_id]);
});

test('a commit wakes the relay, also that of another process', async (t) => {
  const { db, store, nats, relay, bus } = await fresh(t);
  await append(db, testEvent('a'));
  // Polling so rarely that only the wake-up can be the reason.
  const running = relay(nats, db, { poll_ms: 600_000, lease_ttl_ms: 600_000 });
  await running.idle();
  await append(db, testEvent('a'));
  await until(async () => (await contents(nats, 'ORDER')).length === 2);
  const other_db = await store.another();
  relay(await bus.another(), other_db, { poll_ms: 600_000, lease_ttl_ms: 600_000 });
  await append(other_db, testEvent('a'));
  await until(async () => (await contents(nats, 'ORDER')).length === 3);
  t.pass();
});

test('a relay that died between publishing and noting it leaves no duplicate and no loss', async (t) => {
  const { db, nats, relay } = await fresh(t);
  const events = keysOfBucket(7, 4).map((key) => testEvent(key));
  await append(db, events[0]!, events[1]!);
  const first = relay();
  await first.idle();
  await first.stop();
  // As if the process had been killed before the mark: the stream is two ahead of the database. The id is not the
  // event's own, so that the server's duplicate window can't be what helps.
  await db.query('UPDATE outbox_relay SET published_sequence = 0, subject_sequence = 0');
  await nats.jsm.streams.update(streamName(nats, 'ORDER'), { duplicate_window: 100e6 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await append(db, events[2]!, events[3]!);
  await relay().idle();
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), events.map((event) => event.event_id));
});

test('an owner whose lease has passed on cannot publish over its successor, nor move the progress', async (t) => {
  const { db, nats, relay } = await fresh(t);
  const events = keysOfBucket(2, 2).map((key) => testEvent(key));
  await append(db, events[0]!);
  const old = relayStore(db, 'frozen');
  const { owned: all, waiting: [owned] } = await old.claim(60_000);
  t.is(all.length, 16, 'the stream has an event, so all its buckets are taken');
  t.is(owned?.bucket, 2);
  await db.query('UPDATE outbox_relay SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND');
  await relay().idle();
  t.false(await old.mark([{ ...owned!, published_sequence: 7n, subject_sequence: 7n }]));
  t.is(await unpublished(db), 0);
  t.deepEqual(await db.query('SELECT published_sequence FROM outbox_relay WHERE bucket = 2'), [{ published_sequence: 1n }] as never);
  const late = nats.js.publish(eventSubject(nats, 'ORDER', 2, 'order'), 'x', { expect: { lastSubjectSequence: Number(owned!.subject_sequence) } });
  await t.throwsAsync(late, { message: /wrong last sequence/ });
  await append(db, events[1]!);
  await until(async () => (await contents(nats, 'ORDER')).length === 2);
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), events.map((event) => event.event_id));
});

test('while NATS is away events wait, and go on with the one that failed', async (t) => {
  const { db, bus, relay, nats } = await fresh(t);
  const proxy = await startProxy(portOf(bus.url));
  t.teardown(() => proxy.stop());
  const far = await bus.another(through(bus.url, proxy));
  const events = keysOfBucket(9, 6).map((key) => testEvent(key));
  relay(far);
  await append(db, events[0]!);
  await until(async () => (await contents(nats, 'ORDER')).length === 1);
  await proxy.cut();
  await append(db, ...events.slice(1));
  await until(async () => (await unpublished(db)) === 5);
  await proxy.restore();
  await until(async () => (await contents(nats, 'ORDER')).length === 6);
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), events.map((event) => event.event_id));
});

test('answers of NATS that are lost make no duplicate', async (t) => {
  const { db, bus, relay, nats } = await fresh(t);
  const proxy = await startProxy(portOf(bus.url));
  t.teardown(() => proxy.stop());
  const far = await bus.another(through(bus.url, proxy));
  await nats.jsm.streams.update(streamName(nats, 'ORDER'), { duplicate_window: 100e6 });
  const events = keysOfBucket(4, 3).map((key) => testEvent(key));
  relay(far);
  await append(db, events[0]!);
  await until(async () => (await unpublished(db)) === 0);
  proxy.swallowAnswers();
  await append(db, events[1]!, events[2]!);
  await until(async () => (await contents(nats, 'ORDER')).length === 2);
  await proxy.cut();
  await proxy.restore();
  await until(async () => (await contents(nats, 'ORDER')).length === 3);
  await until(async () => (await unpublished(db)) === 0);
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), events.map((event) => event.event_id));
});

test('two services publish into one stream without meeting', async (t) => {
  const { db, nats, relay, bus, store } = await fresh(t);
  const key = keysOfBucket(1, 1)[0]!;
  relay();
  const other = await testDatabase([], { service: 'aftersales' });
  t.teardown(() => other.stop());
  const theirs = startRelay({ db: other.db, nats: await bus.another(), log, service: 'aftersales', poll_ms: 50 });
  t.teardown(() => theirs.stop());
  await Promise.all(Array.from({ length: 20 }, async () => Promise.all([append(db, testEvent(key)), append(other.db, testEvent(key))])));
  await until(async () => (await contents(nats, 'ORDER')).length === 40);
  const subjects = new Set((await contents(nats, 'ORDER')).map((event) => event.subject));
  t.deepEqual([...subjects].toSorted(), ['order.v1.01', 'order.v1.01.aftersales']);
  t.truthy(store);
});

test('a database restored from a backup publishes its new events', async (t) => {
  const { db, nats, relay } = await fresh(t);
  const [lost, kept] = keysOfBucket(6, 2).map((key) => testEvent(key));
  await append(db, lost!);
  const first = relay();
  await first.idle();
  await first.stop();
  await db.query('DELETE FROM outbox');
  await db.query('UPDATE outbox_partition SET last_sequence = 0');
  await db.query('UPDATE outbox_relay SET published_sequence = 0, subject_sequence = 0');
  await append(db, kept!);
  await relay().idle();
  t.deepEqual((await contents(nats, 'ORDER')).map((event) => event.id), [lost!.event_id, kept!.event_id]);
});

test('events are published again on demand, and the relay goes on beside it', async (t) => {
  const { db, nats, relay } = await fresh(t);
  const events = keysOfBucket(8, 3).map((key) => testEvent(key));
  await append(db, events[0]!, events[1]!);
  const running = relay();
  await running.idle();
  t.is(await republish(db, nats, { stream: 'ORDER', since: new Date(0), until: new Date(Date.now() + 60_000) }), 2);
  await append(db, events[2]!);
  await running.idle();
  t.is((await contents(nats, 'ORDER')).length, 5);
  t.is((await contents(nats, 'ORDER')).at(-1)?.id, events[2]!.event_id);
  t.is(eventBucket(events[0]!.key), 8);
});
