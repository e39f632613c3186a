// Orders of the past: packed away, still found by whoever may see them.
import test from 'ava';
import { OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { buy, fresh, openOrder, pay, reasonOf, requestId, runOf, untilState, wish } from './order_world.ts';

const world = await openOrder();
const { client, db } = world;
test.after.always(() => world.lifecycle.stop());

const DAY_MS = 86_400_000n;

/** As if everything of an order had happened so many days before; its new id. */
async function age({ orderId }: Order, days: number): Promise<string> {
  const old_id = BigInt(orderId) - ((BigInt(days) * DAY_MS) << 22n);
  const earlier = `- INTERVAL ${days} DAY`;
  await db.query(`UPDATE queue_entry SET order_id = ?, enter_time = enter_time ${earlier} WHERE order_id = ?`, [old_id, BigInt(orderId)]);
  for (const table of ['order_item', 'order_timeline', 'passenger_claim']) await db.query(`UPDATE ${table} SET order_id = ? WHERE order_id = ?`, [old_id, BigInt(orderId)]);
  await db.query(`UPDATE orders SET order_id = ?, create_time = create_time ${earlier}, update_time = update_time ${earlier} WHERE order_id = ?`, [old_id, BigInt(orderId)]);
  return String(old_id);
}

const count = async (table: string) => Number((await db.query<{ n: bigint }>(`SELECT COUNT(*) AS n FROM ${table}`))[0]!.n);

test.serial('orders of the past are packed away once, found as before, and gone after five years', async (t) => {
  const account_id = fresh();
  const auth = await world.bearer(account_id);
  const bought: Order[] = [];
  for (const train of ['G1', 'G2', 'G3', 'G4', 'G5']) bought.push(await buy(world, auth, wish(runOf(train), [fresh()])));
  const [ticketed, cancelled, young, unpaid, recent] = bought as [Order, Order, Order, Order, Order];
  for (const order of [ticketed, young, recent]) {
    await pay(world, order);
    await untilState(world, order.orderId, OrderState.SUCCESS, auth);
  }
  await client.cancelOrder({ requestId: requestId(), orderId: cancelled.orderId }, auth);
  await untilState(world, cancelled.orderId, OrderState.CLOSED, auth);
  // One that something happened to lately stays, however old it is, and one that is not at its end.
  const ids = { ticketed: await age(ticketed, 70), cancelled: await age(cancelled, 61), young: await age(young, 59), unpaid: await age(unpaid, 90), recent: await age(recent, 80) };
  await db.query('UPDATE orders SET update_time = UTC_TIMESTAMP(3) WHERE order_id = ?', [BigInt(ids.recent)]);
  const orderOf = async (order_id: string) => (await client.getOrder({ orderId: order_id }, auth)).order!;
  const [before_order, before_timeline] = [await orderOf(ids.ticketed), (await client.getOrderTimeline({ orderId: ids.ticketed }, auth)).entries];
  const [claims, person] = [await count('passenger_claim'), (await db.query<{ person: string }>('SELECT person FROM order_item WHERE order_id = ?', [BigInt(ids.ticketed)]))[0]!.person];

  t.is(await reasonOf(client.archiveOrders({ limit: 10 }, auth)), 'NOT_ALLOWED');
  const ops = world.as('ops');
  const both = await Promise.all([ops.archiveOrders({ limit: 10 }), ops.archiveOrders({ limit: 10 })]);
  t.is(both[0].orders + both[1].orders, 2, 'each once');
  t.deepEqual((await db.query<{ order_id: bigint }>('SELECT order_id FROM orders ORDER BY order_id')).map(({ order_id }) => String(order_id)), [ids.unpaid, ids.recent, ids.young]);
  t.deepEqual([await count('order_item'), await count('passenger_claim')], [3, claims - 1], 'with all their rows');
  t.like(await ops.archiveOrders({}), { orders: 0, entries: 0, days: 0, deleted: 0 });

  t.deepEqual(await orderOf(ids.ticketed), before_order);
  t.deepEqual((await client.getOrderTimeline({ orderId: ids.ticketed }, auth)).entries, before_timeline);
  t.is(await reasonOf(client.getOrder({ orderId: ids.ticketed }, await world.bearer(fresh()))), 'ORDER_NOT_FOUND');
  t.is(await reasonOf(client.cancelOrder({ requestId: requestId(), orderId: ids.cancelled }, auth)), 'ORDER_NOT_FOUND');
  const newest_first = [ids.young, ids.cancelled, ids.ticketed, ids.recent, ids.unpaid];
  const pages: string[] = [];
  let pageToken = '';
  do {
    const page = await client.listOrders({ pageSize: 2, pageToken }, auth);
    pages.push(...page.orders.map(({ orderId }) => orderId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  t.deepEqual(pages, newest_first);
  const found = await ops.searchOrders({ personBlindIndex: person });
  t.deepEqual(found.orders.map(({ orderId }) => orderId), [ids.ticketed]);
  t.deepEqual((await ops.searchOrders({ accountId: account_id, states: [OrderState.CLOSED] })).orders.map(({ orderId }) => orderId), [ids.cancelled]);

  await db.query('UPDATE order_archive SET archive_time = archive_time - INTERVAL 61 MONTH WHERE order_id = ?', [BigInt(ids.ticketed)]);
  t.like(await ops.archiveOrders({}), { orders: 0, deleted: 1 });
  t.is(await reasonOf(client.getOrder({ orderId: ids.ticketed }, auth)), 'ORDER_NOT_FOUND');
  t.is(await count('order_archive_person'), 1);
});

test.serial('what the queue kept of old purchases goes, bit by bit', async (t) => {
  // What the railway said so long ago goes, too, unless it is still being followed.
  await db.query("INSERT INTO run_word (run_id, revision, kind, part, body, hear_time, next_action_time) VALUES ('OLD.20200101', 1, 'restored', 1, '{}', UTC_TIMESTAMP(3) - INTERVAL 61 DAY, NULL), ('DUE.20200101', 1, 'restored', 1, '{}', UTC_TIMESTAMP(3) - INTERVAL 61 DAY, UTC_TIMESTAMP(3) + INTERVAL 1 DAY), ('NEW.20200101', 1, 'restored', 1, '{}', UTC_TIMESTAMP(3) - INTERVAL 59 DAY, NULL)");
  const days = await count('passenger_day');
  await db.query("INSERT INTO passenger_day (person, travel_date, changes) SELECT CONCAT('old-', seq), UTC_DATE() - INTERVAL 61 DAY, 1 FROM seq_1_to_5");
  await db.query("INSERT INTO cancellation (account_id, day, cancelled) VALUES (1, UTC_DATE() - INTERVAL 8 DAY, 3), (2, UTC_DATE(), 1)");
  const entry = (seq: string, state: string, age_days: number) =>
    db.query(`INSERT INTO queue_entry (entry_id, account_id, tenant, channel, request_id, run_id, bucket, state, priority, body, enter_time) VALUES (?, 1, 'rail', 'web', ?, 'X.20260101', 1, ?, 1, '{}', UTC_TIMESTAMP(3) - INTERVAL ? DAY)`, [`old-${seq}`, `r-${seq}`, state, age_days]);
  await entry('failed', 'FAILED', 61);
  await entry('left', 'LEFT', 59);
  const ops = world.as('ops');
  t.like(await ops.archiveOrders({ limit: 3 }), { days: 5 });
  t.like(await ops.archiveOrders({ limit: 3 }), { days: 2 });
  t.is(await count('passenger_day'), days);
  t.is(await count('run_word'), 2);
  await ops.archiveOrders({});
  t.deepEqual((await db.query<{ entry_id: string }>("SELECT entry_id FROM queue_entry WHERE entry_id LIKE 'old-%'")).map(({ entry_id }) => entry_id), ['old-left']);
});
