// What happens when money, tickets or places do not come as they should.
import test from 'ava';
import { CloseReason, OrderState, QueueState } from '#gen/rail/order/v1/order_pb.ts';
import { IssueOutcome } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import { publishSucceeded } from './order_peers.ts';
import { buy, fresh, openOrder, outcome, pay, reasonOf, requestId, runOf, until, untilState, wish } from './order_world.ts';

const world = await openOrder();
const { client, peers, db } = world;
test.after.always(() => world.lifecycle.stop());

const settlementsOf = (payment_id: string) => peers.settlements.filter((settled) => settled.payment_id === payment_id).map(({ accepted }) => accepted);
/** The time at which the sweeper comes by has come. */
const makeDue = (order_id: string) => db.query('UPDATE orders SET next_action_time = UTC_TIMESTAMP(3) WHERE order_id = ? AND next_action_time IS NOT NULL', [BigInt(order_id)]);
/** What the driver does by itself after the placement is done: from now on the order waits. */
const rests = (order_id: string) => until(async () => (await db.query("SELECT 1 FROM orders WHERE order_id = ? AND todo = '' AND next_action_time > UTC_TIMESTAMP(3) + INTERVAL 10 SECOND", [BigInt(order_id)])).length > 0);
const letExpire = (order_id: string) => db.query('UPDATE orders SET pay_expire_time = create_time, next_action_time = UTC_TIMESTAMP(3) WHERE order_id = ?', [BigInt(order_id)]);

test.serial('a payment event that comes again and again has one effect', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S1'), [fresh()]));
  const payment_id = await pay(world, order);
  const facts = peers.payments.get(payment_id)!;
  for (const event_id of ['again', 'again', 'and-again']) await publishSucceeded(world.bus, facts, `${payment_id}-${event_id}`);
  await untilState(world, order.orderId, OrderState.SUCCESS, auth);
  // An event behind them all was handled, so they were, too.
  const other = await buy(world, auth, wish(runOf('N5'), [fresh()]));
  await pay(world, other);
  await untilState(world, other.orderId, OrderState.SUCCESS, auth);
  const { entries } = await client.getOrderTimeline({ orderId: order.orderId }, auth);
  t.is(entries.filter((entry) => entry.to === OrderState.PAID).length, 1);
  t.deepEqual(settlementsOf(payment_id), [true]);
  t.deepEqual(await db.query('SELECT payment_id FROM late_payment WHERE payment_id = ?', [payment_id]), [] as never);
});

test.serial('a second payment of a paid order goes back', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S2'), [fresh()]));
  const first = await pay(world, order);
  await untilState(world, order.orderId, OrderState.SUCCESS, auth);
  const second = await pay(world, order);
  await until(() => settlementsOf(second).length > 0);
  t.deepEqual([settlementsOf(first), settlementsOf(second)], [[true], [false]]);
  t.is((await client.getOrder({ orderId: order.orderId }, auth)).order?.paymentId, first);
});

test.serial('a payment that nobody told of is found by asking', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S3'), [fresh()]));
  const payment_id = await pay(world, order, { tell: false });
  await rests(order.orderId);
  await makeDue(order.orderId);
  t.is((await untilState(world, order.orderId, OrderState.SUCCESS, auth)).paymentId, payment_id);
});

test.serial('an order that is not paid in time closes, gives its places back, and money that comes later is returned', async (t) => {
  const auth = await world.bearer(fresh());
  const person = fresh();
  const order = await buy(world, auth, wish(runOf('S4'), [person]));
  await rests(order.orderId);
  await letExpire(order.orderId);
  const closed = await untilState(world, order.orderId, OrderState.CLOSED, auth);
  t.is(closed.items[0]?.closeReason, CloseReason.EXPIRED);
  await until(() => peers.hold(runOf('S4'), order.items[0]!.holdId)?.state === 'RELEASED');
  await until(async () => (await db.query("SELECT 1 FROM orders WHERE order_id = ? AND todo = '' AND next_action_time IS NULL", [BigInt(order.orderId)])).length > 0);
  t.is(await reasonOf(client.submitOrder(wish(runOf('S5'), [person]), auth)), 'OK', 'the person is free again');
  const late = await pay(world, order);
  await until(() => settlementsOf(late).length > 0);
  t.deepEqual(settlementsOf(late), [false]);
  t.is((await client.getOrder({ orderId: order.orderId }, auth)).order?.state, OrderState.CLOSED);
});

