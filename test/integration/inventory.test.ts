import test from 'ava';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { HoldOwner, HoldState, type Remaining } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { runKeys } from '../../services/inventory/store/seat_keys.ts';
import { openInventory, second, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
const fresh = (options: Parameters<typeof testRun>[1] = {}) => world.open(testRun(`G${(trains += 1)}`, options));
const reasonOf = async (call: Promise<unknown>) => ((await call.then(() => undefined, (error: unknown) => error)) as RpcError | undefined)?.reason;

async function remaining(run_id: string, from: number, to: number, seat_class: SeatClass = SeatClass.SECOND): Promise<number | undefined> {
  const answer = await world.client.getRemaining({ runId: run_id, stretches: [{ fromIndex: from, toIndex: to }] });
  return answer.remaining.find(({ seatClass }: Remaining) => seatClass === seat_class)?.remaining;
}

/** Occupied segments in the ledger, as text: what an auditor would add up. */
async function occupied(run_id: string): Promise<number> {
  const [row] = await world.db.query<{ bits: string | null }>('SELECT SUM(BIT_COUNT(occupied)) AS bits FROM seat_ledger JOIN train_run USING (run_no) WHERE run_id = ?', [run_id]);
  return Number(row?.bits ?? 0);
}

test('a run is opened once, and what cannot be carried is refused by name', async (t) => {
  const run = testRun('G900');
  const long = testRun('G901', { stops: 70 });
  world.timetable.set(run.runId!, run).set(long.runId!, long);
  const ids = { serviceDate: run.serviceDate, runIds: [run.runId!, long.runId!] };
  const first = await world.ops.openRuns(ids);
  t.is(first.opened, 1);
  t.is(first.refused.length, 1);
  t.regex(first.refused[0]!, /^G901\.\d+: 69 segments/);
  const again = await world.ops.openRuns(ids);
  t.deepEqual([again.opened, again.alreadyOpen], [0, 1]);
  t.is(await remaining(run.runId!, 0, 4), 20);
});

test('held, attached, sold and given back: ledger and remaining agree at each step', async (t) => {
  const run_id = await fresh();
  const hold = await world.hold({ holdId: `h-${run_id}`, runId: run_id, fromStationId: 's1', toStationId: 's3' });
  t.is(hold.state, HoldState.HELD);
  t.deepEqual([hold.seats[0]?.fromIndex, hold.seats[0]?.toIndex], [1, 3]);
  t.is(await remaining(run_id, 0, 4), 19);
  t.is(await remaining(run_id, 0, 1), 20);
  t.is(await occupied(run_id), 2);

  const attached = (await world.client.attachOrder({ holdId: hold.holdId, runId: run_id, orderId: '7001', owner: HoldOwner.ORDER })).hold!;
  t.is(attached.orderId, '7001');
  const sold = (await world.client.sellHold({ holdId: hold.holdId, runId: run_id, orderId: '7001' })).hold!;
  t.is(sold.state, HoldState.SOLD);
  t.is((await world.client.sellHold({ holdId: hold.holdId, runId: run_id, orderId: '7001' })).hold!.version, sold.version, 'selling again changes nothing');
  t.is(await reasonOf(world.client.sellHold({ holdId: hold.holdId, runId: run_id, orderId: '7002' })), 'HOLD_CONFLICT');
  t.deepEqual((await world.redis.client.hkeys(runKeys({ bucket: await bucketOf(run_id), run_id })[0])).filter((field) => field.startsWith('h:')), [], 'Redis forgets what is sold');

  const released = (await world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.ORDER, reason: '退票 refunded' })).hold!;
  t.is(released.state, HoldState.RELEASED);
  t.is((await world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.ORDER, reason: 'refunded' })).hold!.version, released.version, 'releasing again changes nothing');
  t.is(await remaining(run_id, 0, 4), 20);
  t.is(await occupied(run_id), 0);
  const [events] = await world.db.query<{ types: string }>("SELECT GROUP_CONCAT(type ORDER BY sequence SEPARATOR ' ') AS types FROM outbox WHERE event_key = ? AND type LIKE '%Seats%'", [run_id]);
  t.is(events?.types, 'rail.event.v1.SeatsHeld rail.event.v1.SeatsSold rail.event.v1.SeatsReleased');
  const [audit] = await world.db.query<{ records: bigint }>('SELECT COUNT(*) AS records FROM audit_record WHERE target = ?', [`hold/${hold.holdId}`]);
  t.is(audit?.records, 3n);
});

