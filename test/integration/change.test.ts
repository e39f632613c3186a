/** Changes of trains (改签) among real services, each with its own stores; the oracle of the chaos tests judges what they leave. */
import test from 'ava';
import { ChangeStage } from '#gen/rail/aftersales/v1/change_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { differencePayment } from '../../services/aftersales/app/change_forward.ts';
import { createChangeDriver } from '../../services/aftersales/app/drive_change.ts';
import { connectBuyers, type Clients } from '../crash/saga_buyer.ts';
import { FARE_FEN, FIRST_FARE_FEN } from '../crash/saga_peers.ts';
import { openSagaWorld, type SagaWorld } from '../crash/saga_world.ts';
import { eventually } from '../support/processes.ts';
import { beginRow, buyOrder, buyTickets, changeDeps, driveThrough, seatsTaken, validTickets } from './change_world.ts';
import { SERVICE_DATE, type TestRun } from './inventory_world.ts';

let world: SagaWorld;
let clients: Clients;
let [from, to, small, later]: TestRun[] = [];

test.before('a world', async () => {
  world = await openSagaWorld();
  clients = connectBuyers(world);
  from = await world.openRun('G1', [80, 80, 80, 80, 80, 80, [SeatClass.FIRST, 40], [SeatClass.FIRST, 40], [SeatClass.FIRST, 40]]);
  to = await world.openRun('G3', [80, 80, [SeatClass.FIRST, 40], [SeatClass.FIRST, 40], [SeatClass.FIRST, 40]]);
  small = await world.openRun('G5', [1]);
  later = await world.openRun('G7', [80], addDays(SERVICE_DATE, 1));
});
test.after.always(() => world?.lifecycle.stop());

const reason = (error: RpcError | undefined) => error?.reason;
const DIFFERENCE_FEN = FIRST_FARE_FEN - FARE_FEN;

async function refusal(t: { throwsAsync<E extends Error>(fn: () => Promise<unknown>): Promise<E | undefined> }, fn: () => Promise<unknown>) {
  return t.throwsAsync<RpcError>(fn);
}

test.serial('to a dearer class: locked, paid for, and then the new ticket is the one', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!, 2);
  const item_ids = [order.items[0]!.itemId];
  const { quote, request } = await buyer.quoteChange(order.orderId, { run: to!, seat_class: SeatClass.FIRST, item_ids });
  t.like(quote, { ruleId: 'CHANGE_FREE_48H', ruleVersion: '2024-01', difference: { amountFen: BigInt(DIFFERENCE_FEN) }, fee: { amountFen: 0n } });
  const begun = await buyer.beginChange(request);
  t.is(begun.changeId, (await buyer.beginChange(request)).changeId, 'a repeat is the same change');
  t.is(begun.stage, ChangeStage.AWAIT_PAY);
  t.is(begun.quote!.items[0]!.seatParts[0]!.seat!.seatClass, SeatClass.FIRST);
  t.deepEqual((await buyer.see(order.orderId)).items.map(({ state }) => state), [OrderState.CHANGE, OrderState.SUCCESS]);
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), [1, 1]);
  t.is(reason(await refusal(t, () => buyer.refund(order.orderId, item_ids))), 'ITEM_NOT_REFUNDABLE');
  // The backstop of the new places: inventory asks the order, which is being changed and needs them.
  const due = () => world.db.query<{ version: bigint }>("SELECT version FROM chunyun_inventory.seat_hold WHERE hold_id = ? AND state = 'HELD' AND next_action_time > UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE", [`change-${begun.changeId}`]);
  await world.db.query('UPDATE chunyun_inventory.seat_hold SET expires_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE hold_id = ?', [`change-${begun.changeId}`]);
  await eventually(async () => (await due()).length > 0 || (await world.db.query("SELECT 1 FROM chunyun_inventory.seat_hold WHERE hold_id = ? AND state <> 'HELD'", [`change-${begun.changeId}`])).length > 0);
  t.is((await due()).length, 1, 'they are still held');
  await buyer.pay(await buyer.payUrlOfChange(begun.changeId));
  const done = await buyer.untilChange(begun.changeId, ChangeStage.DONE);
  const now = await buyer.see(order.orderId);
  t.like(now.items[0], { state: OrderState.SUCCESS, changed: true, journey: { runId: to!.runId }, fare: { amountFen: BigInt(FIRST_FARE_FEN) } });
  t.deepEqual(now.items[0]!.money.map(({ paymentId, amount }) => [paymentId, Number(amount!.amountFen)]), [[order.paymentId, FARE_FEN], [done.paymentId, DIFFERENCE_FEN]]);
  t.not(now.items[0]!.ticketId, order.items[0]!.ticketId);
  t.like(now.items[1], { changed: false, journey: { runId: from!.runId }, ticketId: order.items[1]!.ticketId });
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), [1, 1]);
  const again = await refusal(t, () => buyer.quoteChange(order.orderId, { run: from!, item_ids }));
  t.deepEqual([reason(again), (again as RpcError).metadata.rule], ['CHANGE_NOT_ALLOWED', 'ONCE']);
});

