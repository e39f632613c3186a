// Who waits in vain is told so, by class and with what may come back, and keeps the place all the same.
import test from 'ava';
import { OrderState, QueueState, type QueueStatus } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { CallOptions } from '#kit/rpc/client.ts';
import { buy, fresh, openOrder, outcome, pay, requestId, runOf, until, untilState, wish } from './order_world.ts';

const { BUSINESS, SECOND } = SeatClass;
/** So many leave one by one, a second each: long enough to be told, and they leave when it was seen. */
const CROWD = 40;

const world = await openOrder();
const { client, peers } = world;
test.after.always(() => world.lifecycle.stop());

const wishFor = (run_id: string, ...seatClasses: SeatClass[]) => wish(run_id, [], { passengers: [{ passengerId: fresh(), seatClasses }] });

/** A train of 50 whose queue moves one a second, with so many seats in each class. */
async function opened(train: string, business: number, second: number): Promise<{ run_id: string; auth: CallOptions }> {
  const run_id = runOf(train);
  peers.seats.set(run_id, 50);
  peers.class_seats.set(run_id, new Map([[BUSINESS, business], [SECOND, second]]));
  return { run_id, auth: await world.bearer(fresh()) };
}

/** A crowd before those who are looked at; ends when they are to be served. */
async function crowded(run_id: string, auth: CallOptions): Promise<() => Promise<void>> {
  const crowd = await Promise.all(Array.from({ length: CROWD }, () => client.submitOrder(wishFor(run_id, SECOND), auth)));
  return async () => void (await Promise.all(crowd.map(({ status }) => client.leaveQueue({ requestId: requestId(), queueToken: status!.queueToken }, auth))));
}

const submit = async (run_id: string, auth: CallOptions, ...classes: SeatClass[]): Promise<string> => (await client.submitOrder(wishFor(run_id, ...classes), auth)).status!.queueToken;
const statusOf = async (token: string, auth: CallOptions): Promise<QueueStatus> => (await client.getQueueStatus({ queueToken: token }, auth)).status!;
/** The status that advises, or that of who does not wait any more. */
const advised = (token: string, auth: CallOptions): Promise<QueueStatus> => until(async () => {
  const status = await statusOf(token, auth);
  return (status.hopeless || status.state !== QueueState.WAITING) && status;
});

test('business sold out: who wants nothing else is told, who takes second class is not, and a seat given back is had all the same', async (t) => {
  const { run_id, auth } = await opened('H1', 1, 49);
  const order = await buy(world, auth, wishFor(run_id, BUSINESS));
  await pay(world, order);
  await untilState(world, order.orderId, OrderState.SUCCESS, auth);
  const disperse = await crowded(run_id, auth);
  const [business, second, both] = [await submit(run_id, auth, BUSINESS), await submit(run_id, auth, SECOND), await submit(run_id, auth, BUSINESS, SECOND)];
  t.like(await advised(business, auth), { hopeless: true, state: QueueState.WAITING });
  t.like(await statusOf(second, auth), { hopeless: false, state: QueueState.WAITING });
  t.like(await statusOf(both, auth), { hopeless: false, state: QueueState.WAITING });
  for (const [id, hold] of peers.holds) if (id.startsWith(`${run_id}/`) && hold.order_id === order.orderId) hold.state = 'RELEASED';
  await disperse();
  t.is((await outcome(world, business, auth)).state, QueueState.ORDERED);
});

test('a seat that is not paid for keeps the hope of one, and it comes true', async (t) => {
  const { run_id, auth } = await opened('H2', 1, 49);
  const order = await buy(world, auth, wishFor(run_id, BUSINESS));
  const disperse = await crowded(run_id, auth);
  const [first, next] = [await submit(run_id, auth, BUSINESS), await submit(run_id, auth, BUSINESS)];
  t.like(await advised(next, auth), { hopeless: true, state: QueueState.WAITING }, 'one before, for one seat that may come back');
  t.like(await statusOf(first, auth), { hopeless: false, state: QueueState.WAITING });
  await client.cancelOrder({ requestId: requestId(), orderId: order.orderId }, auth);
  await untilState(world, order.orderId, OrderState.CLOSED, auth);
  await until(() => peers.freeOf(run_id)!.get(BUSINESS) === 1);
  await disperse();
  t.is((await outcome(world, first, auth)).state, QueueState.ORDERED);
  t.like(await outcome(world, next, auth), { state: QueueState.FAILED, reason: 'SOLD_OUT' });
});

test('who watches hears of it, and any process says the same', async (t) => {
  const { run_id, auth } = await opened('H3', 0, 50);
  const disperse = await crowded(run_id, auth);
  const token = await submit(run_id, auth, BUSINESS);
  let told: QueueStatus | undefined;
  for await (const { status } of client.watchQueue({ queueToken: token }, { ...auth, timeout_ms: 60_000 })) {
    told = status;
    if (status!.hopeless) break;
  }
  t.true(told?.hopeless);
  const second = await world.another();
  t.true((await second.getQueueStatus({ queueToken: told!.queueToken }, auth)).status?.hopeless);
  await disperse();
  t.is((await outcome(world, told!.queueToken, auth)).reason, 'SOLD_OUT');
});
