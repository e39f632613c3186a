// Standby over the real stores of aftersales, inventory and order.
import test from 'ava';
import { HoldOwner, HoldState } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { examineLedger } from '../support/inventory_oracle.ts';
import { eventually } from '../support/processes.ts';
import { ask, DAY_MS, FARE_FEN, fresh, giveBack, openStandby, OrderState, pay, reasonOf, requestId, soldOut, StandbyState, untilStandby, wishOf, type StandbyWorld } from './standby_world.ts';

let world: StandbyWorld;
let second: StandbyWorld['standbys'];
test.before(async () => {
  world = await openStandby();
  second = await world.another();
});
test.after.always(() => world?.lifecycle.stop());

const { PENDING, AWAIT_PAY, SUCCESS, FAIL } = StandbyState;
const buy = (run_id: string, holdId: string) => world.inventory.holdSeats({ holdId, runId: run_id, fromStationId: 's0', toStationId: 's4', items: [{ itemId: '1', seatClasses: [SeatClass.SECOND] }], owner: HoldOwner.ORDER });
const deadline = (in_ms: number) => ({ seconds: BigInt(Math.floor((Date.now() + in_ms) / 1000)), nanos: 0 });

test('from asking to a ticket: a seat that is given back becomes an order of its own, is paid and ticketed', async (t) => {
  const run_id = await soldOut(world);
  const one = await ask(world, [{ run_id }]);
  t.is(one.standby.state, PENDING);
  await giveBack(world, run_id, 1);
  const matched = await untilStandby(world, one, AWAIT_PAY);
  const { order } = await world.orders.getOrder({ orderId: matched.orderId }, one.auth);
  t.deepEqual([order?.state, order?.accountId, Number(order?.total?.amountFen), order?.items.length], [OrderState.WAIT_PAY, one.account_id, FARE_FEN, 1]);
  await pay(world, matched, one.auth);
  const done = await untilStandby(world, one, SUCCESS);
  t.is(done.reason, '');
  const { hold } = await world.inventory.getHold({ holdId: order!.items[0]!.holdId, runId: run_id });
  t.is(hold?.state, HoldState.SOLD);
  t.is(await reasonOf(world.standbys.cancelStandby({ requestId: requestId(), standbyId: done.standbyId }, one.auth)), 'STANDBY_NOT_CANCELLABLE');
});

test('who asked first is served first, members and groups before, and nobody is overtaken', async (t) => {
  const run_id = await soldOut(world, 6);
  const [single, later, group, member] = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }]), await ask(world, [{ run_id }], { passengers: [fresh(), fresh(), fresh()] }), await ask(world, [{ run_id }], { member_level: 5 })];
  t.deepEqual([single, later, group, member].map(({ standby }) => standby.priority), [3, 3, 2, 1]);
  t.deepEqual((await world.standbys.getStandby({ standbyId: later.standby.standbyId }, later.auth)).standby!.places.map(({ requestsAhead, passengersAhead }) => [requestsAhead, passengersAhead]), [[3, 5]]);
  await giveBack(world, run_id, 1);
  await untilStandby(world, member, AWAIT_PAY);
  await giveBack(world, run_id, 2);
  // The group can't use one seat, so who stands behind it may.
  await untilStandby(world, single, AWAIT_PAY);
  for (const seat of [3, 4, 5]) await giveBack(world, run_id, seat);
  await eventually(async () => {
    const states = await Promise.all([group, later].map(async ({ standby, auth }) => (await world.standbys.getStandby({ standbyId: standby.standbyId }, auth)).standby!.state));
    return states.includes(AWAIT_PAY);
  });
  t.deepEqual(await examineLedger(world.db.inventory), []);
});

test('a group travels together or not at all', async (t) => {
  const run_id = await soldOut(world, 2);
  const pair = await ask(world, [{ run_id }], { passengers: [fresh(), fresh()] });
  await giveBack(world, run_id, 1);
  await giveBack(world, run_id, 2);
  const matched = await untilStandby(world, pair, AWAIT_PAY);
  const { order } = await world.orders.getOrder({ orderId: matched.orderId }, pair.auth);
  t.is(new Set(order?.items.map(({ seat }) => seat?.seatNo)).size, 2);
});

