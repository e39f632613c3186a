/** Better trains for tickets that are held (升级): standbys whose success is a change, among real services. The oracle judges what they leave. */
import test from 'ava';
import { ChangeStage } from '#gen/rail/aftersales/v1/change_pb.ts';
import { StandbyState, type Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays } from '#kit/base/time.ts';
import { FailureError } from '#kit/base/result.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { unwrap, type RpcError } from '#kit/rpc/error.ts';
import { connectBuyers, type Buyer, type Clients } from '../crash/saga_buyer.ts';
import { FARE_FEN, FIRST_FARE_FEN } from '../crash/saga_peers.ts';
import { openSagaWorld, type SagaWorld } from '../crash/saga_world.ts';
import { eventually } from '../support/processes.ts';
import { driveAnyStandby } from '../../services/aftersales/app/drive_upgrade.ts';
import type { UpgradeParts } from '../../services/aftersales/app/upgrade_ports.ts';
import { ACTOR, beginRow, buyOrder, buyTickets, changeDeps, Crash, crashing, seatsTaken, upgradeParts, validTickets, type Ticket } from './change_world.ts';
import { SERVICE_DATE, type TestRun } from './inventory_world.ts';

const { PENDING, AWAIT_PAY, SUCCESS, FAIL } = StandbyState;
const DIFFERENCE_FEN = FIRST_FARE_FEN - FARE_FEN;

let world: SagaWorld;
let clients: Clients;
let from: TestRun;

test.before('a world', async () => {
  // Kept for long: what is proved is who gets a seat, not how fast.
  world = await openSagaWorld({ INVENTORY_KEEP_MS: '10000' });
  clients = connectBuyers(world);
  from = await world.openRun('G1', [80, 80, [SeatClass.FIRST, 40]]);
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;

/** A train of so many seats of a class, all of them held by nobody in particular: `<run>-<n>` from 1. */
async function fullTrain(seats = 1, seat_class: SeatClass = SeatClass.SECOND, date?: string): Promise<TestRun> {
  const run = await world.openRun(`B${(trains += 1)}`, [[seat_class, seats]], date);
  for (let seat = 1; seat <= seats; seat += 1) await world.inventory.holdSeats({ holdId: `${run.runId}-${seat}`, runId: run.runId!, fromStationId: 's0', toStationId: 's4', items: [{ itemId: '1', seatClasses: [seat_class] }], owner: HoldOwner.ORDER, holdTtlMs: 600_000 });
  return run;
}

const giveBack = ({ runId }: TestRun, seat = 1) => world.inventory.releaseHold({ holdId: `${runId}-${seat}`, runId: runId!, owner: HoldOwner.ORDER });

/** Inventory knows that somebody waits, or that nobody does any more. */
async function known(run: TestRun, waiting = true): Promise<void> {
  await eventually(async () => (await world.db.query('SELECT 1 FROM chunyun_aftersales.standby_run WHERE run_id = ? AND version = told AND waiting > 0 = ?', [run.runId!, waiting ? 1 : 0])).length > 0);
}

const wait = async (buyer: Buyer, ...[order_id, wishes, more]: Parameters<Buyer['waitForBetter']>): Promise<Standby> => {
  const standby = await buyer.waitForBetter(order_id, wishes, more);
  for (const { run } of wishes) await known(run);
  return standby;
};

const reasonOf = async (call: Promise<unknown>): Promise<string | undefined> => {
  const error = (await call.then(() => undefined, (thrown: unknown) => thrown)) as RpcError | undefined;
  return error?.metadata?.rule ?? error?.reason;
};

const told = async (template_id: string, key: string) => (await world.db.query('SELECT 1 FROM chunyun_notification.message WHERE message_key = ?', [`${template_id}:${key}`])).length === 1;

const untouched = async (t: { like(value: object, wanted: object): unknown; deepEqual(a: unknown, b: unknown): unknown }, buyer: Buyer, order: { orderId: string; items: { ticketId: string }[] }) => {
  t.like((await buyer.see(order.orderId)).items[0]!, { state: OrderState.SUCCESS, changed: false, ticketId: order.items[0]!.ticketId, journey: { runId: from.runId! } });
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), order.items.map(() => 1));
};

