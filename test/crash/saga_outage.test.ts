/** NATS and MySQL are killed, one after the other and together, while there are orders in every state. */
import test, { type ExecutionContext } from 'ava';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { eventually } from '../support/processes.ts';
import { Buyer, connectBuyers, type Clients } from './saga_buyer.ts';
import { openSagaWorld, type SagaWorld } from './saga_world.ts';

let world: SagaWorld;
let clients: Clients;
test.before(async () => {
  world = await openSagaWorld();
  clients = connectBuyers(world);
});
test.after.always(() => world?.lifecycle.stop());

for (const names of [['nats'], ['mariadb'], ['nats', 'mariadb']]) {
  test.serial(`${names.join(' and ')} killed while there are orders in every state`, async (t) => {
    const crowd = await inEveryState(t, `G${names.join('_')}`);
    await kill(names);
    await goOn();
    await crowd.end();
    await world.rest();
    t.is(await world.judge(), '');
  });
}

/** Orders that stand still in each state because somebody outside, or inventory, does not answer. */
async function inEveryState(t: ExecutionContext, train: string): Promise<{ end(): Promise<void> }> {
  const { gateway, railway } = world.sandboxes;
  const run = await world.openRun(train);
  const somebody = async () => {
    const buyer = await Buyer.make(world, clients, run);
    const order = await buyer.order();
    return { buyer, order_id: order.orderId, pay_url: await buyer.openPayment(order.orderId) };
  };
  const [unpaid, closing, paid, ticketing, failing, refunding] = await Promise.all([somebody(), somebody(), somebody(), somebody(), somebody(), somebody()]);
  await refunding.buyer.pay(refunding.pay_url);
  await refunding.buyer.until(refunding.order_id, OrderState.SUCCESS);

  gateway.faults.add({ path: '/v1/refunds*', kind: 'fail', probability: 1 });
  gateway.faults.add({ path: '/v1/trades/*', kind: 'fail', probability: 1 });
  const refunded = refunding.buyer.refund(refunding.order_id);
  await refunding.buyer.until(refunding.order_id, OrderState.REFUND);
  railway.faults.add({ path: '/v1/registrations', kind: 'registration_refused', times: 1, probability: 1 });
  await failing.buyer.pay(failing.pay_url);
  // Over for its order, and its money is owed.
  await failing.buyer.until(failing.order_id, OrderState.FAIL, OrderState.CLOSED);
  railway.faults.add({ path: '/v1/registrations*', kind: 'fail', probability: 1 });
  await ticketing.buyer.pay(ticketing.pay_url);
  await ticketing.buyer.until(ticketing.order_id, OrderState.TICKETING);
  await closing.buyer.cancel(closing.order_id);
  await closing.buyer.until(closing.order_id, OrderState.CLOSING);
  await world.halt('inventory');
  await paid.buyer.pay(paid.pay_url);
  await paid.buyer.until(paid.order_id, OrderState.PAID);
  const queueing = await Buyer.make(world, clients, run);
  const queued = queueing.order();
  await eventually(async () => (await world.db.query("SELECT 1 FROM chunyun_order.queue_entry WHERE state IN ('WAITING', 'PROCESSING')")).length > 0);

  const there = await world.db.query<{ state: string }>("SELECT DISTINCT state FROM chunyun_order.orders WHERE state NOT IN ('SUCCESS', 'CLOSED')");
  for (const state of ['CLOSING', 'PAID', 'REFUND', 'TICKETING', 'WAIT_PAY']) t.true(there.some((row) => row.state === state), state);
  const owed = await world.db.query("SELECT 1 FROM chunyun_payment.refund WHERE order_id = ? AND state IN ('DUE', 'PROCESSING')", [BigInt(failing.order_id)]);
  t.is(owed.length, 1);
  return {
    async end() {
      const ordered = await queued;
      await queueing.pay(await queueing.openPayment(ordered.orderId));
      await unpaid.buyer.pay(unpaid.pay_url);
      await refunded;
      const ends = await Promise.all([...[unpaid, closing, paid, ticketing, failing, refunding].map(({ buyer, order_id }) => buyer.until(order_id)), queueing.until(ordered.orderId)]);
      const { SUCCESS, CLOSED } = OrderState;
      t.deepEqual(ends.map(({ state }) => state), [SUCCESS, CLOSED, SUCCESS, SUCCESS, CLOSED, CLOSED, SUCCESS]);
    },
  };
}

/** kill -9; resolves when they serve again. */
async function kill(names: readonly string[]): Promise<void> {
  const servers = world.infra.kept.filter(({ name }) => names.includes(name));
  const again = servers.map((server) => server.restarted(server.restarts()));
  for (const server of servers) process.kill(server.pid()!, 'SIGKILL');
  await Promise.all(again);
}

/** Everybody outside answers again, and pauses that grew meanwhile are over. */
async function goOn(): Promise<void> {
  for (const { faults } of Object.values(world.sandboxes)) faults.clear();
  await world.heal('inventory');
  for (const service of ['order', 'payment', 'ticketing', 'aftersales'] as const) await world.hurry(service);
}