test.serial('money that the gateway took before it closed the payment counts', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S6'), [fresh()]));
  const payment_id = await pay(world, order, { tell: false });
  const { order: answer } = await client.cancelOrder({ orderId: order.orderId, requestId: requestId() }, auth);
  t.not(answer?.state, OrderState.CLOSED);
  t.is((await untilState(world, order.orderId, OrderState.SUCCESS, auth)).paymentId, payment_id);
  t.deepEqual(settlementsOf(payment_id), [true]);
});

test.serial('a payment of another amount does not pay the order', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S7'), [fresh()]));
  const wrong = await pay(world, order, { amount_fen: 1n });
  await until(() => settlementsOf(wrong).length > 0);
  t.deepEqual(settlementsOf(wrong), [false]);
  t.is((await client.getOrder({ orderId: order.orderId }, auth)).order?.state, OrderState.WAIT_PAY);
});

test.serial('cancelling closes once, and three times a day is enough', async (t) => {
  const auth = await world.bearer(fresh());
  for (const train of ['S11', 'S12', 'S13']) {
    const order = await buy(world, auth, wish(runOf(train), [fresh()]));
    const request = { orderId: order.orderId, requestId: requestId() };
    t.is(await reasonOf(client.cancelOrder({ ...request, requestId: requestId(), etag: '99' }, auth)), 'VERSION_STALE');
    t.is((await client.cancelOrder(request, auth)).order?.state, OrderState.CLOSED);
    t.is((await client.cancelOrder(request, auth)).order?.items[0]?.closeReason, CloseReason.CANCELLED, 'a repeat changes nothing');
  }
  t.is(await reasonOf(client.submitOrder(wish(runOf('S14'), [fresh()]), auth)), 'CANCELLATION_LIMIT');
});

test.serial('a paid order can not be cancelled', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S15'), [fresh()]));
  await pay(world, order);
  await untilState(world, order.orderId, OrderState.SUCCESS, auth);
  t.is(await reasonOf(client.cancelOrder({ orderId: order.orderId, requestId: requestId() }, auth)), 'ORDER_NOT_CANCELLABLE');
});

test.serial('ticketing that takes its time is asked again; one that fails gives all the money back', async (t) => {
  const auth = await world.bearer(fresh());
  const patient = await buy(world, auth, wish(runOf('S16'), [fresh()]));
  peers.issue_outcomes = [IssueOutcome.PENDING];
  await pay(world, patient);
  await untilState(world, patient.orderId, OrderState.TICKETING, auth);
  await untilState(world, patient.orderId, OrderState.SUCCESS, auth);

  const person = fresh();
  const failing = await buy(world, auth, wish(runOf('S17'), [person]));
  peers.issue_outcomes = [IssueOutcome.FAILED];
  const payment_id = await pay(world, failing);
  const closed = await untilState(world, failing.orderId, OrderState.CLOSED, auth);
  t.is(closed.items[0]?.closeReason, CloseReason.TICKETING_FAILED);
  const refunds = [...peers.refunds.entries()].filter(([, refund]) => refund.payment_id === payment_id);
  t.deepEqual(refunds.map(([, refund]) => refund.amount_fen), [failing.total?.amountFen]);
  await until(() => peers.hold(runOf('S17'), failing.items[0]!.holdId)?.state === 'RELEASED');
  refunds[0]![1].state = RefundState.SUCCEEDED;
  await until(async () => {
    await makeDue(failing.orderId);
    const { order } = await client.getOrder({ orderId: failing.orderId }, auth);
    return order?.items[0]?.refunded?.amountFen === failing.total?.amountFen;
  });
  t.is(await reasonOf(client.submitOrder(wish(runOf('S18'), [person]), auth)), 'OK', 'the person is free again');
});

test.serial('an order whose payment was returned before is not ticketed', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S24'), [fresh()]));
  const payment_id = fresh();
  peers.returned_before.add(payment_id);
  await publishSucceeded(world.bus, { payment_id, order_id: order.orderId, amount_fen: order.total!.amountFen, state: 3, returned: true });
  const closed = await untilState(world, order.orderId, OrderState.CLOSED, auth);
  t.like(closed.items[0], { closeReason: CloseReason.TICKETING_FAILED, ticketId: '' });
  await until(() => peers.hold(runOf('S24'), order.items[0]!.holdId)?.state === 'RELEASED');
});

test.serial('places that were lost before they were sold are held again', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S19'), [fresh()]));
  peers.lose_holds = true;
  await pay(world, order);
  const done = await untilState(world, order.orderId, OrderState.SUCCESS, auth);
  t.not(done.items[0]?.holdId, order.items[0]?.holdId);
  t.is(peers.hold(runOf('S19'), done.items[0]!.holdId)?.state, 'SOLD');
});

