// The waiting queue when things break: a crash between hold and order, Redis wiped, another owner.
import test from 'ava';
import { QueueState, type QueueStatus } from '#gen/rail/order/v1/order_pb.ts';
import type { Peers } from '../../services/order/app/peers.ts';
import { placeOrder } from '../../services/order/domain/place_order.ts';
import { createEntryStore } from '../../services/order/store/entry_store.ts';
import { buy, fresh, openOrder, outcome, runOf, until, wish } from './order_world.ts';

/** True: the next holds are made, and then the process "dies" before it hears of it. */
let crash_after_hold = false;
const wrapPeers = (peers: Peers): Peers => ({
  ...peers,
  inventory: {
    ...peers.inventory,
    async holdMany(requests) {
      const holds = await peers.inventory.holdMany(requests);
      if (crash_after_hold) throw new Error('crash between hold and order');
      return holds;
    },
  },
});
const world = await openOrder({}, { wrapPeers });
const { client, peers, db } = world;
test.after.always(() => world.lifecycle.stop());

test.serial('a crash between hold and order is made good by the sweeper, with one hold and one order', async (t) => {
  const auth = await world.bearer(fresh());
  const run_id = runOf('Q1');
  crash_after_hold = true;
  const { status } = await client.submitOrder(wish(run_id, [fresh()]), auth);
  await until(() => peers.taken(run_id) === 1);
  await until(async () => (await client.getQueueStatus({ queueToken: status!.queueToken }, auth)).status?.state === QueueState.PROCESSING);
  crash_after_hold = false;
  await db.query("UPDATE queue_entry SET next_action_time = UTC_TIMESTAMP(3) WHERE run_id = ? AND state = 'PROCESSING'", [run_id]);
  const ended = await outcome(world, status!.queueToken, auth);
  t.is(ended.state, QueueState.ORDERED);
  t.is(peers.taken(run_id), 1);
  const { orders } = await client.listOrders({}, auth);
  t.deepEqual(orders.map((order) => order.orderId), [ended.orderId]);
});

test.serial('a wiped Redis changes nothing about who comes first', async (t) => {
  const run_id = runOf('Q2');
  peers.seats.set(run_id, 50);
  const auth = await world.bearer(fresh());
  const tokens: string[] = [];
  for (let index = 0; index < 6; index += 1) tokens.push((await client.submitOrder(wish(run_id, [fresh()]), auth)).status!.queueToken);
  await world.redis.client.flushall();
  // A newcomer after the loss must not pass those who waited before it.
  tokens.push((await client.submitOrder(wish(run_id, [fresh()]), auth)).status!.queueToken);
  const ends = await Promise.all(tokens.map((token) => outcome(world, token, auth)));
  t.true(ends.every((end) => end.state === QueueState.ORDERED));
  const entries = await db.query<{ entry_id: string }>('SELECT entry_id FROM queue_entry WHERE run_id = ? ORDER BY sequence', [run_id]);
  const served = peers.hold_log.filter((hold_id) => entries.some(({ entry_id }) => entry_id === hold_id));
  t.deepEqual(served, entries.map(({ entry_id }) => entry_id));
});

test.serial('who was served hears it, although Redis came back without the removal', async (t) => {
  const run_id = runOf('Q10');
  const auth = await world.bearer(fresh());
  const { status } = await client.submitOrder(wish(run_id, [fresh()]), auth);
  const ended = await outcome(world, status!.queueToken, auth);
  const [row] = await db.query<{ entry_id: string; priority: number; sequence: bigint }>('SELECT entry_id, priority, sequence FROM queue_entry WHERE run_id = ?', [run_id]);
  await world.redis.client.zadd(`order:queue:{${run_id}}:waiting`, row!.priority * 2 ** 46 + Number(row!.sequence), row!.entry_id);
  const asked = await client.getQueueStatus({ queueToken: status!.queueToken }, auth);
  t.deepEqual([asked.status?.state, asked.status?.orderId], [QueueState.ORDERED, ended.orderId]);
});

test.serial('who was served while Redis did not take the place out hears it', async (t) => {
  const run_id = runOf('Q11');
  const auth = await world.bearer(fresh());
  await world.redis.client.call('ACL', 'SETUSER', 'default', '-zrem');
  const { status } = await client.submitOrder(wish(run_id, [fresh()]), auth);
  await until(async () => (await db.query("SELECT 1 FROM queue_entry WHERE run_id = ? AND state = 'ORDERED'", [run_id])).length > 0);
  await world.redis.client.call('ACL', 'SETUSER', 'default', '+zrem');
  t.is((await client.getQueueStatus({ queueToken: status!.queueToken }, auth)).status?.state, QueueState.ORDERED);
});