test.serial('nothing is due: the tickets are changed by themselves, and money comes back', async (t) => {
  const run = await fullTrain();
  const { buyer, order } = await buyOrder(world, clients, from, 1, SeatClass.FIRST);
  const before = await seatsTaken(world, from.runId!);
  const asked = await wait(buyer, order.orderId, [{ run }], { max_difference_fen: 0 });
  t.like(asked, { state: PENDING, upgradeOfOrderId: order.orderId, itemIds: [order.items[0]!.itemId], passengerIds: [order.items[0]!.passengerId], changeId: '', maxDifference: { amountFen: 0n } });
  await untouched(t, buyer, order);
  await giveBack(run);
  const done = await buyer.untilStandby(asked.standbyId, SUCCESS);
  const change = await buyer.seeChange(done.changeId);
  t.deepEqual([change.stage, change.orderId, done.reason, done.orderId], [ChangeStage.DONE, order.orderId, '', '']);
  t.like((await buyer.see(order.orderId)).items[0], { state: OrderState.SUCCESS, changed: true, journey: { runId: run.runId! }, fare: { amountFen: BigInt(FARE_FEN) } });
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), [1]);
  t.is(await seatsTaken(world, from.runId!), before - 1, 'the old seat is back on sale');
  // 5 % of what comes back is kept.
  const [back] = await world.db.query<{ amount_fen: bigint }>('SELECT amount_fen FROM chunyun_payment.refund WHERE refund_id = ?', [`c-${done.changeId}-1`]);
  t.is(Number(back!.amount_fen), DIFFERENCE_FEN - 1900);
  t.is(await reasonOf(buyer.cancelStandby(asked.standbyId)), 'STANDBY_NOT_CANCELLABLE');
});

test.serial('a difference is due: the traveller is told, pays, and then the new ticket is the one', async (t) => {
  const run = await fullTrain(1, SeatClass.FIRST);
  const { buyer, order } = await buyOrder(world, clients, from, 2);
  const item_ids = [order.items[1]!.itemId];
  const asked = await wait(buyer, order.orderId, [{ run, seat_class: SeatClass.FIRST }], { item_ids, max_difference_fen: DIFFERENCE_FEN });
  await giveBack(run);
  const locked = await buyer.untilStandby(asked.standbyId, AWAIT_PAY);
  t.like(await buyer.seeChange(locked.changeId), { stage: ChangeStage.AWAIT_PAY, quote: { difference: { amountFen: BigInt(DIFFERENCE_FEN) } } });
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), [1, 1]);
  await eventually(() => told('UPGRADE_DUE', locked.changeId));
  await buyer.pay(await buyer.payUrlOfChange(locked.changeId));
  await buyer.untilStandby(asked.standbyId, SUCCESS);
  const { items } = await buyer.see(order.orderId);
  t.deepEqual(items.map(({ state, changed, journey }) => [state, changed, journey?.runId]), [[OrderState.SUCCESS, false, from.runId], [OrderState.SUCCESS, true, run.runId]]);
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), [1, 1]);
});

test.serial('not paid: the seat goes to the next who waits, and the old ticket stays', async (t) => {
  const run = await fullTrain(1, SeatClass.FIRST);
  const [first, next] = [await buyOrder(world, clients, from), await buyOrder(world, clients, from)];
  const asked = await wait(first.buyer, first.order.orderId, [{ run, seat_class: SeatClass.FIRST }]);
  const behind = await wait(next.buyer, next.order.orderId, [{ run, seat_class: SeatClass.FIRST }]);
  await giveBack(run);
  const { changeId } = await first.buyer.untilStandby(asked.standbyId, AWAIT_PAY);
  await world.db.query('UPDATE chunyun_aftersales.ticket_change SET pay_expires_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE change_id = ?', [BigInt(changeId)]);
  t.is((await first.buyer.untilStandby(asked.standbyId, FAIL)).reason, 'HOLD_EXPIRED');
  await untouched(t, first.buyer, first.order);
  await eventually(() => told('CHANGE_GIVEN_UP', changeId));
  const served = await next.buyer.untilStandby(behind.standbyId, AWAIT_PAY);
  // Given up at will: the change with it.
  t.like(await next.buyer.cancelStandby(served.standbyId), { state: FAIL, reason: 'CANCELLED' });
  await eventually(async () => (await next.buyer.seeChange(served.changeId)).stage === ChangeStage.CANCELLED && (await next.buyer.see(next.order.orderId)).state === OrderState.SUCCESS);
  await untouched(t, next.buyer, next.order);
  await known(run, false);
});