test('of several trains the first that has a seat serves, and the others are left', async (t) => {
  const [one, other] = [await soldOut(world, 1), await soldOut(world, 1)];
  const asked = await ask(world, [{ run_id: one }, { run_id: other }]);
  await giveBack(world, other, 1);
  const matched = await untilStandby(world, asked, AWAIT_PAY);
  t.is((await world.orders.getOrder({ orderId: matched.orderId }, asked.auth)).order?.journey?.runId, other);
  // Nobody waits for the first any more: what is given back there is on sale.
  await eventually(async () => (await world.db.aftersales.query('SELECT 1 FROM standby_run WHERE run_id = ? AND waiting = 0 AND version = told', [one])).length > 0);
  await giveBack(world, one, 1);
  await buy(one, `${one}-buyer`);
  t.pass();
});

test('not paid: the seat goes on to the next who waits, not on sale', async (t) => {
  const run_id = await soldOut(world, 1);
  const [first, next] = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }])];
  await giveBack(world, run_id, 1);
  const matched = await untilStandby(world, first, AWAIT_PAY);
  // Its driver is still at the attachment, and would look again half a minute later.
  await eventually(async () => (await world.db.order.query("SELECT 1 FROM orders WHERE order_id = ? AND todo = ''", [BigInt(matched.orderId)])).length > 0);
  await world.db.order.query('UPDATE orders SET pay_expire_time = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE order_id = ?', [BigInt(matched.orderId)]);
  const taken = await untilStandby(world, next, AWAIT_PAY);
  t.not(taken.orderId, matched.orderId);
  const failed = await untilStandby(world, first, FAIL);
  t.is(failed.reason, 'ORDER_NOT_PAYABLE');
  t.is(await reasonOf(buy(run_id, `${run_id}-buyer`)), 'SOLD_OUT');
});

test('given up at will: out of every queue, with its order if it has one', async (t) => {
  const run_id = await soldOut(world, 1);
  const [first, next] = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }])];
  const wanted = { requestId: requestId(), standbyId: first.standby.standbyId };
  t.is(await reasonOf(world.standbys.cancelStandby(wanted, next.auth)), 'STANDBY_NOT_FOUND', "another's does not exist");
  t.is((await world.standbys.cancelStandby(wanted, first.auth)).standby?.state, FAIL);
  t.is((await world.standbys.cancelStandby(wanted, first.auth)).standby?.reason, 'CANCELLED', 'again');
  t.deepEqual((await world.standbys.getStandby({ standbyId: next.standby.standbyId }, next.auth)).standby!.places.map(({ requestsAhead }) => requestsAhead), [0]);
  await giveBack(world, run_id, 1);
  const matched = await untilStandby(world, next, AWAIT_PAY);
  const given_up = { requestId: requestId(), standbyId: matched.standbyId };
  // Its order may take longer to be closed than a call may.
  await eventually(async () => (await reasonOf(world.standbys.cancelStandby(given_up, next.auth))) === undefined);
  await untilStandby(world, next, FAIL);
  t.is((await world.orders.getOrder({ orderId: matched.orderId }, next.auth)).order?.state, OrderState.CLOSED);
  // Nobody waits: on sale again.
  await eventually(async () => (await reasonOf(buy(run_id, `${run_id}-buyer-${Math.random()}`))) === undefined);
});

test('when the deadline passes there is an answer, and nobody waits in vain', async (t) => {
  const run_id = await soldOut(world, 1);
  const one = await ask(world, [{ run_id }]);
  await world.db.aftersales.query('UPDATE standby SET deadline_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE standby_id = ?', [BigInt(one.standby.standbyId)]);
  t.is((await untilStandby(world, one, FAIL)).reason, 'SOLD_OUT');
  await eventually(async () => (await world.db.aftersales.query('SELECT 1 FROM standby_run WHERE run_id = ? AND waiting = 0 AND version = told', [run_id])).length > 0);
  await giveBack(world, run_id, 1);
  await buy(run_id, `${run_id}-buyer`);
});

test('who has waited a day comes first', async (t) => {
  const run_id = await soldOut(world, 1);
  const [patient, member] = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }], { member_level: 5 })];
  await world.db.aftersales.query('UPDATE standby SET created_at = created_at - INTERVAL 1 DAY, next_action_time = UTC_TIMESTAMP(3) WHERE standby_id = ?', [BigInt(patient.standby.standbyId)]);
  await eventually(async () => (await world.standbys.getStandby({ standbyId: patient.standby.standbyId }, patient.auth)).standby!.priority === 0);
  await giveBack(world, run_id, 1);
  await untilStandby(world, patient, AWAIT_PAY);
  t.is((await world.standbys.getStandby({ standbyId: member.standby.standbyId }, member.auth)).standby!.state, PENDING);
});