test.serial('a Redis that came back without its last writes is put right, and changes nobody’s turn', async (t) => {
  const run_id = runOf('Q12');
  peers.seats.set(run_id, 50);
  const auth = await world.bearer(fresh());
  const tokens: string[] = [];
  for (let index = 0; index < 6; index += 1) tokens.push((await client.submitOrder(wish(run_id, [fresh()]), auth)).status!.queueToken);
  const waiting_key = `order:queue:{${run_id}}:waiting`;
  const marker_key = `order:queue:{${run_id}}:built`;
  const marker = await until(async () => (await world.redis.client.get(marker_key)) ?? undefined);
  // Everybody but the last two is forgotten, somebody served before is back, and it is another server.
  await world.redis.client.zremrangebyrank(waiting_key, 0, -3);
  await world.redis.client.zadd(waiting_key, 1, 'ghost');
  await world.redis.client.set(marker_key, `${marker.split(' ')[0]} another`);
  const rows = async () => (await db.query<{ entry_id: string }>("SELECT entry_id FROM queue_entry WHERE run_id = ? AND state = 'WAITING' ORDER BY priority, sequence", [run_id])).map(({ entry_id }) => entry_id);
  await until(async () => {
    const members = (await world.redis.client.call('ZRANGE', waiting_key, '0', '-1')) as string[];
    return members.length > 0 && members.join() === (await rows()).join();
  });
  const ends = await Promise.all(tokens.map((token) => outcome(world, token, auth)));
  t.true(ends.every((end) => end.state === QueueState.ORDERED));
  const entries = await db.query<{ entry_id: string }>('SELECT entry_id FROM queue_entry WHERE run_id = ? ORDER BY sequence', [run_id]);
  t.deepEqual(peers.hold_log.filter((hold_id) => entries.some(({ entry_id }) => entry_id === hold_id)), entries.map(({ entry_id }) => entry_id));
});

test.serial('while Redis hangs the rows serve', async (t) => {
  const auth = await world.bearer(fresh());
  const request = wish(runOf('Q9'), [fresh()]);
  await world.redis.client.call('CLIENT', 'PAUSE', '6000', 'ALL');
  const { status } = await client.submitOrder(request, auth);
  const [row] = await until(async () => {
    const rows = await db.query<{ state: string }>("SELECT state FROM queue_entry WHERE run_id = ? AND state = 'ORDERED'", [request.runId!]);
    return rows.length > 0 && rows;
  });
  t.is(row?.state, 'ORDERED');
  t.true(await world.redis.client.ping().then(() => false, () => true), 'Redis still hangs');
  await until(async () => world.redis.client.ping().catch(() => undefined));
  t.is((await outcome(world, status!.queueToken, auth)).state, QueueState.ORDERED);
});

test.serial('who watches sees the queue move up, and asking says the same', async (t) => {
  const run_id = runOf('Q3');
  peers.seats.set(run_id, 50);
  const auth = await world.bearer(fresh());
  for (let index = 0; index < 3; index += 1) await client.submitOrder(wish(run_id, [fresh()]), auth);
  const { status } = await client.submitOrder(wish(run_id, [fresh()]), auth);
  t.true(status!.ahead >= 1 && status!.estimateMs > 0 && status!.queueLength >= 2);
  const asked = (await client.getQueueStatus({ queueToken: status!.queueToken }, auth)).status!;
  t.true(asked.ahead <= status!.ahead);
  const seen: QueueStatus[] = [];
  for await (const answer of client.watchQueue({ queueToken: status!.queueToken }, { ...auth, timeout_ms: 60_000 })) seen.push(answer.status!);
  t.is(seen.at(-1)?.state, QueueState.ORDERED);
  const ahead = seen.filter((one) => one.state === QueueState.WAITING).map((one) => one.ahead);
  t.true(ahead.length >= 2, `only ${ahead.join()}`);
  t.deepEqual(ahead, ahead.toSorted((a, b) => b - a), 'nobody falls back');
  // The newest token goes on where an older one was.
  t.is((await client.getQueueStatus({ queueToken: seen[0]!.queueToken }, auth)).status?.orderId, seen.at(-1)?.orderId);
});

test.serial('another owner goes on where the last one ended, in order', async (t) => {
  const run_id = runOf('Q4');
  peers.seats.set(run_id, 50);
  const auth = await world.bearer(fresh());
  const tokens: string[] = [];
  for (let index = 0; index < 5; index += 1) tokens.push((await client.submitOrder(wish(run_id, [fresh()]), auth)).status!.queueToken);
  await world.restart({ wrapPeers });
  const ends = await Promise.all(tokens.map((token) => outcome(world, token, auth)));
  t.true(ends.every((end) => end.state === QueueState.ORDERED));
  const entries = await db.query<{ entry_id: string }>('SELECT entry_id FROM queue_entry WHERE run_id = ? ORDER BY sequence', [run_id]);
  t.deepEqual(peers.hold_log.filter((hold_id) => entries.some(({ entry_id }) => entry_id === hold_id)), entries.map(({ entry_id }) => entry_id));
  t.is(peers.taken(run_id), 5);
});