test.serial('given up by giving up its change, it is over, too', async (t) => {
  const run = await fullTrain(1, SeatClass.FIRST);
  const { buyer, order } = await buyOrder(world, clients, from);
  const asked = await wait(buyer, order.orderId, [{ run, seat_class: SeatClass.FIRST }]);
  await giveBack(run);
  const { changeId } = await buyer.untilStandby(asked.standbyId, AWAIT_PAY);
  await buyer.cancelChange(changeId);
  t.is((await buyer.untilStandby(asked.standbyId, FAIL)).reason, 'CANCELLED');
  await untouched(t, buyer, order);
});

test.serial('what costs more than is accepted is not taken: told so, on to the next who waits and to the next wish', async (t) => {
  const [dear, cheap] = [await fullTrain(1, SeatClass.FIRST), await fullTrain()];
  const [one, next] = [await buyOrder(world, clients, from), await buyOrder(world, clients, from)];
  t.is(await reasonOf(one.buyer.waitForBetter(one.order.orderId, [{ run: dear, seat_class: SeatClass.FIRST }], { max_difference_fen: DIFFERENCE_FEN - 1 })), 'CHANGE_ABOVE_LIMIT');
  const asked = await wait(one.buyer, one.order.orderId, [{ run: dear, seat_class: SeatClass.FIRST }, { run: cheap }], { max_difference_fen: DIFFERENCE_FEN });
  const behind = await wait(next.buyer, next.order.orderId, [{ run: dear, seat_class: SeatClass.FIRST }]);
  // As if the fee had grown since.
  await world.db.query("UPDATE chunyun_aftersales.standby SET upgrade = JSON_SET(upgrade, '$.max_difference_fen', ?) WHERE standby_id = ?", [DIFFERENCE_FEN - 1, BigInt(asked.standbyId)]);
  await giveBack(dear);
  await next.buyer.untilStandby(behind.standbyId, AWAIT_PAY);
  const again = await one.buyer.untilStandby(asked.standbyId, PENDING);
  await eventually(() => told('UPGRADE_PASSED', `${again.standbyId}-1`));
  t.is(again.changeId, '');
  await untouched(t, one.buyer, one.order);
  // It waits for the other one still, and for the dear one no more.
  await next.buyer.cancelStandby(behind.standbyId);
  await known(dear, false);
  await giveBack(cheap);
  await one.buyer.untilStandby(asked.standbyId, SUCCESS);
  t.is((await one.buyer.see(one.order.orderId)).items[0]!.journey!.runId, cheap.runId!);
});

test.serial('a refund or a change of the ticket ends it, and so do its deadline and its train', async (t) => {
  const run = await fullTrain();
  const ways: [how: (buyer: Buyer, order_id: string, standby_id: string) => Promise<unknown>, reason: string][] = [
    [(buyer, order_id) => buyer.refund(order_id), 'ITEM_NOT_CHANGEABLE'],
    [async (buyer, order_id) => buyer.cancelChange((await buyer.beginChange((await buyer.quoteChange(order_id, { run: from, seat_class: SeatClass.FIRST })).request)).changeId), 'ITEM_NOT_CHANGEABLE'],
    [(_, __, standby_id) => endNow(standby_id), 'SOLD_OUT'],
    [(_, __, standby_id) => endNow(standby_id, "upgrade = JSON_SET(upgrade, '$.closes_ms', 1)"), 'INSPECTION_CLOSED'],
    [(_, __, standby_id) => endNow(standby_id, "wishes = JSON_SET(wishes, '$[0].departure_ms', 1)"), 'TRAIN_DEPARTED'],
  ];
  for (const [how, reason] of ways) {
    const { buyer, order } = await buyOrder(world, clients, from);
    const asked = await wait(buyer, order.orderId, [{ run }]);
    await how(buyer, order.orderId, asked.standbyId);
    t.is((await buyer.untilStandby(asked.standbyId, FAIL)).reason, reason);
    await eventually(() => told('UPGRADE_ENDED', asked.standbyId));
    t.is((await world.db.query('SELECT 1 FROM chunyun_aftersales.standby_wish WHERE standby_id = ? UNION ALL SELECT 1 FROM chunyun_aftersales.standby_claim WHERE standby_id = ? UNION ALL SELECT 1 FROM chunyun_aftersales.standby_ticket WHERE standby_id = ?', Array.from({ length: 3 }, () => BigInt(asked.standbyId)))).length, 0, reason);
    await known(run, false);
  }
  await giveBack(run);
});

