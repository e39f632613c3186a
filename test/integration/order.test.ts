import test from 'ava';
import { OrderState, QueueState } from '#gen/rail/order/v1/order_pb.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { addDays } from '#kit/base/time.ts';
import { buy, FARE_FEN, fresh, openOrder, outcome, pay, reasonOf, requestId, runOf, TOMORROW, until, untilState, wish } from './order_world.ts';

const world = await openOrder();
const { client, peers, db } = world;
test.after.always(() => world.lifecycle.stop());

test('from submission to ticket: queue, hold, payment, sale, ticket, each with its trace', async (t) => {
  const account_id = fresh();
  const auth = await world.bearer(account_id);
  const run_id = runOf('G1');
  const { status } = await client.submitOrder(wish(run_id, [fresh(), fresh()]), auth);
  t.is(status?.estimateMs, 0, 'an idle run makes nobody wait');
  const ended = await outcome(world, status!.queueToken, auth);
  t.is(ended.state, QueueState.ORDERED);
  const { order } = await client.getOrder({ orderId: ended.orderId }, auth);
  t.is(order?.state, OrderState.WAIT_PAY);
  t.is(order?.total?.amountFen, BigInt(FARE_FEN * 2));
  t.deepEqual(order?.items.map((item) => [item.itemId, item.seat?.seatNo, item.passengerNameMasked]), [[`${order?.orderId}-1`, '1A', '张*'], [`${order?.orderId}-2`, '2A', '张*']]);
  t.is(geneOf(BigInt(order!.orderId)), geneOf(BigInt(account_id)), 'the order lives where its account lives');
  await until(() => peers.hold(run_id, order!.items[0]!.holdId)?.order_id === order!.orderId);

  const payment_id = await pay(world, order!);
  const done = await untilState(world, order!.orderId, OrderState.SUCCESS, auth);
  t.deepEqual(done.items.map((item) => item.ticketId), done.items.map((item) => `E${item.itemId}`));
  t.is(done.paymentId, payment_id);
  t.is(peers.hold(run_id, order!.items[0]!.holdId)?.state, 'SOLD');
  t.deepEqual(peers.settlements.filter((settled) => settled.payment_id === payment_id), [{ payment_id, accepted: true }]);

  const timeline = await client.getOrderTimeline({ orderId: order!.orderId }, auth);
  const steps = timeline.entries.filter((entry) => entry.itemId === `${order!.orderId}-1`).map((entry) => entry.to);
  t.deepEqual(steps, [OrderState.WAIT_PAY, OrderState.PAID, OrderState.TICKETING, OrderState.SUCCESS]);
  const events = await db.query<{ type: string }>('SELECT type FROM outbox WHERE event_key = ? ORDER BY sequence', [order!.orderId]);
  t.deepEqual(events.map(({ type }) => type.split('.').at(-1)), ['OrderPlaced', 'OrderPaid', 'OrderItemsChanged', 'OrderTicketed']);
  const audits = await db.query<{ operation: string }>('SELECT operation FROM audit_record WHERE target = ? ORDER BY created_at, audit_id', [`order/${order!.orderId}`]);
  t.deepEqual(audits.map(({ operation }) => operation).toSorted(), ['order.Pay', 'order.Place', 'order.Sell', 'order.Ticketed']);
  const [rest] = await db.query<{ next_action_time: Date | null; todo: string }>('SELECT next_action_time, todo FROM orders WHERE order_id = ?', [order!.orderId]);
  t.deepEqual({ ...rest }, { next_action_time: null, todo: '' });
});

