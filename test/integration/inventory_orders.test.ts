// Reconciliation of the ledger with the orders: every difference is named, and only what is provably over is ended.
import test from 'ava';
import { HoldOwner, type Difference, type Hold } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { openInventory, second, testRun, type InventoryWorld, type OrderBook } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
const fresh = () => world.open(testRun(`R${(trains += 1)}`));

type Item = OrderBook['items'][number];

/** A hold of an order, and what the order says of it. */
async function ordered(run_id: string, order_id: string, { items = 1, sold = false, state = OrderState.WAIT_PAY }: { items?: number; sold?: boolean; state?: OrderState } = {}): Promise<{ hold: Hold; said: Item[] }> {
  const hold = await world.hold({ holdId: `h-${order_id}`, runId: run_id, items: Array.from({ length: items }, (_, index) => second(String(index + 1))) });
  const asked = { holdId: hold.holdId, runId: run_id, orderId: order_id };
  if (sold) await world.client.sellHold(asked);
  else await world.client.attachOrder({ ...asked, owner: HoldOwner.ORDER });
  const said = hold.seats.map(({ itemId, seat, fromIndex, toIndex }): Item => ({ orderId: order_id, runId: run_id, holdId: hold.holdId, holdItemId: itemId, state, seatParts: [{ seat: { coachNo: seat!.coachNo, seatNo: seat!.seatNo }, fromIndex, toIndex }] }));
  world.order_book.items.push(...said);
  world.orders.set(order_id, state);
  return { hold, said };
}

async function reconciled(run_id: string, dryRun = false): Promise<Difference[]> {
  return (await world.ops.reconcile({ runIds: [run_id], dryRun })).differences;
}

const named = (differences: readonly Difference[]) => differences.map(({ kind, orderId, repaired, explanation }) => [kind, orderId, repaired, explanation]).sort();
const stateOf = async (hold_id: string) => (await world.db.query<{ state: string }>('SELECT state FROM seat_hold WHERE hold_id = ?', [hold_id]))[0]?.state;

test.serial('orders that have what the ledger gives them differ in nothing, and none of them is asked for by itself', async (t) => {
  const run_id = await fresh();
  await ordered(run_id, '101', { items: 3 });
  await ordered(run_id, '102', { sold: true, state: OrderState.SUCCESS });
  await ordered(run_id, '103', { sold: true, state: OrderState.TICKETING });
  await world.hold({ holdId: 'unattached-101', runId: run_id });
  const { asked, listed } = world.order_book;
  t.deepEqual(await reconciled(run_id), []);
  t.is(world.order_book.asked, asked);
  t.is(world.order_book.listed, listed + 3, 'five items in pages of two');
});

test.serial('an order without its hold is named with what is missing, again and again, and never repaired', async (t) => {
  const run_id = await fresh();
  const other_run = await fresh();
  const lost = (await ordered(run_id, '201')).said[0]!;
  lost.holdId = 'nowhere';
  const { hold } = await ordered(run_id, '202');
  await world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.ORDER });
  await ordered(run_id, '203', { state: OrderState.SUCCESS });
  const moved = (await ordered(run_id, '204', { sold: true, state: OrderState.SUCCESS })).said[0]!;
  moved.seatParts![0]!.seat!.seatNo = '09F';
  const elsewhere = (await ordered(other_run, '205', { sold: true, state: OrderState.SUCCESS })).said[0]!;
  elsewhere.runId = run_id;
  const theirs = await ordered(run_id, '206', { sold: true, state: OrderState.SUCCESS });
  world.order_book.items.push({ ...theirs.said[0]!, orderId: '207' });
  // On its way: refunded just now, its places may be anything.
  const refunding = (await ordered(run_id, '208', { sold: true, state: OrderState.REFUND })).said[0]!;
  refunding.seatParts![0]!.seat!.seatNo = '09F';

  const expected = [
    ['ORDER_WITHOUT_HOLD', '201', false, 'item 1 is WAIT_PAY, the ledger has no such hold'],
    ['ORDER_WITHOUT_HOLD', '202', false, 'item 1 is WAIT_PAY, its hold is RELEASED'],
    ['ORDER_WITHOUT_HOLD', '203', false, 'item 1 is SUCCESS, its hold is not sold'],
    ['ORDER_WITHOUT_HOLD', '204', false, `item 1 is SUCCESS, it has 01/09F 0-4 and the ledger 01/${await seatOf('204')} 0-4`],
    ['ORDER_WITHOUT_HOLD', '205', false, `item 1 is SUCCESS, its hold is on run ${other_run}`],
    ['ORDER_WITHOUT_HOLD', '207', false, 'item 1 is SUCCESS, its hold is of order 206'],
  ];
  t.deepEqual(named(await reconciled(run_id)), expected);
  t.deepEqual(named(await reconciled(run_id)), expected);
  t.is(await stateOf('h-201'), 'HELD', 'the order says that it lives');
});

