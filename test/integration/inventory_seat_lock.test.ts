// Seats chosen on the map, and the hold of the order that takes them over.
import test from 'ava';
import { HoldOwner, HoldState } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { openInventory, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
const fresh = () => world.open(testRun(`L${(trains += 1)}`));
const reasonOf = async (call: Promise<unknown>) => ((await call.then(() => undefined, (error: unknown) => error)) as RpcError | undefined)?.reason;
let requests = 0;
const requestId = () => `01900000-0000-7000-8000-${String((requests += 1)).padStart(12, '0')}`;

async function lock(run_id: string, account_id = '101', ...numbers: string[]): Promise<string> {
  const seats = (numbers.length === 0 ? ['03A', '03B'] : numbers).map((seatNo) => ({ coachNo: '01', seatNo }));
  const { seatLockId } = await world.seats.lockSeats({ runId: run_id, fromStationId: 's0', toStationId: 's4', requestId: requestId(), seats }, { metadata: await world.tokens.headersFor({ account_id }) });
  return seatLockId;
}

function order(run_id: string, seatLockId: string, accountId = '101', ...numbers: string[]) {
  const items = (numbers.length === 0 ? ['03A', '03B'] : numbers).map((seatNo, index) => ({ itemId: String(index + 1), seat: { coachNo: '01', seatNo } }));
  return { holdId: `order-${run_id}`, runId: run_id, fromStationId: 's0', toStationId: 's4', items, owner: HoldOwner.ORDER, seatLockId, accountId };
}

async function remaining(run_id: string): Promise<number> {
  return (await world.client.getRemaining({ runId: run_id, stretches: [{ fromIndex: 0, toIndex: 4 }] })).remaining[0]!.remaining;
}

test('the hold takes the seats of the lock over in one step, once', async (t) => {
  const run_id = await fresh();
  const lock_id = await lock(run_id);
  const { hold } = await world.client.holdSeats(order(run_id, lock_id));
  t.deepEqual(hold?.seats.map(({ seat }) => seat?.seatNo), ['03A', '03B']);
  t.deepEqual([hold?.state, hold?.owner, hold?.orderId], [HoldState.HELD, HoldOwner.ORDER, '']);
  t.is((await world.client.getHold({ holdId: lock_id, runId: run_id })).hold?.state, HoldState.RELEASED);
  t.is(await remaining(run_id), 18);
  t.deepEqual((await world.client.holdSeats(order(run_id, lock_id))).hold?.seats, hold?.seats, 'a repeat has the same answer');
  // The traveller's page gives the lock back late: it is over, and the order's seats stay.
  await world.seats.releaseSeats({ seatLockId: lock_id, runId: run_id }, { metadata: await world.tokens.headersFor({ account_id: '101' }) });
  t.is(await remaining(run_id), 18);
  await world.client.releaseHold({ holdId: `order-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  t.is(await remaining(run_id), 20);
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test('some of the locked seats are taken, the others go back', async (t) => {
  const run_id = await fresh();
  const lock_id = await lock(run_id, '101', '03A', '03B', '03C');
  await world.client.holdSeats(order(run_id, lock_id, '101', '03A', '03C'));
  await until(async () => (await remaining(run_id)) === 18);
  const { coaches } = await world.seats.getSeatMap({ runId: run_id, fromStationId: 's0', toStationId: 's4', coachNo: '01' });
  t.deepEqual(coaches[0]?.seats.filter(({ free }) => !free).map(({ seat }) => seat?.seatNo), ['03A', '03C']);
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test('nobody takes over what is not his, and what is locked is not sold around the lock', async (t) => {
  const run_id = await fresh();
  const lock_id = await lock(run_id);
  t.is(await reasonOf(world.client.holdSeats(order(run_id, lock_id, '102'))), 'HOLD_NOT_FOUND', 'another account');
  t.is(await reasonOf(world.client.holdSeats(order(run_id, lock_id, ''))), 'HOLD_NOT_FOUND', 'no account');
  t.is(await reasonOf(world.client.holdSeats({ ...order(run_id, ''), accountId: '' })), 'SEAT_LOCKED', 'without the lock');
  const another = await fresh();
  t.is(await reasonOf(world.client.holdSeats({ ...order(another, lock_id), holdId: 'x' })), 'HOLD_NOT_FOUND', 'another run');
  t.is((await world.client.getHold({ holdId: lock_id, runId: run_id })).hold?.state, HoldState.HELD);
});

test('a lock that has run out: its seats while nobody has them, else they are locked', async (t) => {
  const run_id = await fresh();
  const lock_id = await lock(run_id);
  await world.db.query('UPDATE seat_hold SET expires_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE hold_id = ?', [lock_id]);
  await until(async () => (await remaining(run_id)) === 20);
  const { hold } = await world.client.holdSeats(order(run_id, lock_id));
  t.deepEqual(hold?.seats.map(({ seat }) => seat?.seatNo), ['03A', '03B']);
  t.is(await reasonOf(world.client.holdSeats({ ...order(run_id, lock_id), holdId: 'late' })), 'SEAT_LOCKED');
});

/** Polls what another loop will make true; ava's own limit ends it when it never does. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20));
}
