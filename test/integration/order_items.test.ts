// What inventory is told of the items on some runs, by the real order service and read by inventory's own client.
import test from 'ava';
import type { SqlValue } from '#kit/store/mysql.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { orderClient } from '../../services/inventory/rpc/order_client.ts';
import { buy, fresh, openOrder, pay, reasonOf, requestId, runOf, untilState, wish } from './order_world.ts';

const world = await openOrder();
test.after.always(() => world.lifecycle.stop());

const inventory = world.as('inventory');

test('items are listed by run with their places, and closed ones are not', async (t) => {
  const auth = await world.bearer(fresh());
  const [first, second] = [runOf('L1'), runOf('L2')];
  const two = await buy(world, auth, wish(first, [fresh(), fresh()]));
  const paid = await buy(world, auth, wish(second, [fresh()]));
  await pay(world, paid);
  await untilState(world, paid.orderId, OrderState.SUCCESS, auth);
  const cancelled = await buy(world, auth, wish(second, [fresh()]));
  await world.client.cancelOrder({ requestId: requestId(), orderId: cancelled.orderId }, auth);
  await untilState(world, cancelled.orderId, OrderState.CLOSED, auth);

  const items = await orderClient(inventory, silentLog()).liveItems([second, first, runOf('L3')]);
  const place = (seat_no: string) => [{ coach_no: two.items[0]!.seat!.coachNo, seat_no, from: two.items[0]!.seatParts[0]!.fromIndex, to: two.items[0]!.seatParts[0]!.toIndex }];
  t.deepEqual(items, [
    { order_id: two.orderId, run_id: first, hold_id: two.items[0]!.holdId, item_id: '1', stage: 'RESERVED', state: 'WAIT_PAY', places: place('1A') },
    { order_id: two.orderId, run_id: first, hold_id: two.items[0]!.holdId, item_id: '2', stage: 'RESERVED', state: 'WAIT_PAY', places: place('2A') },
    { order_id: paid.orderId, run_id: second, hold_id: paid.items[0]!.holdId, item_id: '1', stage: 'TICKETED', state: 'SUCCESS', places: place('1A') },
  ]);
  t.is(await orderClient(inventory, silentLog()).ask(two.orderId, two.items[0]!.holdId), 'ALIVE');
  t.is(await orderClient(inventory, silentLog()).ask(two.orderId, 'another'), 'ENDED');
  t.is(await orderClient(inventory, silentLog()).ask(cancelled.orderId, cancelled.items[0]!.holdId), 'CLOSED');
  t.is(await orderClient(inventory, silentLog()).ask('1', 'another'), 'MISSING');
});

test('a long list comes in pages that part no order', async (t) => {
  const auth = await world.bearer(fresh());
  const run_id = runOf('L4');
  const { orderId } = await buy(world, auth, wish(run_id, [fresh(), fresh(), fresh()]));
  await copyOrder(BigInt(orderId), 99);
  const seen: string[] = [];
  const pages: number[] = [];
  for (let pageToken = ''; pages.length === 0 || pageToken !== ''; ) {
    const page = await inventory.listRunItems({ runIds: [run_id, runOf('L0')], pageSize: 1, pageToken });
    pages.push(page.items.length);
    seen.push(...page.items.map((item) => `${item.orderId}-${item.holdItemId}`));
    pageToken = page.nextPageToken;
  }
  t.is(new Set(seen).size, 300);
  t.is(seen.length, 300);
  t.deepEqual(pages, [99, 99, 99, 3]);
});

test('it is for inventory only, and for lists that have an end', async (t) => {
  t.is(await reasonOf(world.as('payment').listRunItems({ runIds: [runOf('L1')] })), 'NOT_ALLOWED');
  t.is(await reasonOf(inventory.listRunItems({})), 'FIELD_INVALID');
  t.is(await reasonOf(inventory.listRunItems({ runIds: Array.from({ length: 201 }, (_, index) => `G${index}.20260115`) })), 'FIELD_INVALID');
  t.is(await reasonOf(inventory.listRunItems({ runIds: [runOf('L1')], pageToken: 'G7.20260115/5' })), 'PAGE_TOKEN_INVALID');
});

/** The order again, so many times, under other numbers. */
async function copyOrder(order_id: bigint, times: number): Promise<void> {
  for (const table of ['orders', 'order_item']) {
    const rows = await world.db.query(`SELECT * FROM ${table} WHERE order_id = ?`, [order_id]);
    for (const row of rows) {
      for (let copy = 1; copy <= times; copy += 1) {
        const changed: Record<string, unknown> = { ...row, order_id: order_id + BigInt(copy), ...(table === 'orders' ? { entry_id: `copy-${copy}`, next_action_time: null } : {}) };
        await world.db.query(`INSERT INTO ${table} (${Object.keys(changed).join(', ')}) VALUES (?)`, [Object.values(changed) as SqlValue]);
      }
    }
  }
}