const endNow = (standby_id: string, more = 'version = version') => world.db.query(`UPDATE chunyun_aftersales.standby SET deadline_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3), ${more} WHERE standby_id = ?`, [BigInt(standby_id)]);

test.serial('the ticket is used or the passenger travels otherwise when seats come: they are the next one\'s', async (t) => {
  const run = await fullTrain();
  const [used, busy, next] = [await buyOrder(world, clients, from), await buyOrder(world, clients, from), await buyOrder(world, clients, from)];
  const asked = await Promise.all([used, busy].map(({ buyer, order }) => wait(buyer, order.orderId, [{ run }])));
  const behind = await wait(next.buyer, next.order.orderId, [{ run }]);
  await world.db.query("UPDATE chunyun_ticketing.ticket SET state = 'USED' WHERE order_id = ?", [BigInt(used.order.orderId)]);
  const [item] = await world.db.query<{ person: string }>('SELECT person FROM chunyun_order.passenger_claim WHERE order_id = ?', [BigInt(busy.order.orderId)]);
  await world.db.query("INSERT INTO chunyun_order.passenger_claim (person, travel_date, entry_id, item_no, start_time, end_time) VALUES (?, ?, 'other', 1, ?, ?)", [item!.person, SERVICE_DATE, `${SERVICE_DATE} 00:30:00`, `${SERVICE_DATE} 00:40:00`]);
  await giveBack(run);
  t.is((await used.buyer.untilStandby(asked[0]!.standbyId, FAIL)).reason, 'TICKET_NOT_VALID');
  t.is((await busy.buyer.untilStandby(asked[1]!.standbyId, FAIL)).reason, 'JOURNEY_OVERLAP');
  // The old ticket is at the same time as the new one, and is no other journey.
  await next.buyer.untilStandby(behind.standbyId, SUCCESS);
  await world.db.query("DELETE FROM chunyun_order.passenger_claim WHERE entry_id = 'other'");
  await world.db.query("UPDATE chunyun_ticketing.ticket SET state = 'VALID' WHERE order_id = ? AND state = 'USED'", [BigInt(used.order.orderId)]);
  await untouched(t, used.buyer, used.order);
  await untouched(t, busy.buyer, busy.order);
});

