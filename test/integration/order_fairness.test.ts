// 20,000 people in two queues with an owner each. One owner is killed in the middle, and Redis forgets everything: the
// order of service is the order of entry, nobody is lost, nobody is served twice.
import test from 'ava';
import { bucketOf } from '#kit/base/hash.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { SYSTEM } from '../../services/order/app/actor.ts';
import type { NewEntry } from '../../services/order/app/ports.ts';
import { QUEUE_BUCKETS } from '../../services/order/domain/entry.ts';
import { BATCH_LIMIT } from '../../services/order/domain/pace.ts';
import { createEntryStore } from '../../services/order/store/entry_store.ts';
import { fresh, openOrder, requestId, runOf, TOMORROW, until, type OrderWorld } from './order_world.ts';
import { startServiceProcess } from './service_child.ts';

const ENTRANTS = 10_000;
const CHUNK = 500;
/** Of each queue; everybody behind is told that it is sold out. */
const PLACES = 500;
const LATECOMERS = 60;
const FIRST = runOf('FAIR1');
const SECOND = runOf('FAIR2');

let world: OrderWorld;
test.before(async () => {
  world = await openOrder();
  // It has made the tables; from here on two processes of their own serve.
  await world.stopService();
});
test.after.always(() => world?.lifecycle.stop());

const store = () => createEntryStore(world.db, { now_ms: () => Date.now(), audit: async () => {}, tellPlaced: async () => {}, tellChanged: async () => {}, tellEntryFailed: async () => {} });

/** One in ten has accompanied needs, two are members of a high level. */
const priorityAt = (index: number): number => (index % 10 === 3 ? 0 : index % 10 > 7 ? 1 : 2);

function entrant(run_id: string, index: number): NewEntry {
  const hour_ms = 3_600_000;
  const departure_ms = Date.now() + 20 * hour_ms;
  return {
    entry_id: uuid7(systemClock, systemRandom),
    account_id: fresh(),
    tenant: 'rail',
    channel: 'WEB',
    request_id: requestId(),
    run_id,
    bucket: bucketOf(run_id, QUEUE_BUCKETS),
    priority: priorityAt(index),
    enter_ms: Date.now(),
    body: {
      journey: { run_id, train_no: 'G1', service_date: TOMORROW, from_station_id: 'bj', to_station_id: 'sh', from_index: 0, to_index: 3, departure_ms, arrival_ms: departure_ms + hour_ms, from_station_name: 'bj', to_station_name: 'sh', distance_m: 300_000 },
      passengers: [{ item_no: 1, passenger_id: fresh(), person: fresh(), passenger_name_masked: '张*', id_number_masked: '1101********1234', passenger_type: 'ADULT', seat_classes: ['SECOND'] }],
      accept_same_train_change: false,
      fares: [{ seat_class: 'SECOND', passenger_type: 'ADULT', fare_fen: 100 }],
    },
  };
}

/** As EntryStore.submit leaves them, all of both queues at one moment. */
async function enterAll(run_ids: readonly string[]): Promise<void> {
  const all = run_ids.flatMap((run_id) => Array.from({ length: ENTRANTS }, (_, index) => entrant(run_id, index)));
  await world.db.transaction(async (tx) => {
    for (let start = 0; start < all.length; start += CHUNK) {
      const chunk = all.slice(start, start + CHUNK);
      await tx.execute(
        `INSERT INTO queue_entry (entry_id, account_id, tenant, channel, request_id, run_id, bucket, state, priority, body, enter_time, next_action_time)
         VALUES ${chunk.map(() => "(?, ?, ?, ?, ?, ?, ?, 'WAITING', ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 60 SECOND)").join(', ')}`,
        chunk.flatMap((entry) => [entry.entry_id, BigInt(entry.account_id), entry.tenant, entry.channel, entry.request_id, entry.run_id, entry.bucket, entry.priority, JSON.stringify(entry.body)]),
      );
    }
  }, { timeout_ms: 60_000 });
}

/** Where two long lists differ first, in words. */
function difference(served_ids: string[], expected: string[]): string {
  const at = expected.findIndex((id, index) => served_ids[index] !== id);
  if (at < 0 && served_ids.length === expected.length) return '';
  return `${served_ids.length} of ${expected.length} served; in place ${at} number ${expected.indexOf(served_ids[at]!)}, and number ${at} in place ${served_ids.indexOf(expected[at]!)}`;
}

const ownerOf = async (run_id: string) => (await world.db.query<{ owner: string }>('SELECT owner FROM lease WHERE name = ? AND expires_at > UTC_TIMESTAMP(3)', [`queue/${bucketOf(run_id, QUEUE_BUCKETS)}`]))[0]?.owner;