test('a hold is idempotent by its id and body', async (t) => {
  const run_id = await fresh();
  const first = await world.hold({ holdId: `same-${run_id}`, runId: run_id });
  const again = await world.hold({ holdId: `same-${run_id}`, runId: run_id });
  t.deepEqual(again.seats, first.seats);
  t.is(await reasonOf(world.hold({ holdId: `same-${run_id}`, runId: run_id, toStationId: 's3' })), 'HOLD_CONFLICT');
  t.is(await remaining(run_id, 0, 4), 19);
});

test('many at once with one id are one hold', async (t) => {
  const run_id = await fresh();
  const answers = await Promise.all(Array.from({ length: 20 }, () => world.hold({ holdId: `once-${run_id}`, runId: run_id })));
  t.is(new Set(answers.map(({ seats }) => seats[0]?.seat?.seatNo)).size, 1);
  t.is(await occupied(run_id), 4);
});

test('200 at once on 20 seats: exactly 20 are held, no seat twice', async (t) => {
  const run_id = await fresh();
  const outcomes = await Promise.all(Array.from({ length: 200 }, (_, index) => reasonOf(world.hold({ holdId: `many-${run_id}-${index}`, runId: run_id }))));
  t.is(outcomes.filter((reason) => reason === undefined).length, 20);
  t.is(outcomes.filter((reason) => reason === 'SOLD_OUT').length, 180);
  const rows = await world.db.query<{ places: string }>("SELECT places FROM seat_hold WHERE run_id = ? AND state = 'HELD'", [run_id]);
  const seats = rows.map(({ places }) => (JSON.parse(places) as [string, number, number][])[0]!.slice(1, 3).join('/'));
  t.is(new Set(seats).size, 20);
  t.is(await occupied(run_id), 80);
  t.is(await remaining(run_id, 0, 4), 0);
});

test('what remains is exactly what can be bought', async (t) => {
  const run_id = await fresh({ stops: 6 });
  for (let index = 0; index < 25; index += 1) {
    const from = index % 5;
    await reasonOf(world.hold({ holdId: `mix-${run_id}-${index}`, runId: run_id, fromStationId: `s${from}`, toStationId: `s${Math.min(5, from + 1 + (index % 3))}` }));
  }
  const left = (await remaining(run_id, 1, 4))!;
  t.true(left > 0 && left < 20);
  for (let index = 0; index < left; index += 1) await world.hold({ holdId: `rest-${run_id}-${index}`, runId: run_id, fromStationId: 's1', toStationId: 's4' });
  t.is(await reasonOf(world.hold({ holdId: `rest-${run_id}-x`, runId: run_id, fromStationId: 's1', toStationId: 's4' })), 'SOLD_OUT');
});

test('a batch answers each request in its place', async (t) => {
  const run_id = await fresh();
  const request = (holdId: string, fields: object = {}) => ({ holdId, runId: run_id, fromStationId: 's0', toStationId: 's4', items: [second('1')], owner: HoldOwner.ORDER, ...fields });
  const { results } = await world.client.batchHoldSeats({ requests: [request('b1'), request('b2', { runId: 'G0.20200101' }), request('b3', { items: Array.from({ length: 19 }, (_, index) => second(String(index))) }), request('b4')] });
  t.deepEqual(results.map(({ outcome }) => outcome.case), ['hold', 'error', 'hold', 'error']);
});

test('a group is held together, and all or nothing', async (t) => {
  const run_id = await fresh();
  const items = ['1', '2', '3'].map(second);
  const hold = await world.hold({ holdId: `t-${run_id}`, runId: run_id, items, preference: { together: true } });
  t.deepEqual(hold.seats.map(({ seat }) => seat?.seatNo), ['01A', '01B', '01C']);
  t.is(await reasonOf(world.hold({ holdId: `u-${run_id}`, runId: run_id, items: Array.from({ length: 18 }, (_, index) => second(String(index))) })), 'SOLD_OUT');
  t.is(await remaining(run_id, 0, 4), 17);
});

