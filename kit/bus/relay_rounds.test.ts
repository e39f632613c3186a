// What the relay spends: rounds that many events share, and wake-ups that are sent only to whom they concern.
import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { testDatabase, until } from '#kit/store/testing.ts';
import type { Database } from '#kit/store/mysql.ts';
import { appendEvents, pruneOutbox, PUBLISHED_SEQUENCE, type OutgoingEvent } from './outbox.ts';
import { relayStore } from './relay_store.ts';
import { startRelay } from './relay.ts';
import { contents, keysOfBucket, testBus, testEvent } from './testing.ts';

const log = silentLog();
const NEVER_MS = 600_000;

async function fresh(t: { teardown(fn: () => Promise<void>): void }) {
  const [bus, store] = await Promise.all([testBus(), testDatabase()]);
  t.teardown(() => bus.stop());
  t.teardown(() => store.stop());
  const relay = (db: Database, more: object = {}) => {
    const started = startRelay({ db, nats: bus.bus, log, service: 'order', poll_ms: NEVER_MS, lease_ttl_ms: NEVER_MS, ...more });
    t.teardown(() => started.stop());
    return started;
  };
  return { bus, nats: bus.bus, store, db: store.db, relay };
}

const append = (db: Database, ...events: OutgoingEvent[]) => db.transaction((tx) => appendEvents(tx, events));
const left = async (db: Database) => Number((await db.query<{ n: bigint }>(`SELECT COUNT(*) AS n FROM outbox WHERE sequence > ${PUBLISHED_SEQUENCE}`))[0]?.n);
const keys = Array.from({ length: 16 }, (_, bucket) => keysOfBucket(bucket, 1)[0]!);

/** The same database, and the statements that went through it. */
function listening(db: Database): { db: Database; statements: string[] } {
  const statements: string[] = [];
  const query: Database['query'] = (sql, ...rest) => {
    statements.push(sql.trim().split(/\s+/, 2).join(' '));
    return db.query(sql, ...rest);
  };
  return { db: { ...db, query }, statements };
}

test('events of all buckets are read with one statement and noted with another', async (t) => {
  const { db, nats, relay } = await fresh(t);
  await append(db, testEvent('first'));
  const { db: heard, statements } = listening(db);
  await relay(heard).idle();
  statements.length = 0;
  await append(db, ...keys.flatMap((key) => [testEvent(key), testEvent(key), testEvent(key)]));
  await until(async () => (await left(db)) === 0);
  t.deepEqual(statements, ['SELECT stream,', 'UPDATE outbox_relay']);
  t.is((await contents(nats, 'ORDER')).length, 49);
});

test('one bucket whose event cannot be published holds up no other, and goes on where it stood', async (t) => {
  const { db, nats, relay } = await fresh(t);
  const [stuck, ...others] = keys;
  await append(db, testEvent(stuck!, { event_id: 'poison' }), ...others.map((key) => testEvent(key)));
  await append(db, testEvent(stuck!, { event_id: 'behind' }));
  await db.query("UPDATE outbox SET trace = 'not JSON' WHERE event_id = 'poison'");
  const running = relay(db, { poll_ms: 20 });
  await until(async () => (await contents(nats, 'ORDER')).length === 15);
  await until(async () => (await left(db)) === 2);
  await db.query("UPDATE outbox SET trace = '{}' WHERE event_id = 'poison'");
  await running.idle();
  t.deepEqual((await contents(nats, 'ORDER')).slice(15).map(({ id }) => id), ['poison', 'behind']);
});