test.serial('what cannot be is refused, and nothing is written', async (t) => {
  const [run, other, later] = [await fullTrain(2), await fullTrain(), await fullTrain(1, SeatClass.SECOND, addDays(SERVICE_DATE, 1))];
  const { buyer, order } = await buyOrder(world, clients, from, 2);
  const stranger = (await buyOrder(world, clients, from)).buyer;
  const [mine, second] = order.items.map(({ itemId }) => itemId);
  const ask = (...[wishes, more]: [Parameters<Buyer['waitForBetter']>[1], Parameters<Buyer['waitForBetter']>[2]?]) => reasonOf(buyer.waitForBetter(order.orderId, wishes, more));
  t.is(await reasonOf(stranger.waitForBetter(order.orderId, [{ run }])), 'ORDER_NOT_FOUND');
  t.is(await reasonOf(buyer.waitForBetter('7', [{ run }])), 'ORDER_NOT_FOUND');
  t.is(await ask([{ run: from }]), 'SAME_JOURNEY');
  t.is(await ask([{ run, to: 's9' }]), 'STOPS_NOT_ON_RUN');
  t.is(await ask([{ run, seat_class: SeatClass.BUSINESS }]), 'SEAT_CLASS_UNKNOWN');
  t.is(await ask([{ run }, { run }]), 'FIELD_INVALID');
  t.is(await ask([]), 'FIELD_INVALID');
  t.is(await ask([{ run }], { item_ids: [mine!, mine!] }), 'FIELD_INVALID');
  t.is(await ask([{ run }], { item_ids: ['1-1'] }), 'FIELD_INVALID');
  t.is(await ask([{ run }], { passenger_ids: ['4711'] }), 'PASSENGER_NOT_FOUND');
  t.is(await ask([{ run }], { item_ids: [mine!], passenger_ids: [order.items[1]!.passengerId] }), 'PASSENGER_NOT_FOUND');
  t.is(await ask([{ run }], { in_ms: -1000 }), 'DEADLINE_IN_PAST');
  t.is(await ask([{ run }], { max_difference_fen: -1 }), 'FIELD_INVALID');
  t.is(await ask([{ run: from, seat_class: SeatClass.FIRST }]), 'STANDBY_NOT_NEEDED');
  const auth = { metadata: await world.tokens.headersFor({ account_id: buyer.account_id }) };
  const bare = { requestId: uuid7(systemClock, systemRandom), wishes: [{ runId: run.runId!, fromStationId: 's0', toStationId: 's3', seatClasses: [SeatClass.SECOND] }], passengerIds: [order.items[0]!.passengerId], deadline: { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600), nanos: 0 } };
  t.is(await reasonOf(clients.standbys.createStandby({ ...bare, itemIds: [mine!] }, auth)), 'FIELD_INVALID', 'items without their order');
  t.is(await reasonOf(clients.standbys.createStandby({ ...bare, upgradeOfOrderId: order.orderId, wishes: [{ ...bare.wishes[0]!, seatClasses: [SeatClass.SECOND, SeatClass.FIRST] }] }, auth)), 'FIELD_INVALID', 'one class a wish');
  t.is((await clients.standbys.listStandbys({}, auth)).standbys.length, 0);

  const request_id = uuid7(systemClock, systemRandom);
  const first = await wait(buyer, order.orderId, [{ run }], { item_ids: [mine!], request_id });
  t.is((await buyer.waitForBetter(order.orderId, [{ run }], { item_ids: [mine!], request_id, in_ms: Number(first.deadline!.seconds) * 1000 - Date.now() })).standbyId, first.standbyId, 'a repeat is the same');
  t.is(await ask([{ run: other }], { item_ids: [second!], request_id }), 'REQUEST_ID_REUSED');
  t.is(await ask([{ run: later }], { item_ids: [mine!] }), 'UPGRADE_OPEN', 'a ticket waits once');
  t.is(await ask([{ run: other }], { item_ids: [mine!, second!] }), 'UPGRADE_OPEN');
  t.is(await reasonOf(clients.standbys.createStandby({ ...bare, requestId: uuid7(systemClock, systemRandom) }, auth)), 'JOURNEY_OVERLAP', 'and its passenger for one journey at a time');
  const both = await wait(buyer, order.orderId, [{ run: other }], { item_ids: [second!] });
  const upgradesOf = async (upgradeOfOrderId: string, headers = auth) => (await clients.standbys.listStandbys({ upgradeOfOrderId }, headers)).standbys.map(({ standbyId }) => standbyId);
  t.deepEqual([await upgradesOf(order.orderId), await upgradesOf('7')], [[both.standbyId, first.standbyId], []], 'those of an order, the newest first');
  t.deepEqual(await upgradesOf(order.orderId, { metadata: await world.tokens.headersFor({ account_id: stranger.account_id }) }), []);
  t.is((await buyer.cancelStandby(first.standbyId)).reason, 'CANCELLED');
  t.is(await reasonOf(stranger.seeStandby(both.standbyId)), 'STANDBY_NOT_FOUND');
  await buyer.cancelStandby(both.standbyId);
  const freed = await wait(buyer, order.orderId, [{ run: later }]);
  t.is(freed.itemIds.length, 2, 'all tickets of the order, free again');
  await buyer.cancelStandby(freed.standbyId);
  // Once a ticket.
  const { changeId } = await buyer.beginChange((await buyer.quoteChange(order.orderId, { run: from, to: 's4', item_ids: [mine!] })).request);
  await buyer.untilChange(changeId, ChangeStage.DONE);
  t.is(await ask([{ run }], { item_ids: [mine!] }), 'ONCE');
});