test.serial('to a cheaper class of the same train: the difference comes back less the refund fee on it', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!, 1, SeatClass.FIRST);
  const { quote, request } = await buyer.quoteChange(order.orderId, { run: from! });
  // 5 % of 380.50 yuan is 19.025, rounded 19.
  t.deepEqual([quote.fee!.amountFen, quote.difference!.amountFen], [1900n, BigInt(1900 - DIFFERENCE_FEN)]);
  const { changeId } = await buyer.beginChange(request);
  await buyer.untilChange(changeId, ChangeStage.DONE);
  const [item] = (await buyer.see(order.orderId)).items;
  t.like(item, { changed: true, seat: { seatClass: SeatClass.SECOND }, fare: { amountFen: BigInt(FARE_FEN) }, refunded: { amountFen: 0n } });
  const [back] = await world.db.query<{ amount_fen: bigint }>('SELECT amount_fen FROM chunyun_payment.refund WHERE refund_id = ?', [`c-${changeId}-1`]);
  t.is(Number(back!.amount_fen), DIFFERENCE_FEN - 1900);
});

test.serial('another stretch and another day at the same price need no payment', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!);
  const before = await seatsTaken(world, from!.runId!);
  // Another destination, 48 hours before departure.
  const { request, quote } = await buyer.quoteChange(order.orderId, { run: later!, to: 's4' });
  t.is(quote.difference!.amountFen, 0n);
  const { changeId } = await buyer.beginChange(request);
  await buyer.untilChange(changeId, ChangeStage.DONE);
  const [item] = (await buyer.see(order.orderId)).items;
  t.like(item, { changed: true, journey: { runId: later!.runId, toStationId: 's4' } });
  t.is(await seatsTaken(world, from!.runId!), before - 1, 'the old seat is back on sale');
  // Who refunds a whole run asks like this: they travel on it now.
  const { orders } = await clients.order.searchOrders({ runId: later!.runId! }, { metadata: await world.tokens.headersFor({ roles: ['operator'] }) });
  t.deepEqual(orders.map(({ orderId }) => orderId), [order.orderId]);
});

test.serial('given up before it is paid for, everything is as it was, and money that comes late goes back', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!);
  const before = await seatsTaken(world, to!.runId!);
  const { request } = await buyer.quoteChange(order.orderId, { run: to!, seat_class: SeatClass.FIRST });
  const { changeId } = await buyer.beginChange(request);
  t.is(await seatsTaken(world, to!.runId!), before + 1);
  const pay_url = await buyer.payUrlOfChange(changeId);
  const cancelled = await buyer.cancelChange(changeId);
  t.deepEqual([cancelled.stage, cancelled.reason], [ChangeStage.CANCELLED, 'CANCELLED']);
  t.is((await buyer.cancelChange(changeId)).stage, ChangeStage.CANCELLED);
  await eventually(async () => (await buyer.see(order.orderId)).items[0]!.state === OrderState.SUCCESS);
  // The trade is closed at the gateway; what it took all the same would be missed by the oracle below.
  await buyer.pay(pay_url);
  t.is(await seatsTaken(world, to!.runId!), before);
  t.like((await buyer.see(order.orderId)).items[0], { changed: false, ticketId: order.items[0]!.ticketId, journey: { runId: from!.runId } });
  // It may be changed anew, and not given up once it is done.
  const next = await buyer.quoteChange(order.orderId, { run: to! });
  const done = await buyer.beginChange(next.request);
  await buyer.untilChange(done.changeId, ChangeStage.DONE);
  const late = await refusal(t, () => buyer.cancelChange(done.changeId));
  t.deepEqual([reason(late), (late as RpcError).metadata.rule], ['CHANGE_NOT_ALLOWED', 'PIVOTED']);
});