test('wishes are fulfilled where they can be, and refused where they must', async (t) => {
  const run_id = await fresh();
  const window = async (id: string, required = false) => (await world.hold({ holdId: `${id}-${run_id}`, runId: run_id, preference: { window: true, required } })).seats[0]!.seat!.seatNo;
  const got = await Promise.all(Array.from({ length: 8 }, (_, index) => window(`w${index}`)));
  t.true(got.every((seat_no) => /[AF]$/.test(seat_no)), got.join(' '));
  t.regex(await window('w8'), /[BCD]$/, 'falls back');
  t.is(await reasonOf(window('w9', true)), 'SOLD_OUT');
});

test('a journey prefers a seat whose other segments are taken', async (t) => {
  const run_id = await fresh();
  const first = await world.hold({ holdId: `f-${run_id}`, runId: run_id, fromStationId: 's0', toStationId: 's2' });
  const then = await world.hold({ holdId: `g-${run_id}`, runId: run_id, fromStationId: 's2', toStationId: 's4' });
  t.deepEqual(then.seats[0]?.seat, first.seats[0]?.seat);
});

test('of two seats that are free, the one with both neighbouring segments taken is given', async (t) => {
  const run_id = await fresh();
  const take = (id: string, seatNo: string, from: number, to: number) =>
    world.hold({ holdId: `${id}-${run_id}`, runId: run_id, items: [{ itemId: '1', seat: { coachNo: '01', seatNo } }], fromStationId: `s${from}`, toStationId: `s${to}` });
  await take('i', '01A', 0, 1);
  await take('j', '03C', 0, 1);
  await take('k', '03C', 2, 3);
  const hold = await world.hold({ holdId: `l-${run_id}`, runId: run_id, fromStationId: 's1', toStationId: 's2' });
  t.is(hold.seats[0]?.seat?.seatNo, '03C');
});

test('classes are tried best first, and a group is spread so that all find one', async (t) => {
  const run_id = await fresh({ coaches: [[SeatClass.FIRST, 1], [SeatClass.SECOND, 1]] });
  const items = [
    { itemId: '1', seatClasses: [SeatClass.SECOND, SeatClass.FIRST] },
    { itemId: '2', seatClasses: [SeatClass.SECOND] },
  ];
  const hold = await world.hold({ holdId: `c-${run_id}`, runId: run_id, items });
  const by_item = new Map(hold.seats.map(({ itemId, seat }) => [itemId, seat?.seatClass]));
  t.deepEqual([by_item.get('1'), by_item.get('2')], [SeatClass.FIRST, SeatClass.SECOND]);
});

test('standing places are counted by segment', async (t) => {
  const run_id = await fresh({ standing: 2 });
  const standing = [{ itemId: '1', seatClasses: [SeatClass.STANDING] }];
  await world.hold({ holdId: `s1-${run_id}`, runId: run_id, items: standing, toStationId: 's2' });
  const hold = await world.hold({ holdId: `s2-${run_id}`, runId: run_id, items: standing });
  t.is(hold.seats[0]?.seat?.coachNo, '');
  t.is(await remaining(run_id, 0, 4, SeatClass.STANDING), 0);
  t.is(await remaining(run_id, 2, 4, SeatClass.STANDING), 1);
  t.is(await reasonOf(world.hold({ holdId: `s3-${run_id}`, runId: run_id, items: standing })), 'SOLD_OUT');
  await world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.ORDER });
  t.is(await remaining(run_id, 2, 4, SeatClass.STANDING), 2);
});

test('a change of seat covers a trip that no seat goes through', async (t) => {
  const run_id = await fresh({ coaches: [[SeatClass.SECOND, 2]] });
  const named = (seatNo: string) => [{ itemId: '1', seat: { coachNo: '01', seatNo } }];
  await world.hold({ holdId: `x1-${run_id}`, runId: run_id, items: named('01A'), toStationId: 's2' });
  await world.hold({ holdId: `x2-${run_id}`, runId: run_id, items: named('01B'), fromStationId: 's2' });
  t.is(await reasonOf(world.hold({ holdId: `x3-${run_id}`, runId: run_id })), 'SOLD_OUT');
  const hold = await world.hold({ holdId: `x4-${run_id}`, runId: run_id, acceptSameTrainChange: true });
  t.deepEqual(hold.seats.map(({ seat, fromIndex, toIndex }) => [seat?.seatNo, fromIndex, toIndex]), [['01B', 0, 2], ['01A', 2, 4]]);
});