test.serial('a group is moved together or not at all', async (t) => {
  const run = await fullTrain(2);
  const { buyer, order } = await buyOrder(world, clients, from, 2);
  const asked = await wait(buyer, order.orderId, [{ run }]);
  await giveBack(run, 1);
  await giveBack(run, 2);
  await buyer.untilStandby(asked.standbyId, SUCCESS);
  const { items } = await buyer.see(order.orderId);
  t.deepEqual(items.map(({ changed, journey }) => [changed, journey?.runId]), [[true, run.runId], [true, run.runId]]);
  // Its hold is numbered as the order is: one of both can be refunded.
  const before = await seatsTaken(world, run.runId!);
  await buyer.refund(order.orderId, [items[1]!.itemId]);
  t.is(await seatsTaken(world, run.runId!), before - 1);
});

test.serial('all promises were kept', async (t) => {
  for (let train = 1; train <= trains; train += 1) {
    const [run] = await world.db.query<{ run_id: string }>('SELECT run_id FROM chunyun_inventory.train_run WHERE run_id LIKE ?', [`B${train}.%`]);
    for (let seat = 1; seat <= 2; seat += 1) await world.inventory.releaseHold({ holdId: `${run!.run_id}-${seat}`, runId: run!.run_id, owner: HoldOwner.ORDER });
  }
  await world.rest();
  t.is(await world.judge(), '');
});

/** The row of an upgrade that is matched with a train at this moment; there are seats on it. */
async function matchedRow({ standbys }: UpgradeParts, run: TestRun, { buyer, order_id, item_id }: Ticket, max_difference_fen: number): Promise<bigint> {
  const wish = { run_id: run.runId!, from_station_id: 's0', to_station_id: 's3', from_index: 0, to_index: 3, departure_ms: Date.now() + 86_400_000, arrival_ms: Date.now() + 90_000_000, seat_classes: ['FIRST'], accept_same_train_change: false };
  const upgrade = { order_id, items: [{ item_id, item_no: Number(item_id.split('-')[1]) }], max_difference_fen, closes_ms: wish.departure_ms, passed: [] };
  const travellers = [{ passenger_id: item_id, passenger_type: 'ADULT' as const, person: item_id }];
  const made = unwrap(await standbys.create(
    { request_id: uuid7(systemClock, systemRandom), body_hash: new Uint8Array(32), wishes: [wish], travellers, deadline_ms: wish.departure_ms, match_after_ms: undefined, priority: 3, raw_odds: 0, upgrade },
    { ...ACTOR, account_id: buyer.account_id, tenant: 't', channel: 'web', member_level: 0 },
  ));
  return (await standbys.claim([{ kind: '', rank: 0, standby_id: made.standby_id, wish_no: 0 }]))[0]!.standby_id;
}