test.serial('not paid in time, it ends by itself; paid in the last moment, it counts', async (t) => {
  const expire = (change_id: string) => world.db.query('UPDATE chunyun_aftersales.ticket_change SET pay_expires_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE change_id = ?', [BigInt(change_id)]);
  const [unpaid, paid] = await Promise.all([buyOrder(world, clients, from!), buyOrder(world, clients, from!)]);
  const begin = async ({ buyer, order }: typeof unpaid) => buyer.beginChange((await buyer.quoteChange(order.orderId, { run: to!, seat_class: SeatClass.FIRST })).request);
  const [first, second] = [await begin(unpaid), await begin(paid)];
  await expire(first.changeId);
  t.is((await unpaid.buyer.untilChange(first.changeId, ChangeStage.CANCELLED)).reason, 'EXPIRED');
  // The gateway has the money and nobody was told: closing the trade finds out.
  const pay_url = await paid.buyer.payUrlOfChange(second.changeId);
  world.sandboxes.gateway.faults.add({ path: '/callbacks/payment/v1/alipay', kind: 'drop', probability: 1 });
  await world.halt('aftersales');
  await paid.buyer.pay(pay_url);
  await expire(second.changeId);
  await world.heal('aftersales');
  await paid.buyer.untilChange(second.changeId, ChangeStage.DONE);
  world.sandboxes.gateway.faults.clear();
});

test.serial('no seat, no time, no change: refused as it should be, and nothing moved', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!, 2);
  const stranger = (await buyOrder(world, clients, from!)).buyer;
  const both = await buyer.quoteChange(order.orderId, { run: small! });
  t.is(reason(await refusal(t, () => buyer.beginChange(both.request))), 'SOLD_OUT');
  t.is(reason(await refusal(t, () => buyer.beginChange(both.request))), 'SOLD_OUT', 'the same answer again');
  await eventually(async () => (await buyer.see(order.orderId)).items.every(({ state }) => state === OrderState.SUCCESS));
  t.is(await seatsTaken(world, small!.runId!), 0);
  t.is(reason(await refusal(t, () => buyer.quoteChange(order.orderId, { run: from! }))), 'SAME_JOURNEY');
  t.is(reason(await refusal(t, () => buyer.quoteChange(order.orderId, { run: to!, to: 's9' }))), 'STOPS_NOT_ON_RUN');
  t.is(reason(await refusal(t, () => stranger.quoteChange(order.orderId, { run: to!, item_ids: order.items.map(({ itemId }) => itemId) }))), 'ORDER_NOT_FOUND');
  const { request } = await buyer.quoteChange(order.orderId, { run: to! });
  const { changeId } = await buyer.beginChange(request);
  t.is(reason(await refusal(t, () => stranger.seeChange(changeId))), 'CHANGE_NOT_FOUND');
  t.is(reason(await refusal(t, () => stranger.cancelChange(changeId))), 'CHANGE_NOT_FOUND');
  t.is(reason(await refusal(t, () => buyer.beginChange({ ...request, itemIds: request.itemIds.slice(1) }))), 'REQUEST_ID_REUSED');
  await buyer.untilChange(changeId, ChangeStage.DONE);
});