test('what is wrong with a request is said before anything is written', async (t) => {
  const auth = await world.bearer(fresh());
  const submit = (request: Parameters<typeof client.submitOrder>[0]) => reasonOf(client.submitOrder(request, auth));
  const run_id = runOf('G2');
  t.is(await submit(wish('nonsense', [fresh()])), 'TRAIN_RUN_NOT_FOUND');
  t.is(await submit(wish(runOf('NONE'), [fresh()])), 'TRAIN_RUN_NOT_FOUND');
  t.is(await submit(wish(run_id, [fresh()], { toStationId: 'bj' })), 'SAME_STATION');
  t.is(await submit(wish(run_id, [fresh()], { toStationId: '??' })), 'STATION_UNKNOWN');
  t.is(await submit(wish(run_id, [fresh()], { fromStationId: 'sh', toStationId: 'bj' })), 'STOPS_NOT_ON_RUN');
  t.is(await submit(wish(runOf('G2', addDays(TOMORROW, -3)), [fresh()])), 'DATE_PAST');
  t.is(await submit(wish(runOf('G2', addDays(TOMORROW, 20)), [fresh()])), 'DATE_BEYOND_SALE_WINDOW');
  t.is(await submit(wish(run_id, [])), 'FIELD_INVALID');
  t.is(await submit(wish(run_id, Array.from({ length: 6 }, fresh))), 'TOO_MANY_PASSENGERS');
  const twice = fresh();
  t.is(await submit(wish(run_id, [twice, twice])), 'ITEMS_DUPLICATE');
  const pending = fresh();
  peers.unverified.add(pending);
  t.is(await submit(wish(run_id, [pending])), 'REAL_NAME_REQUIRED');
  const foreign = fresh();
  peers.foreign.add(foreign);
  t.is(await submit(wish(run_id, [foreign])), 'PASSENGER_NOT_FOUND');
  t.is(await submit(wish(run_id, [fresh()], { requestId: 'x' })), 'REQUEST_ID_INVALID');
  t.is(await submit(wish(run_id, [fresh()], { maxTotal: { amountFen: 1n } })), 'QUOTE_STALE');
  t.is(await reasonOf(client.submitOrder(wish(run_id, [fresh()]))), 'TOKEN_MISSING');
  const [rows] = await db.query<{ count: bigint }>('SELECT COUNT(*) AS count FROM queue_entry WHERE run_id = ?', [run_id]);
  t.is(rows?.count, 0n);
});

test('a repeated submission is the same entry and order, also side by side; another body is refused', async (t) => {
  const auth = await world.bearer(fresh());
  const request = wish(runOf('G3'), [fresh()]);
  const answers = await Promise.all([1, 2, 3].map(() => client.submitOrder(request, auth)));
  const ends = await Promise.all(answers.map(({ status }) => outcome(world, status!.queueToken, auth)));
  t.is(new Set(ends.map((end) => end.orderId)).size, 1);
  const late = await client.submitOrder(request, auth);
  t.like(late.status, { state: QueueState.ORDERED, orderId: ends[0]!.orderId });
  t.is(await reasonOf(client.submitOrder({ ...request, toStationId: 'jn' }, auth)), 'REQUEST_ID_REUSED');
  t.is(peers.taken(request.runId!), 1);
  const { orders } = await client.listOrders({}, auth);
  t.is(orders.length, 1);
});

test('a person travels once at a time, whatever account buys, also over midnight', async (t) => {
  const [mine, theirs] = await Promise.all([world.bearer(fresh()), world.bearer(fresh())]);
  const [me, me_elsewhere] = [fresh(), fresh()];
  peers.persons.set(me, 'one-person').set(me_elsewhere, 'one-person');
  await buy(world, mine, wish(runOf('N1'), [me]));
  t.is(await reasonOf(client.submitOrder(wish(runOf('N2'), [me_elsewhere]), theirs)), 'JOURNEY_OVERLAP');
  t.is(await reasonOf(client.submitOrder(wish(runOf('G4'), [me_elsewhere]), theirs)), 'OK', 'in the morning the person is free');
  // Of many at once for one free evening exactly one gets it.
  const people = Array.from({ length: 6 }, () => fresh());
  for (const person of people) peers.persons.set(person, 'another-person');
  const reasons = await Promise.all(people.map(async (person) => reasonOf(client.submitOrder(wish(runOf('N3'), [person]), await world.bearer(fresh())))));
  t.deepEqual(reasons.toSorted(), ['JOURNEY_OVERLAP', 'JOURNEY_OVERLAP', 'JOURNEY_OVERLAP', 'JOURNEY_OVERLAP', 'JOURNEY_OVERLAP', 'OK']);
});