test.serial('the hold of a closed order is released; that of an order nobody knows is only named', async (t) => {
  const run_id = await fresh();
  for (const [order_id, sold] of [['301', false], ['302', true], ['303', false], ['304', true]] as const) await ordered(run_id, order_id, { sold });
  const partly = await ordered(run_id, '305', { items: 2, sold: true, state: OrderState.SUCCESS });
  world.order_book.items = world.order_book.items.filter((item) => item.runId !== run_id || item === partly.said[0]);
  for (const order_id of ['301', '302']) world.orders.set(order_id, OrderState.CLOSED);
  for (const order_id of ['303', '304']) world.orders.delete(order_id);

  const found = (repaired: boolean) => [
    ['HOLD_WITHOUT_ORDER', '301', repaired, 'the hold is HELD, the order is closed'],
    ['HOLD_WITHOUT_ORDER', '302', repaired, 'the hold is SOLD, the order is closed'],
    ['HOLD_WITHOUT_ORDER', '303', false, 'the hold is HELD, there is no such order'],
    ['HOLD_WITHOUT_ORDER', '304', false, 'the hold is SOLD, there is no such order'],
    ['HOLD_WITHOUT_ORDER', '305', false, 'the order needs no places for item 2'],
  ];
  t.deepEqual(named(await reconciled(run_id, true)), found(false));
  t.is(await stateOf('h-301'), 'HELD', 'a dry run changes nothing');
  t.deepEqual(named(await reconciled(run_id)), found(true));
  t.deepEqual(await Promise.all(['301', '302', '303', '304', '305'].map((order_id) => stateOf(`h-${order_id}`))), ['RELEASED', 'RELEASED', 'HELD', 'SOLD', 'SOLD']);
  t.deepEqual(named(await reconciled(run_id)), found(true).slice(2));
  const { remaining } = await world.client.getRemaining({ runId: run_id, stretches: [{ fromIndex: 0, toIndex: 4 }] });
  t.is(remaining[0]?.remaining, 16, 'the two were given back');
});

test.serial('what is only on its way is no difference', async (t) => {
  const run_id = await fresh();
  const { said } = await ordered(run_id, '401', { sold: true, state: OrderState.SUCCESS });
  const [item] = said;
  const held_id = item!.holdId!;
  // Held again under another id when it is looked at first, and written so by the time of the second look.
  item!.holdId = 'an older one';
  const listed = world.order_book.listed;
  const found = reconciled(run_id);
  while (world.order_book.listed === listed) await new Promise((resolve) => setImmediate(resolve));
  item!.holdId = held_id;
  t.deepEqual(await found, []);
  t.is(world.order_book.listed, listed + 2, 'it was seen, and looked at again');
});

test.serial('orders that can not be asked are said to be not compared, and nothing is released', async (t) => {
  const run_id = await fresh();
  await ordered(run_id, '501', { state: OrderState.CLOSED });
  world.order_book.items = world.order_book.items.filter(({ runId }) => runId !== run_id);
  world.order_book.away = true;
  t.deepEqual(named(await reconciled(run_id)), [['NOT_COMPARED', '', false, 'the orders could not be asked']]);
  world.order_book.away = false;
  t.is(await stateOf('h-501'), 'HELD');
  t.deepEqual(named(await reconciled(run_id)), [['HOLD_WITHOUT_ORDER', '501', true, 'the hold is HELD, the order is closed']]);
});

async function seatOf(order_id: string): Promise<string> {
  const { hold } = await world.client.getHold({ holdId: `h-${order_id}`, runId: world.order_book.items.find(({ orderId }) => orderId === order_id)!.runId! });
  return hold!.seats[0]!.seat!.seatNo;
}