test('a request has one effect, however often it comes and to whichever process', async (t) => {
  const run_id = await soldOut(world, 1);
  const auth = await world.as(fresh());
  const wanted = { requestId: requestId(), wishes: [wishOf({ run_id })], passengerIds: [fresh()], deadline: deadline(DAY_MS) };
  const made = await Promise.all([world.standbys, second, world.standbys, second].map((client) => client.createStandby(wanted, auth)));
  t.is(new Set(made.map(({ standby }) => standby?.standbyId)).size, 1);
  t.is(await reasonOf(world.standbys.createStandby({ ...wanted, passengerIds: [fresh()] }, auth)), 'REQUEST_ID_REUSED');
  const listed = await second.listStandbys({}, auth);
  t.deepEqual([listed.standbys.length, listed.nextPageToken], [1, '']);
});

test('what cannot be is refused, and nothing is written', async (t) => {
  const run_id = await soldOut(world, 2);
  const cancelled = await soldOut(world, 1);
  world.outside.runs.set(cancelled, { ...world.outside.runs.get(cancelled)!, saleState: SaleState.CANCELLED });
  const auth = await world.as(fresh());
  const [person, unverified] = [fresh(), fresh()];
  world.outside.unverified.add(unverified);
  const create = (more: object) => reasonOf(world.standbys.createStandby({ requestId: requestId(), wishes: [wishOf({ run_id })], passengerIds: [person], deadline: deadline(DAY_MS), ...more }, auth));
  t.is(await create({ deadline: deadline(-1000) }), 'DEADLINE_IN_PAST');
  t.is(await create({ wishes: [] }), 'FIELD_INVALID');
  t.is(await create({ wishes: [wishOf({ run_id }), wishOf({ run_id })] }), 'FIELD_INVALID');
  t.is(await create({ wishes: [{ ...wishOf({ run_id }), seatClasses: [SeatClass.STANDING] }] }), 'FIELD_INVALID');
  t.is(await create({ wishes: [wishOf({ run_id: 'NONE.20260101' })] }), 'TRAIN_RUN_NOT_FOUND');
  t.is(await create({ wishes: [wishOf({ run_id, from: 3, to: 1 })] }), 'STOPS_NOT_ON_RUN');
  t.is(await create({ wishes: [wishOf({ run_id: cancelled })] }), 'RUN_CANCELLED');
  t.is(await create({ passengerIds: [] }), 'FIELD_INVALID');
  t.is(await create({ passengerIds: Array.from({ length: 6 }, fresh) }), 'TOO_MANY_PASSENGERS');
  t.is(await create({ passengerIds: [person, person] }), 'ITEMS_DUPLICATE');
  t.is(await create({ passengerIds: [unverified] }), 'REAL_NAME_REQUIRED');
  t.is(await create({ requestId: 'x' }), 'REQUEST_ID_INVALID');
  t.is(await create({ upgradeOfOrderId: '7' }), 'ORDER_NOT_FOUND');
  t.is(await reasonOf(world.standbys.getStandby({ standbyId: '1' }, auth)), 'STANDBY_NOT_FOUND');
  t.is(await reasonOf(world.standbys.listStandbys({ pageToken: 'x' }, auth)), 'PAGE_TOKEN_INVALID');
  await giveBack(world, run_id, 1);
  t.is(await create({}), 'STANDBY_NOT_NEEDED', 'a seat is on sale');
  t.is(await create({ passengerIds: [fresh(), fresh()] }), undefined, 'but not two');
  t.is((await world.standbys.listStandbys({}, auth)).standbys.length, 1);
});

test('one person waits for one journey at a time, whatever account asks', async (t) => {
  const run_id = await soldOut(world, 1);
  const [person, elsewhere] = [fresh(), fresh()];
  world.outside.persons.set(elsewhere, person);
  const first = await ask(world, [{ run_id, to: 2 }], { passengers: [person] });
  const auth = await world.as(fresh());
  const create = (from: number, to: number) => world.standbys.createStandby({ requestId: requestId(), wishes: [wishOf({ run_id, from, to })], passengerIds: [elsewhere], deadline: deadline(DAY_MS) }, auth);
  t.is(await reasonOf(create(1, 4)), 'JOURNEY_OVERLAP');
  await create(2, 4);
  await world.standbys.cancelStandby({ requestId: requestId(), standbyId: first.standby.standbyId }, first.auth);
  t.is(await reasonOf(create(0, 1)), undefined, 'that time is free again');
});