test('a bucket whose lease has passed on is not moved, those beside it are', async (t) => {
  const { db } = await fresh(t);
  await append(db, testEvent(keys[1]!), testEvent(keys[2]!));
  const old = relayStore(db, 'old');
  const { waiting } = await old.claim(NEVER_MS);
  t.deepEqual(waiting.map(({ bucket }) => bucket).toSorted(), [1, 2]);
  await db.query('UPDATE outbox_relay SET term = term + 1 WHERE bucket = 2');
  t.false(await old.mark(waiting.map((bucket) => ({ ...bucket, published_sequence: 1n, subject_sequence: 9n }))));
  const rows = await db.query<{ bucket: number; published_sequence: bigint }>('SELECT bucket, published_sequence FROM outbox_relay WHERE bucket IN (1, 2) ORDER BY bucket');
  t.deepEqual([...rows], [{ bucket: 1, published_sequence: 1n }, { bucket: 2, published_sequence: 0n }]);
});

test('rows that somebody deleted are not waited for', async (t) => {
  const { db, nats, relay } = await fresh(t);
  const key = keys[3]!;
  await append(db, ...Array.from({ length: 9 }, () => testEvent(key)), testEvent(key, { event_id: 'last' }));
  await db.query("DELETE FROM outbox WHERE event_id <> 'last'");
  await relay(db, { batch: 2 }).idle();
  t.deepEqual((await contents(nats, 'ORDER')).map(({ id }) => id), ['last']);
});

test('more than a round takes goes out in rounds that follow at once, in order', async (t) => {
  const { db, nats, relay } = await fresh(t);
  const events = Array.from({ length: 25 }, () => testEvent(keys[4]!));
  await append(db, ...events);
  relay(db, { batch: 4 });
  await until(async () => (await left(db)) === 0);
  t.deepEqual((await contents(nats, 'ORDER')).map(({ id }) => id), events.map(({ event_id }) => event_id));
});

test('nobody is woken over the bus by the only process, and others once for many commits', async (t) => {
  const { db, store, bus, nats, relay } = await fresh(t);
  let wakes = 0;
  nats.connection.subscribe(`${nats.prefix}wake.>`, { callback: () => void (wakes += 1) });
  await append(db, testEvent('a'));
  await relay(db).idle();
  for (let round = 0; round < 5; round += 1) await append(db, testEvent('a'));
  await until(async () => (await left(db)) === 0);
  await nats.connection.flush();
  t.is(wakes, 0);
  const other_db = await store.another();
  const other = startRelay({ db: other_db, nats: await bus.another(), log, service: 'order', poll_ms: NEVER_MS, lease_ttl_ms: NEVER_MS });
  t.teardown(() => other.stop());
  await other.idle();
  const from_ms = performance.now();
  for (let round = 0; round < 40; round += 1) await append(other_db, testEvent('a'));
  const rounds = (performance.now() - from_ms) / 40;
  await until(async () => (await left(db)) === 0);
  await nats.connection.flush();
  t.true(wakes >= 1 && wakes <= Math.ceil(rounds) + 1, `${wakes} wake-ups in ${rounds} rounds`);
});

test('the first event of a stream is taken up at its commit', async (t) => {
  const { db, nats, relay } = await fresh(t);
  await append(db, testEvent('a'));
  await relay(db).idle();
  await append(db, testEvent('a', { stream: 'NOTIFY' }));
  await until(async () => (await contents(nats, 'NOTIFY')).length === 1);
  t.pass();
});

test('what was published a week ago is deleted, and nothing that was not', async (t) => {
  const { db, relay } = await fresh(t);
  await append(db, ...keys.map((key) => testEvent(key)));
  const running = relay(db);
  await running.idle();
  await running.stop();
  await append(db, testEvent(keys[5]!, { event_id: 'waits' }));
  await db.query('UPDATE outbox SET created_at = UTC_TIMESTAMP(3) - INTERVAL 8 DAY');
  await append(db, testEvent(keys[5]!, { event_id: 'young' }));
  t.is(await pruneOutbox(db), 16);
  t.is(await pruneOutbox(db), 0);
  t.deepEqual((await db.query<{ event_id: string }>('SELECT event_id FROM outbox ORDER BY sequence')).map(({ event_id }) => event_id), ['waits', 'young']);
});