test.serial('the order of service is the order of entry, though an owner is killed and Redis forgets', async (t) => {
  const { peers, db, redis } = world;
  for (const run_id of [FIRST, SECOND]) {
    peers.seats.set(run_id, 100_000);
    peers.countdowns.set(run_id, PLACES);
  }
  const env = { ...world.env, ORDER_QUEUE_LEASE_MS: '4000', ORDER_SWEEP_MS: '1000', LOG_LEVEL: 'error' };
  const doomed = await startServiceProcess('order', env);
  world.lifecycle.onStop('doomed', () => doomed.kill());
  const first_owner = await until(() => ownerOf(FIRST));
  const survivor = await startServiceProcess('order', env);
  world.lifecycle.onStop('survivor', () => survivor.kill());
  // The second queue's lease is taken from the first owner until the other process has it.
  await until(async () => {
    const owner = await ownerOf(SECOND);
    if (owner === first_owner) await db.query('UPDATE lease SET expires_at = UTC_TIMESTAMP(3) WHERE name = ? AND owner = ?', [`queue/${bucketOf(SECOND, QUEUE_BUCKETS)}`, first_owner]);
    return owner !== undefined && owner !== first_owner;
  });
  t.is(await ownerOf(FIRST), first_owner);

  await enterAll([FIRST, SECOND]);
  const entries = await db.query<{ entry_id: string; run_id: string; priority: number; sequence: bigint }>('SELECT entry_id, run_id, priority, sequence FROM queue_entry ORDER BY run_id, priority, sequence');
  t.is(entries.length, 2 * ENTRANTS);
  const run_of = new Map(entries.map(({ entry_id, run_id }) => [entry_id, run_id]));
  const asked = (run_id: string) => peers.asked_of.get(run_id) ?? 0;
  await until(() => asked(FIRST) > ENTRANTS / 4);
  t.true(asked(FIRST) < ENTRANTS, 'in the middle of it');
  await doomed.kill();
  const killed_ms = performance.now();
  const at_kill = asked(FIRST);
  await redis.client.flushall();
  const latecomers: NewEntry[] = [];
  for (let index = 0; index < LATECOMERS; index += 1) {
    const entry = entrant(FIRST, index);
    t.true((await store().submit(entry, [], { account_id: entry.account_id, request_id: entry.request_id, method: 'SubmitOrder', body_hash: new Uint8Array(32) }, SYSTEM)).ok);
    latecomers.push(entry);
    run_of.set(entry.entry_id, 'late');
  }
  await until(() => asked(FIRST) > at_kill + BATCH_LIMIT);
  t.log(`the other owner served after ${Math.round(performance.now() - killed_ms)} ms; ${at_kill} had been served before`);
  await until(async () => asked(FIRST) + asked(SECOND) === 2 * ENTRANTS + LATECOMERS && (await db.query("SELECT 1 FROM queue_entry WHERE state IN ('WAITING', 'PROCESSING') LIMIT 1")).length === 0);

  const order = [...peers.first_asked.keys()];
  for (const run_id of [FIRST, SECOND]) {
    const expected = entries.filter((entry) => entry.run_id === run_id).map(({ entry_id }) => entry_id);
    t.is(difference(order.filter((id) => run_of.get(id) === run_id), expected), '', `${run_id}: everybody, once, in turn`);
  }
  const late = await db.query<{ entry_id: string }>(`SELECT entry_id FROM queue_entry WHERE entry_id IN (?) ORDER BY priority, sequence`, [latecomers.map(({ entry_id }) => entry_id)]);
  const priorities = new Map(latecomers.map(({ entry_id, priority }) => [entry_id, priority]));
  for (const priority of [0, 1, 2]) {
    const of = (ids: string[]) => ids.filter((id) => priorities.get(id) === priority);
    t.deepEqual(of(order), of(late.map(({ entry_id }) => entry_id)), `latecomers of priority ${priority} in turn`);
  }
  const lowest_late = Math.min(...latecomers.filter(({ priority }) => priority === 2).map(({ entry_id }) => order.indexOf(entry_id)));
  const last_before = entries.findLast((entry) => entry.run_id === FIRST)!.entry_id;
  t.true(order.indexOf(last_before) < lowest_late, 'who came late without priority is served last');
  t.is(order.length, 2 * ENTRANTS + LATECOMERS, 'no hold has a second id');
  t.is(peers.first_asked.size, new Set(order).size);

  const ends = await db.query<{ state: string; reason: string | null; count: bigint }>('SELECT state, reason, COUNT(*) AS count FROM queue_entry GROUP BY state, reason ORDER BY state');
  t.deepEqual(ends.map(({ state, reason, count: n }) => [state, reason, Number(n)]), [['FAILED', 'SOLD_OUT', 2 * (ENTRANTS - PLACES) + LATECOMERS], ['ORDERED', null, 2 * PLACES]]);
  const [orders] = await db.query<{ orders: bigint; entries: bigint }>('SELECT COUNT(*) AS orders, COUNT(DISTINCT entry_id) AS entries FROM orders');
  t.deepEqual([Number(orders!.orders), Number(orders!.entries)], [2 * PLACES, 2 * PLACES]);
});