test('whom an order can not be made for, the seat passes by', async (t) => {
  const run_id = await soldOut(world, 1);
  const busy = await ask(world, [{ run_id }]);
  const next = await ask(world, [{ run_id }]);
  // Real name is looked at again when the order is made.
  for (const passenger of busy.standby.passengerIds) world.outside.unverified.add(passenger);
  await giveBack(world, run_id, 1);
  t.is((await untilStandby(world, busy, FAIL)).reason, 'REAL_NAME_REQUIRED');
  await untilStandby(world, next, AWAIT_PAY);
});

test('a stream says the place and how it changes, until the answer', async (t) => {
  const run_id = await soldOut(world, 1);
  const [first, one] = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }])];
  const seen: string[] = [];
  for await (const { standby } of second.watchStandby({ standbyId: one.standby.standbyId }, { ...one.auth, timeout_ms: 60_000 })) {
    seen.push(`${standby!.state} ${standby!.places[0]!.requestsAhead}`);
    if (seen.length === 1) await world.standbys.cancelStandby({ requestId: requestId(), standbyId: first.standby.standbyId }, first.auth);
    if (seen.length === 2) await world.standbys.cancelStandby({ requestId: requestId(), standbyId: one.standby.standbyId }, one.auth);
  }
  t.deepEqual(seen, [`${PENDING} 1`, `${PENDING} 0`, `${FAIL} 0`]);
});

test('an estimate says who is ahead and the odds, and changes nothing', async (t) => {
  const run_id = await soldOut(world, 1);
  await ask(world, [{ run_id }], { passengers: [fresh(), fresh()] });
  const auth = await world.as(fresh());
  const { places, odds } = await world.standbys.estimateStandby({ wishes: [wishOf({ run_id })], passengerCount: 1 }, auth);
  t.deepEqual(places.map(({ requestsAhead, passengersAhead }) => [requestsAhead, passengersAhead]), [[1, 2]]);
  t.true(odds > 0 && odds < 1);
  const { odds: worse } = await world.standbys.estimateStandby({ wishes: [wishOf({ run_id })], passengerCount: 5 }, auth);
  t.true(worse <= odds);
  const { odds: soon } = await world.standbys.estimateStandby({ wishes: [wishOf({ run_id })], passengerCount: 1, deadline: deadline(60_000) }, auth);
  t.true(soon < odds, 'who waits less has less');
  t.is((await world.standbys.listStandbys({}, auth)).standbys.length, 0);
});

test('many give back, wait and buy at once, before two processes: nobody is overtaken, no seat has two holders, none is lost', async (t) => {
  const [seats, people] = [10, 14];
  const run_id = await soldOut(world, seats);
  const asked: Awaited<ReturnType<typeof ask>>[] = [];
  // Two stretches: who goes the whole way, and who goes the first half; every fourth is a pair.
  for (let index = 0; index < people; index += 1) asked.push(await ask(world, [{ run_id, to: index % 3 === 0 ? 2 : 4 }], { passengers: index % 4 === 3 ? [fresh(), fresh()] : [fresh()], client: index % 2 === 0 ? world.standbys : second }));
  let buying = true;
  const buyers = (async () => {
    let bought = 0;
    for (let tried = 0; buying; tried += 1) if ((await reasonOf(buy(run_id, `${run_id}-rival-${tried}`))) === undefined) bought += 1;
    return bought;
  })();
  await Promise.all(Array.from({ length: seats }, (_, index) => giveBack(world, run_id, index + 1)));
  await eventually(async () => (await world.db.inventory.query("SELECT 1 FROM seat_hold WHERE hold_id = ? AND state = 'RELEASED' AND version > 1", [`standby.${run_id}`])).length > 0);
  buying = false;
  const bought = await buyers;
  const now = await eventually(async () => {
    const all = await Promise.all(asked.map(async ({ standby, auth }) => (await world.standbys.getStandby({ standbyId: standby.standbyId }, auth)).standby!));
    return all.every(({ state }) => state === PENDING || state === AWAIT_PAY) ? all : undefined;
  });
  for (const [index, one] of now.entries()) {
    if (one.state !== PENDING) continue;
    const kind = (other: typeof one) => `${other.places[0]!.wish!.toStationId} ${other.passengerIds.length} ${other.priority}`;
    t.deepEqual(now.slice(index + 1).filter((later) => later.state === AWAIT_PAY && kind(later) === kind(one)).map(({ standbyId }) => standbyId), [], 'nobody of its kind who came later was served');
  }
  const orders = await Promise.all(now.filter(({ state }) => state === AWAIT_PAY).map(async ({ orderId, accountId }) => (await world.orders.getOrder({ orderId }, await world.as(accountId))).order!));
  const places = orders.flatMap(({ items }) => items.map(({ seat, journey }) => `${seat!.seatNo} ${journey?.toStationId ?? ''}`));
  t.is(new Set(places).size, places.length);
  t.true(places.length >= seats, `${places.length} served, ${bought} bought`);
  t.deepEqual(await examineLedger(world.db.inventory), []);
});

