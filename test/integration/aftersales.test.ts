import { randomBytes } from 'node:crypto';
import test from 'ava';
import { RefundService, RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { RefundSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemTimers } from '#kit/base/timers.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createClient } from '#kit/rpc/client.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { createDriver } from '../../services/aftersales/app/drive_refund.ts';
import type { RefundStore } from '../../services/aftersales/app/ports.ts';
import { quoteItems } from '../../services/aftersales/domain/quote.ts';
import { start } from '../../services/aftersales/main.ts';
import { migrations } from '../../services/aftersales/store/migrations.ts';
import { openRefundStore } from '../../services/aftersales/store/refund_store.ts';
import { freshDatabase } from '../support/stack.ts';
import { HOUR_MS, id, publish, startAllParts, world, type Parts, type WorldOrder } from './aftersales_world.ts';

let stack: Parts;
test.before(async () => void (stack = await startAllParts()));
test.afterEach.always(() => {
  world.lose.clear();
  world.away.clear();
  world.money_becomes = 'SUCCEEDED';
});
test.after.always(() => stack?.stop());

const reason = (error: RpcError | undefined) => error?.reason;

async function quoted(order: WorldOrder, itemIds: string[] = []) {
  const { quote } = await stack.client.quoteRefund({ orderId: order.order_id, itemIds }, stack.traveller);
  return { requestId: id(), orderId: order.order_id, itemIds, quoteToken: quote!.quoteToken, quote: quote! };
}

async function until(refund_id: string, stage: RefundStage) {
  let seen: RefundStage | undefined;
  // Longer than a process that has ended keeps its claim of a row.
  for (let tries = 0; tries < 2400; tries += 1) {
    const { refund } = await stack.client.getRefund({ refundId: refund_id }, stack.traveller);
    if (refund!.stage === stage) return refund!;
    seen = refund!.stage;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`refund ${refund_id} is in stage ${seen}, not ${stage}`);
}

const statesOf = (order: WorldOrder) => order.items.map(({ state }) => state);
const returnedOf = (order: WorldOrder) => [...world.refunds].filter(([refund_id]) => refund_id.startsWith(`r-${order.order_id}-`)).map(([, { amount_fen }]) => amount_fen);

test.serial('a refund is quoted, made, and ends with the money, the places and the order', async (t) => {
  const order = world.newOrder(2);
  const { quote, ...wanted } = await quoted(order, [order.items[0]!.item_id]);
  // 5 % of 553 yuan is 27.65, rounded 27.50.
  t.like(quote.items[0], { ruleId: 'REFUND_5_48H', fee: { amountFen: 2750n }, returned: { amountFen: 52_550n }, paid: { amountFen: 55_300n } });
  t.is(quote.totalReturned!.amountFen, 52_550n);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  const done = await until(refund!.refundId, RefundStage.DONE);
  t.true(done.finishTime !== undefined && done.totalReturned!.amountFen === 52_550n);
  t.deepEqual(statesOf(order), ['CLOSED', 'SUCCESS']);
  t.is(order.items[0]!.refunded_fen, 52_550);
  t.deepEqual([world.voided.has(order.items[0]!.item_id), world.voided.has(order.items[1]!.item_id)], [true, false]);
  t.deepEqual([world.released.has(`${order.items[0]!.hold_id}/1`), world.released.has(`${order.items[0]!.hold_id}/2`)], [true, false]);
  t.deepEqual(returnedOf(order), [52_550]);
  t.is((await stack.client.createRefund(wanted, stack.traveller)).refund!.refundId, refund!.refundId);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund({ ...wanted, itemIds: [] }, stack.traveller))), 'REQUEST_ID_REUSED');
  const { refunds } = await stack.client.listRefunds({ orderId: order.order_id }, stack.traveller);
  t.deepEqual(refunds.map(({ refundId }) => refundId), [refund!.refundId]);
  const audit = await stack.db.query<{ result: string }>('SELECT result FROM audit_record WHERE target = ? ORDER BY audit_id', [`refund/${refund!.refundId}`]);
  t.deepEqual(audit.map(({ result }) => result), ['ok', 'ACCEPTED', 'VOIDED', 'MONEY_SENT', 'DONE']);
});

test.serial('of many refunds of one item one is made', async (t) => {
  const order = world.newOrder(1);
  world.away.add('order.REFUND');
  const { quote: _quote, ...wanted } = await quoted(order);
  const settled = await Promise.allSettled(Array.from({ length: 5 }, () => stack.client.createRefund({ ...wanted, requestId: id() }, stack.traveller)));
  world.away.clear();
  const made = settled.filter((result) => result.status === 'fulfilled');
  t.is(made.length, 1);
  t.deepEqual(new Set(settled.filter((result) => result.status === 'rejected').map((result) => reason(result.reason as RpcError))), new Set(['ITEM_NOT_REFUNDABLE']));
  await until(made[0]!.value.refund!.refundId, RefundStage.DONE);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund({ ...wanted, requestId: id() }, stack.traveller))), 'ITEM_NOT_REFUNDABLE');
  t.is(reason(await t.throwsAsync<RpcError>(() => quoted(order))), 'ITEM_NOT_REFUNDABLE');
  t.is(returnedOf(order).length, 1);
});