test.serial('a quote that is not ours, not for this or not true any more is answered with a new one', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!, 2);
  const [one, other] = await Promise.all([buyer.quoteChange(order.orderId, { run: to! }), buyer.quoteChange(order.orderId, { run: to!, seat_class: SeatClass.FIRST })]);
  const auth = await world.tokens.headersFor({ account_id: buyer.account_id });
  const create = (quoteToken: string) => clients.changes.createChange({ ...one.request, requestId: uuid7(systemClock, systemRandom), quoteToken }, { metadata: auth });
  for (const token of ['', 'x', `${one.request.quoteToken.slice(0, -4)}AAAA`, other.request.quoteToken]) t.is(reason(await refusal(t, () => create(token))), 'QUOTE_STALE', token.slice(0, 4));
  // Another item's change moves the order on, but not this item: only its own version counts.
  await world.db.query('UPDATE chunyun_order.order_item SET version = version + 1 WHERE order_id = ? AND item_no = 1', [BigInt(order.orderId)]);
  const stale = await t.throwsAsync<RpcError>(() => create(one.request.quoteToken));
  t.deepEqual([reason(stale), stale!.metadata.difference_fen], ['QUOTE_STALE', '0']);
  await world.db.query('UPDATE chunyun_order.order_item SET version = version - 1 WHERE order_id = ? AND item_no = 1', [BigInt(order.orderId)]);
});

test.serial('the passenger has another journey at that time: refused before a seat is taken', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!);
  const [item] = await world.db.query<{ person: string; travel_date: string }>('SELECT c.person, c.travel_date FROM chunyun_order.passenger_claim c WHERE c.order_id = ?', [BigInt(order.orderId)]);
  // Somebody else's order for the same person, the day after.
  await world.db.query("INSERT INTO chunyun_order.passenger_claim (person, travel_date, entry_id, item_no, start_time, end_time) VALUES (?, ?, 'other', 1, ?, ?)", [
    item!.person, addDays(SERVICE_DATE, 1), `${SERVICE_DATE} 23:00:00`, `${addDays(SERVICE_DATE, 1)} 12:00:00`,
  ]);
  const { request } = await buyer.quoteChange(order.orderId, { run: later! });
  t.is(reason(await refusal(t, () => buyer.beginChange(request))), 'JOURNEY_OVERLAP');
  t.is((await buyer.see(order.orderId)).state, OrderState.SUCCESS);
  await world.db.query("DELETE FROM chunyun_order.passenger_claim WHERE entry_id = 'other'");
  // The old journey of the item itself is no other: a train an hour away overlaps it.
  const { changeId } = await buyer.beginChange((await buyer.quoteChange(order.orderId, { run: to! })).request);
  await buyer.untilChange(changeId, ChangeStage.DONE);
  const claims = await world.db.query('SELECT beside FROM chunyun_order.passenger_claim WHERE order_id = ?', [BigInt(order.orderId)]);
  t.deepEqual(claims.map(({ beside }) => Number(beside)), [0]);
});

test.serial('of two changes of one ticket at the same moment one is made, and of a change and a refund', async (t) => {
  for (const against of ['change', 'refund'] as const) {
    const { buyer, order } = await buyOrder(world, clients, from!);
    const [one, other] = await Promise.all([buyer.quoteChange(order.orderId, { run: to! }), buyer.quoteChange(order.orderId, { run: later! })]);
    const rivals = [buyer.beginChange(one.request), against === 'change' ? buyer.beginChange(other.request) : buyer.refund(order.orderId)];
    const settled = await Promise.allSettled(rivals);
    const lost = settled.filter((result) => result.status === 'rejected').map((result) => reason(result.reason as RpcError));
    t.is(lost.length, 1, against);
    t.true(['CHANGE_NOT_ALLOWED', 'ITEM_NOT_REFUNDABLE', 'QUOTE_STALE'].includes(String(lost[0])), String(lost[0]));
    await buyer.until(order.orderId);
    const [item] = (await buyer.see(order.orderId)).items;
    const has_ticket = item!.state === OrderState.SUCCESS ? 1 : 0;
    await eventually(async () => Object.values(await validTickets(world, order.orderId))[0] === has_ticket);
  }
});