test('a process that dies between asking for seats and knowing it, or before the order: the next one goes on with the same seats', async (t) => {
  const run_id = await soldOut(world, 1);
  const one = await ask(world, [{ run_id }]);
  // As it is left: claimed, and inventory has made the hold.
  await world.db.aftersales.query("UPDATE standby SET state = 'MATCHING', match_no = 7, wish_no = 0, version = version + 1, next_action_time = NULL WHERE standby_id = ?", [BigInt(one.standby.standbyId)]);
  await giveBack(world, run_id, 1);
  const hold = { holdId: `match-${one.standby.standbyId}-7`, runId: run_id, fromStationId: 's0', toStationId: 's4', items: [{ itemId: '1', seatClasses: [SeatClass.SECOND], passengerType: PassengerType.ADULT }], owner: HoldOwner.ORDER, holdTtlMs: 120_000 };
  await world.care.claimStandbySeats({ hold });
  await world.db.aftersales.query('UPDATE standby SET next_action_time = UTC_TIMESTAMP(3) WHERE standby_id = ?', [BigInt(one.standby.standbyId)]);
  const matched = await untilStandby(world, one, AWAIT_PAY);
  t.is((await world.orders.getOrder({ orderId: matched.orderId }, one.auth)).order?.items[0]?.holdId, hold.holdId);
});

test('a process that dies with several claimed: they are decided in their order, whoever is looked at first', async (t) => {
  const run_id = await soldOut(world, 2);
  const asked = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }], { passengers: [fresh(), fresh()] }), await ask(world, [{ run_id }])];
  const ids = asked.map(({ standby }) => BigInt(standby.standbyId));
  await world.db.aftersales.query("UPDATE standby SET state = 'MATCHING', match_no = 7, wish_no = 0, version = version + 1, next_action_time = UTC_TIMESTAMP(3) + INTERVAL 60 SECOND WHERE standby_id IN (?)", [ids]);
  await giveBack(world, run_id, 1);
  await giveBack(world, run_id, 2);
  // Only the last is due: those before it are decided with it.
  await world.db.aftersales.query('UPDATE standby SET next_action_time = UTC_TIMESTAMP(3) WHERE standby_id = ?', [ids[2]!]);
  await untilStandby(world, asked[0]!, AWAIT_PAY);
  const states = await eventually(async () => {
    const rows = await world.db.aftersales.query<{ state: string; match_no: number }>('SELECT state, match_no FROM standby WHERE standby_id IN (?) ORDER BY sequence', [ids]);
    return rows.every(({ state }) => state !== 'MATCHING' && state !== 'LOCKED') ? rows.map(({ state, match_no }) => `${state} ${match_no}`) : undefined;
  });
  t.is(states[0], 'AWAIT_PAY 7', 'with the hold of its first try');
  t.is(states[1]?.split(' ')[0], 'PENDING', 'one seat is not enough for two');
});

