/** Order is killed while it takes in what the railway changed of a run: the next life finishes it, and everybody is told once. */
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import test, { type ExecutionContext } from 'ava';
import { RunCancelledSchema, RunTimesChangedSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import { OrderService, OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import { freePort, LOOPBACK } from '../../scripts/stack/ports.ts';
import { runPublisher } from '../integration/order_run_words.ts';
import { buy, fresh, openOrder, pay, runOf, until, untilState, wish, type OrderWorld } from '../integration/order_world.ts';
import { pointOf } from './points.ts';
import { Doomed } from './saga_doomed.ts';

const LATER_MS = 1_800_000;
/** The queue is busy with one entry for so long that the others wait. */
const BUSY_MS = 2000;

let world: OrderWorld;
let doomed: Doomed;
let publish: ReturnType<typeof runPublisher>;
let revision = 0n;
let trains = 0;

test.before(async () => {
  const opened = await openOrder();
  await opened.stopService();
  const port = await freePort();
  doomed = opened.lifecycle.add('order', await Doomed.start('order', { ...opened.env, ORDER_PORT: String(port) }));
  const client = createClient(OrderService, { service: 'test', address: `${LOOPBACK}:${port}`, default_timeout_ms: 60_000 });
  opened.lifecycle.onStop('client', () => client.close());
  world = { ...opened, client };
  publish = runPublisher(world.bus);
});
test.after.always(() => world?.lifecycle.stop());

/** Killed at a point, with everything due at once for the next life: waiting for that would prove nothing. */
async function killed(t: ExecutionContext, where: string, say: () => Promise<void>): Promise<void> {
  await doomed.arm(pointOf(where));
  await say();
  t.is(await doomed.died, 'SIGKILL');
  world.peers.hold_delay_ms = 0;
  await doomed.revive();
  for (const table of ['lease', 'outbox_relay']) await world.db.query(`UPDATE ${table} SET expires_at = UTC_TIMESTAMP(3)`);
  for (const table of ['run_word', 'orders', 'queue_entry']) await world.db.query(`UPDATE ${table} SET next_action_time = UTC_TIMESTAMP(3) WHERE next_action_time IS NOT NULL`);
}

async function unpaidAndTicketed(run_id: string, auth: CallOptions): Promise<[Order, Order]> {
  const [unpaid, ticketed] = [await buy(world, auth, wish(run_id, [fresh()])), await buy(world, auth, wish(run_id, [fresh()]))];
  await pay(world, ticketed);
  return [unpaid, await untilState(world, ticketed.orderId, OrderState.SUCCESS, auth)];
}

const toldOf = async ({ orderId }: Order): Promise<string[]> =>
  (await world.db.query<{ type: string }>("SELECT type FROM outbox WHERE event_key = ? AND (type LIKE '%OrderTimesChanged' OR type LIKE '%OrderRun%' OR type LIKE '%OrderClosed') ORDER BY sequence", [orderId])).map(({ type }) => type.split('.').at(-1)!);

for (const where of ['after words.of', 'before words.change', 'inside words.change', 'committed words.change', 'after words.change', 'inside words.change 2', 'after ticketing.keep']) {
  test.serial(`killed ${where} while times move`, async (t) => {
    const run_id = runOf(`C${(trains += 1)}`);
    const auth = await world.bearer(fresh());
    const orders = await unpaidAndTicketed(run_id, auth);
    const { departureTime } = orders[0].journey!;
    const later = timestampFromMs(timestampMs(departureTime!) + LATER_MS);
    await killed(t, where, () => publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: (revision += 1n), stops: [{ index: 0, departureTime: later }, { index: 3, arrivalTime: timestampFromMs(timestampMs(orders[0].journey!.arrivalTime!) + LATER_MS) }], orders: [] }));
    for (const order of orders) {
      await until(async () => timestampMs((await world.client.getOrder({ orderId: order.orderId }, auth)).order!.journey!.departureTime!) === timestampMs(later));
      const [claim, ...more] = await world.db.query<{ start_time: Date }>('SELECT start_time FROM passenger_claim WHERE order_id = ?', [BigInt(order.orderId)]);
      t.deepEqual([claim!.start_time.getTime(), more.length], [timestampMs(later), 0]);
      t.deepEqual(await toldOf(order), ['OrderTimesChanged']);
    }
    await until(() => world.peers.kept.has(run_id));
  });
}

for (const where of ['inside words.endWaiting', 'committed words.endWaiting', 'after words.endWaiting', 'inside words.change', 'committed words.change', 'after words.change', 'inside orders.apply', 'after orders.apply', 'after money.close']) {
  test.serial(`killed ${where} while a run is cancelled`, async (t) => {
    const run_id = runOf(`C${(trains += 1)}`);
    const auth = await world.bearer(fresh());
    const [unpaid, ticketed] = await unpaidAndTicketed(run_id, auth);
    world.peers.hold_delay_ms = BUSY_MS;
    for (let entry = 0; entry < 3; entry += 1) {
      await world.client.submitOrder(wish(run_id, [fresh()]), auth);
      await until(async () => (await world.db.query("SELECT 1 FROM queue_entry WHERE run_id = ? AND state = 'PROCESSING'", [run_id])).length === 1);
    }
    world.peers.cancelled.add(run_id);
    await killed(t, where, () => publish(RunCancelledSchema, run_id, { runId: run_id, revision: (revision += 1n), orders: [] }));
    await untilState(world, unpaid.orderId, OrderState.CLOSED, auth);
    await until(async () => (await toldOf(ticketed)).length > 0);
    t.deepEqual([await toldOf(unpaid), await toldOf(ticketed)], [['OrderRunCancelled', 'OrderClosed'], ['OrderRunCancelled']]);
    await until(async () => (await world.db.query("SELECT 1 FROM queue_entry WHERE run_id = ? AND state = 'FAILED' AND reason = 'RUN_CANCELLED'", [run_id])).length === 3);
    t.is((await world.db.query("SELECT 1 FROM outbox o JOIN queue_entry q ON q.entry_id = o.event_key WHERE q.run_id = ? AND o.type LIKE '%QueueEntryFailed'", [run_id])).length, 3);
    await until(() => world.peers.hold(run_id, unpaid.items[0]!.holdId)?.state === 'RELEASED');
  });
}