test.serial('hundreds at once all get their order, each with places of its own', async (t) => {
  const run_id = runOf('Q6');
  peers.seats.set(run_id, 20_000);
  const auths = await Promise.all(Array.from({ length: 200 }, () => world.bearer(fresh())));
  const ends = await Promise.all(auths.map(async (auth, index) => {
    const passengers = Array.from({ length: 1 + (index % 5) }, fresh);
    const { status } = await client.submitOrder(wish(run_id, passengers), { ...auth, timeout_ms: 30_000 });
    return { ended: await outcome(world, status!.queueToken, auth), passengers };
  }));
  t.true(ends.every(({ ended }) => ended.state === QueueState.ORDERED));
  t.is(new Set(ends.map(({ ended }) => ended.orderId)).size, 200);
  t.is(peers.taken(run_id), ends.reduce((sum, { passengers }) => sum + passengers.length, 0));
  const [open] = await db.query<{ count: bigint }>("SELECT COUNT(*) AS count FROM queue_entry WHERE run_id = ? AND (state <> 'ORDERED' OR next_action_time IS NOT NULL)", [run_id]);
  t.is(open?.count, 0n);
});

test.serial('an owner whose lease has passed on can neither take from the queue nor write orders', async (t) => {
  const tools = { now_ms: () => Date.now(), audit: async () => {}, tellPlaced: async () => {}, tellChanged: async () => {}, tellEntryFailed: async () => {} };
  const store = createEntryStore(db, tools);
  const [lease] = await db.query<{ owner: string; term: bigint }>("SELECT owner, term FROM lease WHERE name = 'queue/0'");
  const held = { name: 'queue/0', owner: lease!.owner, term: lease!.term };
  t.deepEqual(await store.start(['nobody'], held), []);
  t.is(await store.start(['nobody'], { ...held, term: held.term - 1n }), undefined);
  crash_after_hold = true;
  const auth = await world.bearer(fresh());
  const { status } = await client.submitOrder(wish(runOf('Q7'), [fresh()]), auth);
  const entry = await until(async () => {
    const [row] = await db.query<{ entry_id: string; bucket: number }>("SELECT entry_id, bucket FROM queue_entry WHERE run_id = ? AND state = 'PROCESSING'", [runOf('Q7')]);
    return row;
  });
  const [current] = await db.query<{ owner: string; term: bigint }>('SELECT owner, term FROM lease WHERE name = ?', [`queue/${entry.bucket}`]);
  const place = { item_no: 1, parts: [{ seat: { coach_no: '01', seat_no: '1A', seat_class: 'SECOND' as const }, from_index: 0, to_index: 3 }] };
  const placed = placeOrder((await store.find(entry.entry_id))!, { hold_id: entry.entry_id, places: [place] }, { order_id: fresh(), now_ms: Date.now(), pay_window_ms: 600_000 });
  if (!placed.ok) return t.fail();
  const stale = { name: `queue/${entry.bucket}`, owner: current!.owner, term: current!.term - 1n };
  t.deepEqual(await store.place([placed.value], stale), []);
  t.is((await store.find(entry.entry_id))?.state, 'PROCESSING');
  t.deepEqual(await store.place([placed.value], { ...stale, term: current!.term }), [entry.entry_id]);
  t.deepEqual(await store.place([{ ...placed.value, order_id: fresh() }], { ...stale, term: current!.term }), [], 'an entry becomes one order');
  crash_after_hold = false;
  t.is((await outcome(world, status!.queueToken, auth)).orderId, placed.value.order_id);
});

test.serial('whichever process is asked, the owner of the run serves, at once', async (t) => {
  const second = await world.another();
  const auth = await world.bearer(fresh());
  const [{ status }, run_id] = [await second.submitOrder(wish(runOf('Q8'), [fresh()]), auth), runOf('Q8')];
  const ended = await outcome({ ...world, client: second }, status!.queueToken, auth);
  t.is(ended.state, QueueState.ORDERED);
  t.is(peers.taken(run_id), 1);
  t.is((await client.getOrder({ orderId: ended.orderId }, auth)).order?.items.length, 1);
  const [row] = await db.query<{ enter_time: Date; dequeue_time: Date }>('SELECT enter_time, dequeue_time FROM queue_entry WHERE run_id = ?', [run_id]);
  t.log(`in the queue for ${row!.dequeue_time.getTime() - row!.enter_time.getTime()} ms`);
});

test.serial('operators see the queues', async (t) => {
  const run_id = runOf('Q5');
  peers.seats.set(run_id, 50);
  const auth = await world.bearer(fresh());
  await buy(world, auth, wish(run_id, [fresh()]));
  for (let index = 0; index < 4; index += 1) await client.submitOrder(wish(run_id, [fresh()]), auth);
  const { queues } = await client.listQueues({}, await world.bearer(fresh(), ['operator']));
  const queue = queues.find((one) => one.runId === run_id);
  t.true(queue !== undefined && queue.length >= 2 && queue.drainPerS === 1 && queue.owner !== '' && queue.term >= 1n, JSON.stringify(queue, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
});