test('what was given back while nobody could be served is given out in one step, in order', async (t) => {
  const [run_id, other] = [await soldOut(world, 5), await soldOut(world, 1)];
  const first = await ask(world, [{ run_id }, { run_id: other }]);
  const [pair, single, last] = [await ask(world, [{ run_id }], { passengers: [fresh(), fresh()] }), await ask(world, [{ run_id }]), await ask(world, [{ run_id, to: 2 }])];
  const ids = [first, pair, single, last].map(({ standby }) => BigInt(standby.standbyId));
  // The other train's matcher is at the first of them.
  await world.db.aftersales.query("UPDATE standby SET state = 'MATCHING', wish_no = 1, match_no = 1, version = version + 1, next_action_time = NULL WHERE standby_id = ?", [ids[0]!]);
  for (const seat of [1, 2, 3, 4]) await giveBack(world, run_id, seat);
  await world.db.aftersales.query("UPDATE standby SET state = 'PENDING', wish_no = NULL, version = version + 1 WHERE standby_id = ? AND state = 'MATCHING'", [ids[0]!]);
  await giveBack(world, run_id, 5);
  for (const asked of [first, pair, single, last]) await untilStandby(world, asked, AWAIT_PAY);
  const rows = await world.db.aftersales.query<{ locked_at: Date }>('SELECT locked_at FROM standby WHERE standby_id IN (?) ORDER BY sequence', [ids]);
  const [one, two, three, four] = rows.map(({ locked_at }) => locked_at.getTime());
  t.deepEqual([two, three], [one, one], 'four seats were there for the first three');
  t.true(four! >= one!);
  t.deepEqual(await examineLedger(world.db.inventory), []);
});

test('seats that are lost before their order is made: back to its old place, and served by the next seat', async (t) => {
  const run_id = await soldOut(world, 1);
  const [one, later] = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }])];
  await world.db.aftersales.query('DELETE FROM standby_wish WHERE standby_id = ?', [BigInt(one.standby.standbyId)]);
  await world.db.aftersales.query('UPDATE standby_run SET waiting = waiting - 1 WHERE run_id = ?', [run_id]);
  await world.db.aftersales.query("UPDATE standby SET state = 'LOCKED', match_no = 3, wish_no = 0, locked_at = UTC_TIMESTAMP(3), version = version + 1, next_action_time = UTC_TIMESTAMP(3) WHERE standby_id = ?", [BigInt(one.standby.standbyId)]);
  await untilStandby(world, one, PENDING);
  await giveBack(world, run_id, 1);
  await untilStandby(world, one, AWAIT_PAY);
  t.is((await world.standbys.getStandby({ standbyId: later.standby.standbyId }, later.auth)).standby!.state, PENDING);
});

test('who is being matched on another train is not passed by: those behind wait for that decision', async (t) => {
  const [one, other] = [await soldOut(world, 2), await soldOut(world, 1)];
  const [first, next] = [await ask(world, [{ run_id: one }, { run_id: other }]), await ask(world, [{ run_id: one, to: 2 }])];
  const id = (asked: typeof first) => BigInt(asked.standby.standbyId);
  // The other train's matcher is at it.
  await world.db.aftersales.query("UPDATE standby SET state = 'MATCHING', wish_no = 1, match_no = 1, version = version + 1, next_action_time = NULL WHERE standby_id = ?", [id(first)]);
  await giveBack(world, one, 1);
  // This train's matcher comes round again and again, and nobody else is served meanwhile.
  const rounds = new Set<number>();
  await eventually(async () => {
    const [row] = await world.db.aftersales.query<{ lease_until: Date; state: string }>('SELECT r.lease_until, s.state FROM standby_run r JOIN standby s ON s.standby_id = ? WHERE r.run_id = ?', [id(next), one]);
    rounds.add(row!.lease_until.getTime());
    return rounds.size > 4 || row!.state !== 'PENDING';
  });
  await world.db.aftersales.query("UPDATE standby SET state = 'PENDING', wish_no = NULL, version = version + 1 WHERE standby_id = ? AND state = 'MATCHING'", [id(first)]);
  await giveBack(world, one, 2);
  for (const asked of [first, next]) await untilStandby(world, asked, AWAIT_PAY);
  const rows = await world.db.aftersales.query<{ standby_id: bigint; locked_at: Date }>('SELECT standby_id, locked_at FROM standby WHERE standby_id IN (?)', [[id(first), id(next)]]);
  const lockedOf = (asked: typeof first) => rows.find(({ standby_id }) => BigInt(standby_id) === id(asked))!.locked_at.getTime();
  t.true(lockedOf(first) <= lockedOf(next));
});