test.serial('a quote that is not ours, not for this or not true any more is answered with a new one', async (t) => {
  const [order, other] = [world.newOrder(1), world.newOrder(1)];
  const { quote: _quote, ...wanted } = await quoted(order);
  const foreign = await quoted(other);
  const tampered = `${wanted.quoteToken.slice(0, -4)}AAAA`;
  for (const quoteToken of ['', 'x', tampered, foreign.quoteToken]) {
    t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund({ ...wanted, requestId: id(), quoteToken }, stack.traveller))), 'QUOTE_STALE', quoteToken.slice(0, 5));
  }
  order.items[0]!.version += 1n;
  const stale = await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller));
  t.is(stale?.code, 'ABORTED');
  t.is(stale?.metadata.total_returned_fen, '52550');
  const { refund } = await stack.client.createRefund({ ...wanted, requestId: id(), quoteToken: stale!.metadata.quote_token! }, stack.traveller);
  await until(refund!.refundId, RefundStage.DONE);
});

test.serial('what the order refuses is refused to the caller, and may be tried again', async (t) => {
  const order = world.newOrder(1);
  const { quote: _quote, ...wanted } = await quoted(order);
  const [item] = order.items;
  // Somebody changes the item between the look at the order and its transition.
  const find = world.orderPort.find.bind(world.orderPort);
  world.orderPort.find = async (order_id) => {
    const found = structuredClone(await find(order_id));
    item!.version += 1n;
    world.orderPort.find = find;
    return found;
  };
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'QUOTE_STALE');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'QUOTE_STALE', 'the same answer again');
  t.deepEqual((await stack.client.listRefunds({ orderId: order.order_id }, stack.traveller)).refunds, []);
  item!.version -= 1n;
  const { refund } = await stack.client.createRefund({ ...wanted, requestId: id() }, stack.traveller);
  await until(refund!.refundId, RefundStage.DONE);
});

test.serial('a ticket that went through a gate meanwhile stays: the items go back', async (t) => {
  const order = world.newOrder(2);
  world.used.add(order.items[1]!.item_id);
  const { quote: _quote, ...wanted } = await quoted(order);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'ITEM_NOT_REFUNDABLE');
  t.deepEqual(statesOf(order), ['SUCCESS', 'SUCCESS']);
  t.deepEqual(returnedOf(order), []);
});

test.serial('departed trains and other accounts', async (t) => {
  const order = world.newOrder(1);
  const departed = world.newOrder(1, { departure_ms: Date.now() - 1 });
  t.is(reason(await t.throwsAsync<RpcError>(() => quoted(departed))), 'TRAIN_DEPARTED');
  const { quote: _quote, ...wanted } = await quoted(order);
  order.items[0]!.departs_ms = Date.now() - 1;
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'TRAIN_DEPARTED');
  Object.assign(order.items[0]!, { departure_ms: Date.now() + 300 * HOUR_MS, departs_ms: Date.now() + 300 * HOUR_MS });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.quoteRefund({ orderId: order.order_id }, stack.stranger))), 'ORDER_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.stranger))), 'ORDER_NOT_FOUND');
  const { quote, ...free } = await quoted(order);
  t.is(quote.totalFee!.amountFen, 0n);
  const { refund } = await stack.client.createRefund(free, stack.operator);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.getRefund({ refundId: refund!.refundId }, stack.stranger))), 'REFUND_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.listRefunds({ orderId: order.order_id }, stack.stranger))), 'ORDER_NOT_FOUND');
  await until(refund!.refundId, RefundStage.DONE);
});

test.serial('nothing to return asks for no money', async (t) => {
  const order = world.newOrder(1, { paid_fen: 150 });
  const { quote, ...wanted } = await quoted(order);
  t.is(quote.totalReturned!.amountFen, 0n);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  await until(refund!.refundId, RefundStage.DONE);
  t.deepEqual([statesOf(order), returnedOf(order)], [['CLOSED'], []]);
});

for (const step of ['order.REFUND', 'void', 'money', 'release', 'money.state', 'order.CLOSED']) {
  test.serial(`a lost answer of ${step} costs nothing`, async (t) => {
    const order = world.newOrder(2);
    const { quote: _quote, ...wanted } = await quoted(order);
    if (step === 'money.state') world.money_becomes = 'PROCESSING';
    world.lose.add(step);
    const { refund } = await stack.client.createRefund(wanted, stack.traveller);
    if (step === 'money.state') world.payOut();
    await until(refund!.refundId, RefundStage.DONE);
    t.false(world.lose.has(step), 'the step was made');
    t.deepEqual(statesOf(order), ['CLOSED', 'CLOSED']);
    t.deepEqual(order.items.map(({ refunded_fen, version }) => [refunded_fen, version]), [[52_550, 6n], [52_550, 6n]]);
    t.deepEqual(returnedOf(order), [52_550, 52_550]);
  });
}