test.serial('the old ticket went through a gate meanwhile: it stays, and the money comes back', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!);
  const { changeId } = await buyer.beginChange((await buyer.quoteChange(order.orderId, { run: to!, seat_class: SeatClass.FIRST })).request);
  await world.db.query("UPDATE chunyun_ticketing.ticket SET state = 'USED' WHERE order_id = ? AND state = 'VALID'", [BigInt(order.orderId)]);
  await buyer.pay(await buyer.payUrlOfChange(changeId));
  const ended = await buyer.untilChange(changeId, ChangeStage.CANCELLED);
  t.is(ended.reason, 'TICKET_NOT_VALID');
  await eventually(async () => (await buyer.see(order.orderId)).items[0]!.state === OrderState.SUCCESS);
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), [1]);
  t.like((await buyer.see(order.orderId)).items[0], { changed: false, ticketId: order.items[0]!.ticketId });
  const used = await refusal(t, () => buyer.quoteChange(order.orderId, { run: to! }));
  t.deepEqual([reason(used), (used as RpcError).metadata.rule], ['CHANGE_NOT_ALLOWED', 'USED']);
});

test.serial('the railway refuses the new ticket: the old one was valid all the time', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!);
  world.sandboxes.railway.faults.add({ path: '/v1/registrations', kind: 'registration_refused', times: 1, probability: 1 });
  const { changeId } = await buyer.beginChange((await buyer.quoteChange(order.orderId, { run: to!, seat_class: SeatClass.FIRST })).request);
  await buyer.pay(await buyer.payUrlOfChange(changeId));
  t.is((await buyer.untilChange(changeId, ChangeStage.CANCELLED)).reason, 'TICKETING_FAILED');
  world.sandboxes.railway.faults.clear();
  await eventually(async () => (await buyer.see(order.orderId)).items[0]!.state === OrderState.SUCCESS);
  t.deepEqual(Object.values(await validTickets(world, order.orderId)), [1]);
});

test.serial('a changed ticket is refunded the ways its money came', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!, 2);
  const item_ids = [order.items[0]!.itemId];
  const { changeId } = await buyer.beginChange((await buyer.quoteChange(order.orderId, { run: to!, seat_class: SeatClass.FIRST, item_ids })).request);
  await buyer.pay(await buyer.payUrlOfChange(changeId));
  await buyer.untilChange(changeId, ChangeStage.DONE);
  t.is((await buyer.see(order.orderId)).items[0]!.money.length, 2);
  const before = await seatsTaken(world, to!.runId!);
  await buyer.refund(order.orderId, item_ids);
  t.is(await seatsTaken(world, to!.runId!), before - 1, 'and its new seat is back on sale');
});

test.serial('all promises were kept', async (t) => {
  await world.rest();
  const untold = await world.db.query(
    "SELECT c.change_id FROM chunyun_aftersales.ticket_change c LEFT JOIN chunyun_notification.message m ON m.message_key = CONCAT(IF(c.stage = 'DONE', 'ORDER_CHANGED:', 'CHANGE_GIVEN_UP:'), c.change_id) WHERE c.pay_expires_at IS NOT NULL AND m.message_key IS NULL",
  );
  t.deepEqual([...untold], [], 'everybody was told');
  t.is(await world.judge(), '');
});