test('a named seat that is taken is locked, not sold out', async (t) => {
  const run_id = await fresh();
  const items = [{ itemId: '1', seat: { coachNo: '01', seatNo: '02C' } }];
  t.is((await world.hold({ holdId: `n1-${run_id}`, runId: run_id, items })).seats[0]?.seat?.seatNo, '02C');
  t.is(await reasonOf(world.hold({ holdId: `n2-${run_id}`, runId: run_id, items })), 'SEAT_LOCKED');
  t.is(await reasonOf(world.hold({ holdId: `n3-${run_id}`, runId: run_id, items: [{ itemId: '1', seat: { coachNo: '01', seatNo: '99Z' } }] })), 'SEAT_MALFORMED');
});

test('some items of a hold can be given back, before and after the sale', async (t) => {
  const run_id = await fresh();
  const hold_id = `p-${run_id}`;
  await world.hold({ holdId: hold_id, runId: run_id, items: ['1', '2', '3'].map(second) });
  const release = async (itemIds: string[]) => (await world.client.releaseHold({ holdId: hold_id, runId: run_id, owner: HoldOwner.ORDER, itemIds })).hold!;
  t.deepEqual((await release(['2'])).seats.map(({ itemId }) => itemId), ['1', '3']);
  t.is(await remaining(run_id, 0, 4), 18);
  await world.client.sellHold({ holdId: hold_id, runId: run_id, orderId: '7100' });
  t.is((await release(['1'])).state, HoldState.SOLD);
  t.is(await remaining(run_id, 0, 4), 19);
  t.is((await release(['1', '2'])).seats.length, 1, 'again: nothing');
  t.is((await release([])).state, HoldState.RELEASED);
  t.is(await remaining(run_id, 0, 4), 20);
});