test.serial('a gateway that does not answer keeps the order closing, and money wins over silence', async (t) => {
  const auth = await world.bearer(fresh());
  const order = await buy(world, auth, wish(runOf('S20'), [fresh()]));
  peers.gateway_down = true;
  t.teardown(() => (peers.gateway_down = false));
  t.is((await client.cancelOrder({ orderId: order.orderId, requestId: requestId() }, auth)).order?.state, OrderState.CLOSING);
  // Five minutes later it is closed without the gateway.
  await db.query('UPDATE orders SET closing_time = closing_time - INTERVAL 5 MINUTE, next_action_time = UTC_TIMESTAMP(3) WHERE order_id = ?', [BigInt(order.orderId)]);
  t.is((await untilState(world, order.orderId, OrderState.CLOSED, auth)).items[0]?.closeReason, CloseReason.CANCELLED);
});

test.serial('aftersales moves items by version, once, and the order follows its items', async (t) => {
  const auth = await world.bearer(fresh());
  const people = [fresh(), fresh()];
  const order = await buy(world, auth, wish(runOf('S21'), people));
  const aftersales = world.as('aftersales');
  const [first] = order.items;
  const move = (to: OrderState, version: bigint, more = {}) => ({ requestId: requestId(), orderId: order.orderId, cause: 'refund', transitions: [{ itemId: first!.itemId, version, to, ...more }] });
  t.is(await reasonOf(aftersales.transitionItems(move(OrderState.REFUND, 1n))), 'ITEM_NOT_REFUNDABLE');
  await pay(world, order);
  const done = await untilState(world, order.orderId, OrderState.SUCCESS, auth);
  const { version } = done.items[0]!;
  t.is(await reasonOf(client.transitionItems(move(OrderState.REFUND, version), auth)), 'NOT_ALLOWED');
  t.is(await reasonOf(aftersales.transitionItems(move(OrderState.REFUND, version - 1n))), 'VERSION_STALE');
  const request = move(OrderState.REFUND, version);
  const begun = await aftersales.transitionItems(request);
  t.deepEqual(begun.order?.items.map((item) => item.state), [OrderState.REFUND, OrderState.SUCCESS]);
  t.is(begun.order?.state, OrderState.REFUND);
  t.deepEqual((await aftersales.transitionItems(request)).order, begun.order, 'a repeat gets the first answer');
  t.is(await reasonOf(aftersales.transitionItems({ ...request, cause: 'other' })), 'REQUEST_ID_REUSED');
  const given_up = await aftersales.transitionItems(move(OrderState.SUCCESS, version + 1n));
  t.is(given_up.order?.state, OrderState.SUCCESS);
  await aftersales.transitionItems(move(OrderState.REFUND, version + 2n));
  t.is(await reasonOf(aftersales.transitionItems(move(OrderState.CLOSED, version + 3n, { refunded: { amountFen: 99_999_999n } }))), 'REFUND_EXCEEDS_PAID');
  const closed = await aftersales.transitionItems(move(OrderState.CLOSED, version + 3n, { closeReason: CloseReason.REFUNDED, refunded: { amountFen: 100n } }));
  t.is(closed.order?.state, OrderState.SUCCESS, 'the other ticket is still good');
  t.like(closed.order?.items[0], { state: OrderState.CLOSED, closeReason: CloseReason.REFUNDED });
  t.is(await reasonOf(client.submitOrder(wish(runOf('S22'), [people[0]!]), auth)), 'OK', 'who was refunded is free');
  t.is(await reasonOf(client.submitOrder(wish(runOf('S23'), [people[1]!]), auth)), 'JOURNEY_OVERLAP', 'who travels is not');
});

test.serial('who leaves the queue is out of it, and free', async (t) => {
  const run_id = runOf('S30');
  peers.seats.set(run_id, 50);
  const auth = await world.bearer(fresh());
  await client.submitOrder(wish(run_id, [fresh()]), auth);
  await client.submitOrder(wish(run_id, [fresh()]), auth);
  const person = fresh();
  const { status } = await client.submitOrder(wish(run_id, [person]), auth);
  t.is(status?.state, QueueState.WAITING);
  const left = await client.leaveQueue({ queueToken: status!.queueToken }, auth);
  t.is(left.status?.state, QueueState.LEFT);
  t.is((await client.leaveQueue({ queueToken: status!.queueToken }, auth)).status?.state, QueueState.LEFT);
  t.is((await outcome(world, status!.queueToken, auth)).state, QueueState.LEFT);
  t.is(await reasonOf(client.submitOrder(wish(runOf('S31'), [person]), auth)), 'OK');
});