test.serial('a refund goes on in another process, and learns of money by an event', async (t) => {
  const order = world.newOrder(1);
  world.away.add('release');
  world.money_becomes = 'PROCESSING';
  const { quote: _quote, ...wanted } = await quoted(order);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  await until(refund!.refundId, RefundStage.VOIDED);
  await stack.aftersales.stop();
  world.away.clear();
  // From now on payment only tells, it does not answer.
  world.away.add('money.state');
  stack.aftersales = await start(stack.config);
  stack.client.close();
  stack.client = createClient(RefundService, { default_timeout_ms: 60_000, address: stack.aftersales.address, service: 'web' });
  await until(refund!.refundId, RefundStage.MONEY_SENT);
  await tellArrived(stack.bus_db, `r-${order.items[0]!.item_id}-4`, order.order_id);
  await until(refund!.refundId, RefundStage.DONE);
  t.deepEqual(statesOf(order), ['CLOSED']);
});

test.serial('money that people have to look at waits for them and then goes on', async (t) => {
  const order = world.newOrder(1);
  world.money_becomes = 'MANUAL';
  const { quote: _quote, ...wanted } = await quoted(order);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  t.is((await until(refund!.refundId, RefundStage.MANUAL)).reason, 'the payment needs people');
  t.deepEqual(statesOf(order), ['REFUND']);
  world.refunds.get(`r-${order.items[0]!.item_id}-4`)!.state = 'SUCCEEDED';
  await tellArrived(stack.bus_db, `r-${order.items[0]!.item_id}-4`, order.order_id);
  await until(refund!.refundId, RefundStage.DONE);
  t.deepEqual(statesOf(order), ['CLOSED']);
});

function tellArrived(db: Database, refundId: string, orderId: string): Promise<void> {
  return publish(db, 'PAYMENT', orderId, RefundSucceededSchema, { refund: { refundId, orderId, state: 'SUCCEEDED' } });
}

class Crash extends Error {}

/** Every call of a port is a place where the process may end: just before it, or when its effect is there. */
function crashing<P extends object>(port: P, at: { left: number }): P {
  return new Proxy(port, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        if (at.left-- === 0) throw new Crash('before');
        const result: unknown = await (method as (...rest: unknown[]) => unknown).apply(target, args);
        if (at.left-- === 0) throw new Crash('after');
        return result;
      };
    },
  });
}

test.serial('a crash at any place is survived, and nothing happens twice', async (t) => {
  const keys = { keyring: createKeyring({ active: 'k', keys: { k: randomBytes(32).toString('hex') } }), index: createBlindIndex(randomBytes(32).toString('hex')) };
  const database = await freshDatabase();
  t.teardown(() => database.stop());
  await migrate(database.url, migrations, { log: silentLog() });
  const db = await openDatabase({ url: database.url, service: 'aftersales', log: silentLog() });
  let next_id = 1n;
  const store = openRefundStore({ db, keys, clock: systemClock, nextId: () => next_id++, step_ms: 1000 });
  const driverWith = (at: { left: number }, its_store: RefundStore) =>
    createDriver({
      store: crashing(its_store, at), orders: crashing(world.orderPort, at), tickets: crashing(world.ticketPort, at), money: crashing(world.moneyPort, at), places: crashing(world.placePort, at), clock: systemClock, timers: systemTimers, log: silentLog(),
    });
  let crashes = 0;
  for (let place = 0; ; place += 1) {
    const order = world.newOrder(2);
    const quote = quoteItems(order, [], Date.now());
    if (!quote.ok) throw new Error(quote.error.reason satisfies ErrorReason);
    const created = await store.create({ request_id: id(), body_hash: new Uint8Array(32), order, quote: quote.value, cause: 'TRAVELLER', reason: 'TEST' }, { account_id: '1', service: 'test', device_id: '', ip: '' });
    const { refund_id } = unwrap(created);
    const crashed = await driverWith({ left: place }, store).drive(refund_id).then(() => false, (error: unknown) => error instanceof Crash);
    // The next process knows only what is stored.
    await driverWith({ left: -1 }, store).drive(refund_id);
    t.is((await store.find(refund_id))?.stage, 'DONE', `crash at ${place}`);
    t.deepEqual(order.items.map(({ state, version, refunded_fen }) => [state, version, refunded_fen]), [['CLOSED', 6n, 52_550], ['CLOSED', 6n, 52_550]], `crash at ${place}`);
    t.deepEqual(returnedOf(order), [52_550, 52_550]);
    if (!crashed) break;
    crashes += 1;
  }
  t.true(crashes > 20, `${crashes} places`);
  await db.close();
});