test.serial('given up while somebody is about to open the payment: nobody can pay it any more', async (t) => {
  const { buyer, order } = await buyOrder(world, clients, from!);
  await world.halt('aftersales');
  const deps = await changeDeps(world);
  const change = await beginRow(deps, { order_id: order.orderId, item_ids: [order.items[0]!.itemId], run_id: to!.runId!, from_station_id: 's0', to_station_id: 's3', seat_class: 'FIRST' });
  // A process stands still just before it asks payment.
  const stuck = createChangeDriver({ ...deps, money: { ...deps.money, open: () => Promise.reject(new Error('stands still')) } });
  await t.throwsAsync(stuck.drive(change.change_id));
  const locked = (await deps.store.find(change.change_id))!;
  t.is(locked.stage, 'LOCKED');
  await deps.store.move(change.change_id, 'LOCKED', 'UNDOING', { reason: 'CANCELLED' });
  await createChangeDriver(deps).drive(change.change_id);
  t.is((await deps.store.find(change.change_id))!.stage, 'CANCELLED');
  // Now it goes on.
  const late = await deps.money.open(differencePayment(locked));
  t.deepEqual(late.ok && late.value.state, 'CLOSED');
  t.is((await buyer.see(order.orderId)).state, OrderState.SUCCESS);
  // It may be changed anew, once: whoever asks, the order says so.
  const next = await beginRow(deps, { order_id: order.orderId, item_ids: [order.items[0]!.itemId], run_id: to!.runId!, from_station_id: 's0', to_station_id: 's3', seat_class: 'SECOND' });
  await eventually(async () => {
    await createChangeDriver(deps).drive(next.change_id);
    return (await deps.store.find(next.change_id))!.stage === 'DONE';
  });
  const [changed] = (await buyer.see(order.orderId)).items;
  const once = await deps.orders.open({ request_id: uuid7(systemClock, systemRandom), order_id: order.orderId, items: [{ item_id: changed!.itemId, version: Number(changed!.version) }], journey: next.journey, cause: 'test' });
  t.is(once.ok ? '' : once.error.reason, 'ITEM_NOT_CHANGEABLE');
  await world.heal('aftersales');
});

/** The ways a change can go, each driven by a process that ends at every place there is. */
const WAYS = {
  'to a dearer class': { have: 'SECOND', want: 'FIRST', ends: 'DONE', least: 40 },
  'to a cheaper class': { have: 'FIRST', want: 'SECOND', ends: 'DONE', least: 24 },
  'given up while it waits for the money': { have: 'SECOND', want: 'FIRST', ends: 'CANCELLED', least: 24 },
  'given up just after it was paid': { have: 'SECOND', want: 'FIRST', ends: 'CANCELLED', least: 24 },
} as const;

for (const [way, { have, want, ends, least }] of Object.entries(WAYS)) {
  test.serial(`${way}: a crash at any place is survived`, async (t) => {
    await world.halt('aftersales');
    const deps = await changeDeps(world);
    const tickets = await buyTickets(world, clients, from!, 80, SeatClass[have]);
    const pay = async (change_id: bigint) => {
      const [payment] = await world.db.query<{ pay_url: string }>('SELECT pay_url FROM chunyun_payment.payment WHERE change_id = ?', [String(change_id)]);
      await tickets[0]!.buyer.pay(payment!.pay_url);
    };
    let place = 0;
    for (const { order_id, item_id } of tickets) {
      const change = await beginRow(deps, { order_id, item_ids: [item_id], run_id: to!.runId!, from_station_id: 's0', to_station_id: 's3', seat_class: want });
      const crashed = await driveThrough(t, world, deps, change, place, async ({ change_id, payment_id }) => {
        if (way !== 'given up while it waits for the money') {
          await pay(change_id);
          await eventually(async () => (await deps.money.state(payment_id)).ok && (await world.db.query("SELECT 1 FROM chunyun_payment.payment WHERE change_id = ? AND state = 'SUCCEEDED'", [String(change_id)])).length > 0);
        }
        if (ends === 'CANCELLED') await deps.store.move(change_id, 'AWAIT_PAY', 'UNDOING', { reason: 'CANCELLED' });
      });
      const [now] = await world.db.query<{ state: string; changed: number; version: bigint }>('SELECT state, changed, version FROM chunyun_order.order_item WHERE order_id = ? AND item_no = ?', [BigInt(order_id), Number(item_id.split('-')[1])]);
      t.deepEqual([now!.state, Number(now!.changed), (await deps.store.find(change.change_id))!.stage], ['SUCCESS', ends === 'DONE' ? 1 : 0, ends], `a crash at ${place}`);
      if (!crashed) break;
      place += 1;
    }
    t.true(place >= least && place < tickets.length, `${place} places`);
    await world.heal('aftersales');
    await world.rest();
    t.is(await world.judge(), '');
  });
}
