// Orders of places that were held before: without the queue, and from then on like any other.
import test from 'ava';
import { CloseReason, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { Channel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { buy, fresh, openOrder, pay, reasonOf, requestId, runOf, untilState, wish } from './order_world.ts';
import { FARE_FEN } from './order_peers.ts';

const world = await openOrder();
test.after.always(() => world.lifecycle.stop());

const aftersales = world.as('aftersales');
let holds = 0;

/** A hold of so many seats that aftersales has got. */
function held(run_id: string, seats: number, state: 'HELD' | 'RELEASED' = 'HELD'): string {
  const hold_id = `match-${(holds += 1)}`;
  world.peers.holds.set(`${run_id}/${hold_id}`, { seats: Array.from({ length: seats }, (_, index) => `${index + 1}F`), classes: Array.from({ length: seats }, () => SeatClass.SECOND), order_id: '', state });
  return hold_id;
}

const request = (run_id: string, account_id: string, passenger_ids: string[], hold_id: string) => ({
  requestId: requestId(), accountId: account_id, holdId: hold_id, runId: run_id, fromStationId: 'bj', toStationId: 'sh', channel: Channel.APP, tenant: 'rail', origin: 'standby 7',
  passengers: passenger_ids.map((passengerId) => ({ passengerId, passengerType: PassengerType.ADULT, seatClasses: [SeatClass.FIRST, SeatClass.SECOND] })),
});

test('held places become an order at the price of those places, once, and it goes on like any other', async (t) => {
  const [run_id, account_id] = [runOf('H1'), fresh()];
  const auth = await world.bearer(account_id);
  const wanted = request(run_id, account_id, [fresh(), fresh()], held(run_id, 2));
  const { order } = await aftersales.createHeldOrder(wanted);
  t.deepEqual([order?.state, order?.accountId, order?.channel, Number(order?.total?.amountFen)], [OrderState.WAIT_PAY, account_id, Channel.APP, 2 * FARE_FEN]);
  t.deepEqual(order?.items.map(({ seat, holdId }) => [seat?.seatNo, holdId]), [['1F', wanted.holdId], ['2F', wanted.holdId]]);
  t.is((await aftersales.createHeldOrder(wanted)).order?.orderId, order?.orderId, 'a repeat has the same order');
  t.is(await reasonOf(aftersales.createHeldOrder({ ...wanted, holdId: held(run_id, 2) })), 'REQUEST_ID_REUSED');
  await pay(world, order!);
  await untilState(world, order!.orderId, OrderState.SUCCESS, auth);
  t.is(world.peers.hold(run_id, wanted.holdId)?.state, 'SOLD');
  const { entries } = await world.client.getOrderTimeline({ orderId: order!.orderId }, auth);
  t.is(entries[0]?.cause, 'placed: standby 7');
});

test('what is cancelled gives its places and the time of its people back', async (t) => {
  const [run_id, account_id, passenger] = [runOf('H2'), fresh(), fresh()];
  const auth = await world.bearer(account_id);
  const wanted = request(run_id, account_id, [passenger], held(run_id, 1));
  const { order } = await aftersales.createHeldOrder(wanted);
  t.is(await reasonOf(aftersales.createHeldOrder(request(run_id, account_id, [passenger], held(run_id, 1)))), 'JOURNEY_OVERLAP');
  await world.client.cancelOrder({ requestId: requestId(), orderId: order!.orderId }, auth);
  const closed = await untilState(world, order!.orderId, OrderState.CLOSED, auth);
  t.is(closed.items[0]?.closeReason, CloseReason.CANCELLED);
  await buy(world, auth, wish(run_id, [passenger]));
  t.is(world.peers.hold(run_id, wanted.holdId)?.state, 'RELEASED');
});

test('two at once with one request id make one order', async (t) => {
  const [run_id, account_id] = [runOf('H3'), fresh()];
  const wanted = request(run_id, account_id, [fresh()], held(run_id, 1));
  const made = await Promise.all(Array.from({ length: 4 }, () => aftersales.createHeldOrder(wanted)));
  t.is(new Set(made.map(({ order }) => order?.orderId)).size, 1);
  t.is(Number((await world.db.query<{ orders: bigint }>('SELECT COUNT(*) AS orders FROM orders WHERE account_id = ?', [BigInt(account_id)]))[0]!.orders), 1);
});

test('places that are not there, people who may not, and callers who are nobody are refused, and nothing is written', async (t) => {
  const [run_id, account_id, unverified] = [runOf('H4'), fresh(), fresh()];
  world.peers.unverified.add(unverified);
  const hold_id = held(run_id, 1);
  t.is(await reasonOf(aftersales.createHeldOrder(request(run_id, account_id, [fresh()], 'no-such-hold'))), 'HOLD_NOT_FOUND');
  t.is(await reasonOf(aftersales.createHeldOrder(request(run_id, account_id, [fresh()], held(run_id, 1, 'RELEASED')))), 'HOLD_EXPIRED');
  t.is(await reasonOf(aftersales.createHeldOrder(request(run_id, account_id, [fresh(), fresh()], hold_id))), 'HOLD_CONFLICT');
  t.is(await reasonOf(aftersales.createHeldOrder(request(run_id, account_id, [unverified], hold_id))), 'REAL_NAME_REQUIRED');
  t.is(await reasonOf(aftersales.createHeldOrder(request(run_id, account_id, [], hold_id))), 'FIELD_INVALID');
  t.is(await reasonOf(aftersales.createHeldOrder(request(run_id, 'nobody', [fresh()], hold_id))), 'ACCOUNT_NOT_FOUND');
  t.is(await reasonOf(aftersales.createHeldOrder({ ...request(run_id, account_id, [fresh()], hold_id), requestId: 'x' })), 'REQUEST_ID_INVALID');
  t.is(await reasonOf(world.as('payment').createHeldOrder(request(run_id, account_id, [fresh()], hold_id))), 'NOT_ALLOWED');
  t.is(Number((await world.db.query<{ orders: bigint }>('SELECT COUNT(*) AS orders FROM orders WHERE account_id = ?', [BigInt(account_id)]))[0]!.orders), 0);
});