for (const moment of ['MATCHING', 'LOCKED'] as const) {
  test.serial(`changed by hand while it is ${moment}: it does not wait on, and its seats go back`, async (t) => {
    const run = await world.openRun(`C${(trains += 1)}`, [[SeatClass.FIRST, 1]]);
    const [ticket] = await buyTickets(world, clients, from, 1);
    await world.halt('aftersales');
    const changing = await changeDeps(world);
    const parts = await upgradeParts(world, changing);
    const standby_id = await matchedRow(parts, run, ticket!, DIFFERENCE_FEN);
    const matched = await eventually(async () => {
      if (moment === 'LOCKED') await driveAnyStandby(parts, standby_id).catch(() => undefined);
      const now = (await parts.standbys.find(standby_id))!;
      return now.state === moment && now;
    });
    const by_hand = await beginRow(changing, { order_id: ticket!.order_id, item_ids: [ticket!.item_id], run_id: from.runId!, from_station_id: 's0', to_station_id: 's4', seat_class: 'SECOND' });
    await eventually(async () => {
      await drive(parts, by_hand.change_id);
      return (await changing.store.find(by_hand.change_id))!.stage === 'DONE';
    });
    if (moment === 'MATCHING') await parts.standbys.putBack(matched);
    await eventually(async () => {
      await driveAnyStandby(parts, standby_id).catch(() => undefined);
      return (await parts.standbys.find(standby_id))!.state !== 'LOCKED';
    });
    t.like(await parts.standbys.find(standby_id), { state: 'FAIL', reason: 'ITEM_NOT_CHANGEABLE' });
    t.is(await seatsTaken(world, run.runId!), 0);
    await world.heal('aftersales');
  });
}

/** A step of a change; one that failed is made again. */
async function drive({ changing }: UpgradeParts, change_id: bigint): Promise<void> {
  await changing.drive(change_id).catch((error: unknown) => {
    if (!(error instanceof FailureError)) throw error;
  });
}

/** All that has an effect is a place where the process may end; the change it makes has places of its own (change.test.ts). */
function endingAt(parts: UpgradeParts, left: number): UpgradeParts {
  const at = { left };
  return { ...parts, seats: crashing(parts.seats, at, ['claim', 'release']), standbys: crashing(parts.standbys, at, ['lock', 'end']), upgrades: crashing(parts.upgrades, at), notices: crashing(parts.notices, at) };
}

for (const [way, { max_difference_fen, ends, least }] of Object.entries({
  'paid for': { max_difference_fen: DIFFERENCE_FEN, ends: 'SUCCESS' as const, least: 12 },
  'dearer than is accepted': { max_difference_fen: 0, ends: 'FAIL' as const, least: 12 },
})) {
  test.serial(`${way}: a crash at any place is survived`, async (t) => {
    const run = await world.openRun(`C${(trains += 1)}`, [[SeatClass.FIRST, 40]]);
    const tickets = await buyTickets(world, clients, from, 20);
    await world.halt('aftersales');
    const changing = await changeDeps(world);
    const parts = await upgradeParts(world, changing);
    let place = 0;
    let taken = 0;
    for (const ticket of tickets) {
      const standby_id = await matchedRow(parts, run, ticket, max_difference_fen);
      let now = endingAt(parts, place);
      let crashed = false;
      let paid = false;
      const state = await eventually(async () => {
        await driveAnyStandby(now, standby_id).catch((error: unknown) => {
          // A peer that was slow is asked again, as by the sweeper.
          if (error instanceof FailureError) return;
          if (!(error instanceof Crash)) throw error;
          crashed = true;
          now = parts;
        });
        t.true(Object.values(await validTickets(world, ticket.order_id)).every((n) => n === 1), `a ticket for everybody, one each, with a crash at ${place}`);
        const standby = (await parts.standbys.find(standby_id))!;
        if (standby.state === 'AWAIT_PAY' && !paid) {
          paid = true;
          const [payment] = await world.db.query<{ pay_url: string }>('SELECT pay_url FROM chunyun_payment.payment WHERE change_id = ?', [String(standby.change_id)]);
          await ticket.buyer.pay(payment!.pay_url);
        }
        if (standby.change_id !== undefined && paid) await drive(parts, standby.change_id);
        const [due] = await world.db.query('SELECT 1 FROM chunyun_aftersales.standby WHERE standby_id = ? AND next_action_time IS NULL', [standby_id]);
        return due !== undefined && standby.state;
      });
      t.is(state, ends, `a crash at ${place}`);
      taken += ends === 'SUCCESS' ? 1 : 0;
      t.is(await seatsTaken(world, run.runId!), taken, 'seats are theirs, or go back');
      if (!crashed) break;
      place += 1;
    }
    t.true(place >= least && place < tickets.length, `${place} places`);
    await world.heal('aftersales');
    await world.rest();
    t.is(await world.judge(), '');
  });
}