test('releasing an unknown hold makes it impossible for ever', async (t) => {
  const run_id = await fresh();
  const { hold } = await world.client.releaseHold({ holdId: `never-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  t.is(hold?.state, HoldState.ABORTED);
  t.is(await reasonOf(world.hold({ holdId: `never-${run_id}`, runId: run_id })), 'HOLD_CONFLICT');
  t.is(await remaining(run_id, 0, 4), 20);
});

test('only the owner releases, and only the version it knows', async (t) => {
  const run_id = await fresh();
  const hold = await world.hold({ holdId: `o-${run_id}`, runId: run_id });
  t.is(await reasonOf(world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.STANDBY })), 'HOLD_CONFLICT');
  t.is(await reasonOf(world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.ORDER, version: 9n })), 'VERSION_STALE');
  t.is(await occupied(run_id), 4);
});

test('an unattached hold runs out; an attached one asks its order first', async (t) => {
  const run_id = await fresh();
  await world.hold({ holdId: `e1-${run_id}`, runId: run_id, holdTtlMs: 100 });
  const attached = await world.hold({ holdId: `e2-${run_id}`, runId: run_id });
  await world.client.attachOrder({ holdId: attached.holdId, runId: run_id, orderId: '7200', owner: HoldOwner.ORDER });
  world.orders.set('7200', OrderState.WAIT_PAY);
  const due = () => world.db.query('UPDATE seat_hold SET expires_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE hold_id = ?', [attached.holdId]);
  await due();
  await until(async () => (await stateOf(`e1-${run_id}`)) === 'RELEASED');
  await until(async () => (await world.db.query('SELECT 1 FROM seat_hold WHERE hold_id = ? AND next_action_time > UTC_TIMESTAMP(3) + INTERVAL 20 MINUTE', [attached.holdId])).length === 1);
  t.is(await stateOf(attached.holdId), 'HELD', 'the order lives');
  world.orders.set('7200', OrderState.CLOSED);
  await due();
  await until(async () => (await stateOf(attached.holdId)) === 'RELEASED');
  await until(async () => (await remaining(run_id, 0, 4)) === 20);
  t.pass();
});

test('a closed run sells nothing, and keeps what was sold', async (t) => {
  const run_id = await fresh();
  await world.hold({ holdId: `cl-${run_id}`, runId: run_id });
  await world.ops.closeRun({ runId: run_id, reason: 'cancelled' });
  t.is(await reasonOf(world.hold({ holdId: `cm-${run_id}`, runId: run_id })), 'SALE_CLOSED');
  t.is(await occupied(run_id), 4);
  const { states } = await world.client.getRunStates({ runIds: [run_id] });
  t.deepEqual([states[0]?.open, states[0]?.seatsAtOpening, states[0]?.seatsFree], [false, 20, 19]);
});

test('a traveller locks seats on the map, five at most, and only he unlocks them', async (t) => {
  const run_id = await fresh();
  const [mine, other] = await Promise.all(['101', '102'].map(async (account_id) => ({ metadata: await world.tokens.headersFor({ account_id }) })));
  const stretch = { runId: run_id, fromStationId: 's0', toStationId: 's4' };
  const seats = (...numbers: string[]) => numbers.map((seatNo) => ({ coachNo: '01', seatNo }));
  const request_id = (n: number) => `01900000-0000-7000-8000-00000000000${n}`;
  const lock = await world.seats.lockSeats({ ...stretch, requestId: request_id(1), seats: seats('01A', '01B', '01C') }, mine);
  t.is((await world.seats.lockSeats({ ...stretch, requestId: request_id(1), seats: seats('01A', '01B', '01C') }, mine)).seatLockId, lock.seatLockId);
  t.is(await reasonOf(world.seats.lockSeats({ ...stretch, requestId: request_id(2), seats: seats('02A', '02B', '02C') }, mine)), 'THROTTLED');
  t.is(await reasonOf(world.seats.lockSeats({ ...stretch, requestId: request_id(3), seats: seats('01A') }, other)), 'SEAT_LOCKED');
  const map = await world.seats.getSeatMap({ ...stretch, coachNo: '01' });
  t.deepEqual(map.coaches[0]?.seats.filter(({ free }) => !free).map(({ seat }) => seat?.seatNo), ['01A', '01B', '01C']);
  t.is(await reasonOf(world.seats.releaseSeats({ seatLockId: lock.seatLockId, runId: run_id }, other)), 'HOLD_NOT_FOUND');
  await world.seats.releaseSeats({ seatLockId: lock.seatLockId, runId: run_id }, mine);
  t.is(await remaining(run_id, 0, 4), 20);
});

test('order sees whose seat lock a hold is, keeps it while its entry waits, and gives it back when nobody waits any more', async (t) => {
  const run_id = await fresh();
  const mine = { metadata: await world.tokens.headersFor({ account_id: '103' }) };
  const { seatLockId: holdId } = await world.seats.lockSeats({ requestId: '01900000-0000-7000-8000-000000000009', runId: run_id, fromStationId: 's0', toStationId: 's4', seats: [{ coachNo: '01', seatNo: '03F' }] }, mine);
  const { hold } = await world.client.getHold({ holdId, runId: run_id });
  t.like(hold, { accountId: '103', owner: HoldOwner.SEAT_LOCK, state: HoldState.HELD });
  const extended = (await world.client.extendHold({ holdId, runId: run_id, owner: HoldOwner.SEAT_LOCK, holdTtlMs: 540_000 })).hold!;
  t.true(timestampMs(extended.expireTime!) > timestampMs(hold!.expireTime!) + 400_000, 'as long as order asks for');
  t.is(await reasonOf(world.client.extendHold({ holdId, runId: run_id, owner: HoldOwner.ORDER, holdTtlMs: 540_000 })), 'HOLD_CONFLICT');
  t.is((await world.hold({ holdId: `o-${run_id}`, runId: run_id })).accountId, '', 'an order’s hold names no account');
  await world.client.releaseHold({ holdId, runId: run_id, owner: HoldOwner.ORDER, reason: 'not its owner' }).catch(() => undefined);
  t.is(await remaining(run_id, 0, 4), 18, 'only as what it is');
  await world.client.releaseHold({ holdId, runId: run_id, owner: HoldOwner.SEAT_LOCK, reason: 'left the queue' });
  t.is(await remaining(run_id, 0, 4), 19);
  t.is(await reasonOf(world.hold({ holdId: `s-${run_id}`, runId: run_id, owner: HoldOwner.SEAT_LOCK })), 'FIELD_INVALID', 'locks are made by travellers alone');
});

async function bucketOf(run_id: string): Promise<number> {
  const [row] = await world.db.query<{ bucket: number }>('SELECT bucket FROM train_run WHERE run_id = ?', [run_id]);
  return row!.bucket;
}

async function stateOf(hold_id: string): Promise<string | undefined> {
  const [row] = await world.db.query<{ state: string }>('SELECT state FROM seat_hold WHERE hold_id = ?', [hold_id]);
  return row?.state;
}

/** Polls what another loop will make true; ava's own limit ends it when it never does. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20));
}