test('who gets no seat hears why, and is free to travel otherwise', async (t) => {
  const run_id = runOf('G5');
  const auth = await world.bearer(fresh());
  peers.seats.set(run_id, 1);
  await buy(world, await world.bearer(fresh()), wish(run_id, [fresh()]));
  const person = fresh();
  const { status } = await client.submitOrder(wish(run_id, [person]), auth);
  const ended = await outcome(world, status!.queueToken, auth);
  t.like(ended, { state: QueueState.FAILED, reason: 'SOLD_OUT', orderId: '' });
  t.like((await client.getQueueStatus({ queueToken: ended.queueToken }, auth)).status, { state: QueueState.FAILED, reason: 'SOLD_OUT' });
  t.is(await reasonOf(client.submitOrder(wish(runOf('G6'), [person]), auth)), 'OK');
});

test('a queue token is bound to its account and can not be made up', async (t) => {
  const auth = await world.bearer(fresh());
  const { status } = await client.submitOrder(wish(runOf('G7'), [fresh()]), auth);
  const token = status!.queueToken;
  const look = (queueToken: string, who = auth) => reasonOf(client.getQueueStatus({ queueToken }, who));
  t.is(await look(token), 'OK');
  t.is(await look(token, await world.bearer(fresh())), 'QUEUE_ENTRY_NOT_FOUND');
  const [version, body, signature] = token.split('.') as [string, string, string];
  const ticket = JSON.parse(Buffer.from(body, 'base64url').toString()) as unknown[];
  const forged = Buffer.from(JSON.stringify([...ticket.slice(0, 3), 0, ...ticket.slice(4)])).toString('base64url');
  t.is(await look(`${version}.${forged}.${signature}`), 'QUEUE_ENTRY_NOT_FOUND');
  t.is(await look(`${version}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`), 'QUEUE_ENTRY_NOT_FOUND');
  t.is(await look(''), 'QUEUE_ENTRY_NOT_FOUND');
});

test('an order is its owner’s: others do not find it, operators and services do', async (t) => {
  const owner = await world.bearer(fresh());
  const order = await buy(world, owner, wish(runOf('G8'), [fresh()]));
  const { orderId } = order;
  const other = await world.bearer(fresh());
  t.is(await reasonOf(client.getOrder({ orderId }, other)), 'ORDER_NOT_FOUND');
  t.is(await reasonOf(client.cancelOrder({ orderId, requestId: requestId() }, other)), 'ORDER_NOT_FOUND');
  t.is(await reasonOf(client.getOrderTimeline({ orderId }, other)), 'ORDER_NOT_FOUND');
  t.is(await reasonOf(client.getOrder({ orderId: 'x' }, owner)), 'ORDER_NOT_FOUND');
  const operator = await world.bearer(fresh(), ['operator']);
  t.is((await client.getOrder({ orderId }, operator)).order?.orderId, orderId);
  t.is((await world.as('payment').getOrder({ orderId })).order?.orderId, orderId);
  t.is(await reasonOf(client.searchOrders({ orderId }, owner)), 'NOT_ALLOWED');
  t.deepEqual((await client.searchOrders({ runId: runOf('G8') }, operator)).orders.map((found) => found.orderId), [orderId]);
  t.deepEqual((await client.searchOrders({ runId: runOf('G8'), states: [OrderState.CLOSED] }, operator)).orders, []);
  t.is(await reasonOf(client.getOrder({ orderId })), 'TOKEN_MISSING');
});

test('orders are listed newest first, in pages', async (t) => {
  const auth = await world.bearer(fresh());
  const ids: string[] = [];
  for (const train of ['G91', 'G92', 'G93']) ids.unshift((await buy(world, auth, wish(runOf(train), [fresh()]))).orderId);
  const first = await client.listOrders({ pageSize: 2 }, auth);
  const second = await client.listOrders({ pageSize: 2, pageToken: first.nextPageToken }, auth);
  t.deepEqual([...first.orders, ...second.orders].map((order) => order.orderId), ids);
  t.is(second.nextPageToken, '');
  t.is(await reasonOf(client.listOrders({ pageToken: 'x' }, auth)), 'PAGE_TOKEN_INVALID');
});
