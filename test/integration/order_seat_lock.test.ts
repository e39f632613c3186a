// Seats chosen on the seat map: the lock that a submission names is the traveller's, fits, and is what the hold takes over.
import test from 'ava';
import { HoldOwner, HoldState } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueueState } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { CallOptions } from '#kit/rpc/client.ts';
import type { LockFacts } from './order_peers.ts';
import { buy, FARE_FEN, fresh, openOrder, outcome, reasonOf, requestId, runOf, wish } from './order_world.ts';

const world = await openOrder();
const { client, peers } = world;
test.after.always(() => world.lifecycle.stop());

const seat = (seatNo: string, seatClass: SeatClass = SeatClass.SECOND) => ({ coachNo: '05', seatNo, seatClass });

function lockFor(account_id: string, run_id: string, more: Partial<LockFacts> = {}): string {
  const lock_id = `lock-${fresh()}`;
  peers.locks.set(lock_id, { account_id, run_id, owner: HoldOwner.SEAT_LOCK, state: HoldState.HELD, seats: [seat('12A')], from: 0, to: 3, kept_ms: 0, ...more });
  return lock_id;
}

async function traveller(): Promise<{ account_id: string; auth: CallOptions }> {
  const account_id = fresh();
  return { account_id, auth: await world.bearer(account_id) };
}

test('the passengers get the locked seats in order, at the price of their class, and the hold takes the lock over', async (t) => {
  const { account_id, auth } = await traveller();
  const run_id = runOf('L1');
  const lock_id = lockFor(account_id, run_id, { seats: [seat('03F', SeatClass.FIRST), seat('12A')] });
  const either = [SeatClass.SECOND, SeatClass.FIRST];
  const passengers = [fresh(), fresh()].map((passengerId) => ({ passengerId, seatClasses: either }));
  const order = await buy(world, auth, wish(run_id, [], { passengers, seatLockId: lock_id, acceptStanding: true }));
  t.deepEqual(order.items.map((item) => item.seat?.seatNo), ['03F', '12A']);
  t.is(order.total?.amountFen, BigInt(FARE_FEN * 3), 'first class costs twice as much here');
  const asked = peers.hold_requests.get(order.items[0]!.holdId)!;
  t.deepEqual([asked.seatLockId, asked.accountId], [lock_id, account_id]);
  t.deepEqual(asked.items.map((item) => [item.seat?.seatNo, item.seatClasses]), [['03F', [SeatClass.FIRST]], ['12A', [SeatClass.SECOND]]], 'no standing place beside a chosen seat');
  t.is(peers.locks.get(lock_id)!.kept_ms, 540_000, 'kept while the entry waits, within ten minutes of its making');
});

test('a lock that is not the caller’s, is none, or is over is refused before anything is written', async (t) => {
  const { account_id, auth } = await traveller();
  const run_id = runOf('L2');
  const submit = (seatLockId: string, passengers = 1) => reasonOf(client.submitOrder(wish(run_id, Array.from({ length: passengers }, fresh), { seatLockId }), auth));
  t.is(await submit(lockFor(fresh(), run_id)), 'HOLD_NOT_FOUND', 'another account’s');
  t.is(await submit(lockFor('', run_id)), 'HOLD_NOT_FOUND', 'nobody’s');
  t.is(await submit(lockFor(account_id, run_id, { owner: HoldOwner.ORDER })), 'HOLD_NOT_FOUND', 'the hold of an order');
  t.is(await submit('lock-unknown'), 'HOLD_NOT_FOUND');
  t.is(await submit('lock with spaces'), 'HOLD_NOT_FOUND');
  t.is(await submit(lockFor(account_id, runOf('L3'))), 'HOLD_NOT_FOUND', 'on another train');
  t.is(await submit(lockFor(account_id, run_id, { state: HoldState.RELEASED })), 'HOLD_EXPIRED');
  t.is(await submit(lockFor(account_id, run_id, { from: 1 })), 'SEAT_MALFORMED', 'for another stretch');
  t.is(await submit(lockFor(account_id, run_id), 2), 'SEAT_MALFORMED', 'one seat for two');
  t.is(await submit(lockFor(account_id, run_id, { seats: [seat('01A', SeatClass.FIRST)] })), 'SEAT_MALFORMED', 'a class that was not asked for');
  const other = wish(run_id, [], { passengers: [{ passengerId: fresh(), seatClasses: [SeatClass.SECOND], seat: seat('01B') }], seatLockId: lockFor(account_id, run_id) });
  t.is(await reasonOf(client.submitOrder(other, auth)), 'SEAT_MALFORMED', 'and another seat named beside it');
  const [rows] = await world.db.query<{ count: bigint }>('SELECT COUNT(*) AS count FROM queue_entry WHERE run_id = ?', [run_id]);
  t.is(rows?.count, 0n);
});

test('a repeat is the same entry, also after the lock was used up; another lock is another request', async (t) => {
  const { account_id, auth } = await traveller();
  const run_id = runOf('L4');
  const request = wish(run_id, [fresh()], { seatLockId: lockFor(account_id, run_id) });
  const order = await buy(world, auth, request);
  t.is((await client.submitOrder(request, auth)).status?.orderId, order.orderId);
  t.is(await reasonOf(client.submitOrder({ ...request, seatLockId: '' }, auth)), 'REQUEST_ID_REUSED');
});

test('a seat that was lost meanwhile ends the entry with that reason; an extension that fails ends nothing', async (t) => {
  const { account_id, auth } = await traveller();
  const run_id = runOf('L5');
  const kept = await buy(world, auth, wish(run_id, [fresh()], { seatLockId: lockFor(account_id, run_id, { cannot_extend: true }) }));
  t.is(kept.items[0]!.seat?.seatNo, '12A');
  for (const [run_id, lost_when_seen, reason] of [[runOf('L6'), 'released', 'SEAT_LOCKED'], [runOf('L8'), 'forgotten', 'HOLD_NOT_FOUND']] as const) {
    const { status } = await client.submitOrder(wish(run_id, [fresh()], { seatLockId: lockFor(account_id, run_id, { lost_when_seen }) }), auth);
    t.like(await outcome(world, status!.queueToken, auth), { state: QueueState.FAILED, reason });
  }
});

test('who leaves the queue gives the locked seats back at once', async (t) => {
  const { account_id, auth } = await traveller();
  const run_id = runOf('L7');
  peers.seats.set(run_id, 50);
  // One a second is served, so that the last one waits.
  for (let ahead = 0; ahead < 8; ahead += 1) await client.submitOrder(wish(run_id, [fresh()]), auth);
  const lock_id = lockFor(account_id, run_id);
  const { status } = await client.submitOrder(wish(run_id, [fresh()], { seatLockId: lock_id }), auth);
  t.is(peers.locks.get(lock_id)!.kept_ms, 540_000);
  t.is((await client.leaveQueue({ queueToken: status!.queueToken, requestId: requestId() }, auth)).status?.state, QueueState.LEFT);
  t.is(peers.locks.get(lock_id)!.state, HoldState.RELEASED);
});
