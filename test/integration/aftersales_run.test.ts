// A run that does not run, or runs late: every ticket goes back in full without anyone asking, once, whatever ends or comes twice.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { RefundCause, RefundService, RefundStage, RunRefundState, type RunRefund } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { RunCancelledSchema, RunRestoredSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { start } from '../../services/aftersales/main.ts';
import { FARE_FEN, HOUR_MS, id, publish, startAllParts, world, type Parts, type WorldOrder } from './aftersales_world.ts';
import { startServiceProcess } from './service_child.ts';

let stack: Parts;
test.before(async () => void (stack = await startAllParts()));
test.afterEach.always(() => {
  world.lose.clear();
  world.away.clear();
  world.used.clear();
  world.money_becomes = 'SUCCEEDED';
});
test.after.always(() => stack?.stop());

const reason = (error: RpcError | undefined) => error?.reason;
const ORDERS_PER_EVENT = 100;

/** RunCancelled as inventory tells it, in parts. The names of the events follow from run, revision and telling. */
async function cancel(run_id: string, orders: readonly WorldOrder[], { revision = 5, telling = '' } = {}): Promise<void> {
  const parts = Math.max(1, Math.ceil(orders.length / ORDERS_PER_EVENT));
  for (let part = 1; part <= parts; part += 1) {
    const told = orders.slice((part - 1) * ORDERS_PER_EVENT, part * ORDERS_PER_EVENT).map(({ order_id }) => ({ orderId: order_id, holdState: 'SOLD' }));
    await publish(stack.bus_db, 'STOCK', run_id, RunCancelledSchema, { runId: run_id, revision: BigInt(revision), reasonZh: '台风', reasonEn: 'a typhoon', orders: told, part, partCount: parts }, `run-${run_id}-${revision}-cancelled-${part}${telling}`);
  }
}

const restore = (run_id: string, revision: number) => publish(stack.bus_db, 'STOCK', run_id, RunRestoredSchema, { runId: run_id, revision: BigInt(revision) });

async function jobsOf(run_id: string): Promise<RunRefund[]> {
  return (await stack.client.listRunRefunds({ runId: run_id }, stack.operator)).refunds;
}

async function jobUntil(run_id: string, fits: (job: RunRefund) => boolean): Promise<RunRefund> {
  for (;;) {
    const [job] = await jobsOf(run_id);
    if (job !== undefined && fits(job)) return job;
    await sleep(25);
  }
}

const isDone = ({ state }: RunRefund): boolean => state === RunRefundState.DONE;

/** What must hold of an order's items on a run once all of it went back: moved twice, paid back to the fen, by the way it came, free again. */
function refundedInFull(order: WorldOrder, run_id: string): string[] {
  return order.items.filter((item) => item.run_id === run_id).flatMap((item) => {
    const money = [...world.refunds].filter(([money_id]) => money_id.startsWith(`r-${item.item_id}-`)).map(([, { payment_id, amount_fen }]) => ({ payment_id, amount_fen }));
    const seen = { state: item.state, version: item.version, refunded_fen: item.refunded_fen, close_reason: item.close_reason, money, void: world.voided.has(item.item_id), free: world.released.has(`${item.hold_id}/${item.item_no}`) };
    const wanted = { state: 'CLOSED', version: 6n, refunded_fen: item.paid_fen, close_reason: 'RUN_CANCELLED', money: item.money, void: true, free: true };
    const [left, right] = [seen, wanted].map((one) => JSON.stringify(one, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
    return left === right ? [] : [`${item.item_id}: ${left} instead of ${right}`];
  });
}

const noticesOf = (order: WorldOrder) => [...world.messages.values()].filter(({ order_id, template_id }) => order_id === order.order_id && template_id === 'RUN_CANCELLED_REFUND');

test.serial('300 orders of a cancelled run go back once, though the process is killed, orders are paid meanwhile, and all is told again', async (t) => {
  t.timeout(300_000);
  const run_id = 'G300.20260116';
  // Its planned departure has passed: a run that was cancelled has none.
  const late = { run_id, departure_ms: Date.now() - HOUR_MS, departs_ms: Date.now() - HOUR_MS };
  const orders = Array.from({ length: 300 }, (_, index) => world.newOrder(1 + (index % 3), late));
  const unpaid = Array.from({ length: 12 }, () => world.newOrder(1, { ...late, state: 'WAIT_PAY' }));
  // Placed on another train, and changed to this one: only the event knows of it.
  const changed = world.newOrder(2);
  Object.assign(changed.items[1]!, late);
  const elsewhere = world.newOrder(2);

  await stack.aftersales.stop();
  const victim = await startServiceProcess('aftersales', stack.env);
  t.teardown(() => victim.kill());
  await cancel(run_id, [...orders, ...unpaid, changed]);
  const closed = () => orders.filter(({ items }) => items.every(({ state }) => state === 'CLOSED')).length;
  while (closed() < 60) await sleep(5);
  await victim.kill();
  t.true(closed() < orders.length, `${closed()} of 300 before the end of the process`);
  stack.aftersales = await start(stack.config);
  const other = await startServiceProcess('aftersales', stack.env);
  t.teardown(() => other.kill());
  stack.client.close();
  stack.client = createClient(RefundService, { default_timeout_ms: 60_000, address: stack.aftersales.address, service: 'web' });

  // Meanwhile: some pay, one never does, one order comes that no event named, and the event comes again.
  for (const { items } of unpaid.slice(1)) Object.assign(items[0]!, { state: 'SUCCESS' });
  const newcomer = world.newOrder(1, late);
  await cancel(run_id, [...orders, ...unpaid, changed], { telling: '-again' });
  await jobUntil(run_id, ({ itemsRefunded, items }) => items > 600 && itemsRefunded >= items - 1);
  t.is((await jobsOf(run_id))[0]!.state, RunRefundState.ACTIVE, 'one may still pay');
  Object.assign(unpaid[0]!.items[0]!, { state: 'CLOSED' });

  const job = await jobUntil(run_id, isDone);
  const all = [...orders, ...unpaid.slice(1), newcomer, changed];
  t.deepEqual(all.flatMap((order) => refundedInFull(order, run_id)), []);
  t.deepEqual([changed.items[0]!, ...elsewhere.items].map(({ state }) => state), ['SUCCESS', 'SUCCESS', 'SUCCESS']);
  const items = all.flatMap((order) => order.items.filter((item) => item.run_id === run_id)).length;
  t.like(job, { cause: RefundCause.RUN_CANCELLED, items, itemsRefunded: items, itemsFailed: 0, ordersOpen: 0, orders: all.length + 1, returned: { amountFen: BigInt(items * FARE_FEN) } });
  t.deepEqual(all.map((order) => noticesOf(order).length), all.map(() => 1));
  t.like(noticesOf(orders[2]!)[0], { account_id: '1', parameters: { amount: '¥1,659.00', reason_zh: '台风', reason_en: 'a typhoon', train: 'G101' } });

  // Told once more, long after, under a name that nobody remembers.
  const before = JSON.stringify([...world.refunds]);
  await cancel(run_id, orders, { telling: '-later' });
  const taken = () => stack.db.query<{ n: bigint }>("SELECT COUNT(*) AS n FROM inbox WHERE event_id LIKE 'run-G300%-later'");
  while ((await taken())[0]!.n < 3n) await sleep(25);
  t.true((await jobsOf(run_id)).every(isDone));
  t.is((await jobsOf(run_id)).length, 1);
  t.is(JSON.stringify([...world.refunds]), before);
});

test.serial('a ticket that went through a gate is left to people, and keeps nobody else waiting', async (t) => {
  const run_id = 'G301.20260116';
  const [order, other] = [world.newOrder(3, { run_id }), world.newOrder(1, { run_id })];
  world.used.add(order.items[1]!.item_id);
  await cancel(run_id, [order, other]);
  const job = await jobUntil(run_id, isDone);
  t.deepEqual(order.items.map(({ state }) => state), ['CLOSED', 'SUCCESS', 'CLOSED']);
  t.deepEqual(refundedInFull(other, run_id), []);
  t.like(job, { items: 4, itemsRefunded: 3, itemsFailed: 1 });
  t.deepEqual(job.problems.map(({ orderId, reason: why }) => [orderId, why]), [[order.order_id, 'TICKET_NOT_VALID']]);
});

test.serial('a run that runs after all: what was begun ends, the rest stays, and old news change nothing', async (t) => {
  const run_id = 'G302.20260116';
  const [begun, ahead] = [world.newOrder(1, { run_id }), world.newOrder(1, { run_id })];
  world.money_becomes = 'PROCESSING';
  await cancel(run_id, [begun]);
  await jobUntil(run_id, () => begun.items[0]!.state === 'REFUND' && world.voided.has(begun.items[0]!.item_id) && ahead.items[0]!.state === 'REFUND');
  const spared = world.newOrder(1, { run_id });
  // Nobody looks at the order that is found last.
  world.away.add('order.find');
  await cancel(run_id, [begun, spared], { telling: '-more' });
  await jobUntil(run_id, ({ orders }) => orders === 3);
  await restore(run_id, 6);
  await jobUntil(run_id, ({ state }) => state === RunRefundState.STOPPED);
  world.away.clear();
  world.money_becomes = 'SUCCEEDED';
  world.payOut();
  await jobUntil(run_id, ({ ordersOpen }) => ordersOpen === 0);
  t.deepEqual([begun, ahead, spared].map(({ items }) => items[0]!.state), ['CLOSED', 'CLOSED', 'SUCCESS']);
  t.like((await jobsOf(run_id))[0], { items: 2, itemsRefunded: 2, itemsFailed: 0 });
  // A restoration is known before the cancellation that it ends.
  const early = 'G303.20260116';
  const kept = world.newOrder(1, { run_id: early });
  await restore(early, 8);
  const restored = () => stack.db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM run_news WHERE run_id = ? AND restored_revision = 8', [early]);
  while ((await restored())[0]!.n < 1n) await sleep(25);
  await cancel(early, [kept], { revision: 7 });
  const known = () => stack.db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM run_news WHERE run_id = ? AND cancelled_revision = 7', [early]);
  while ((await known())[0]!.n < 1n) await sleep(25);
  t.deepEqual(await jobsOf(early), []);
  t.is((await stack.client.quoteRefund({ orderId: kept.order_id }, stack.traveller)).quote!.items[0]!.ruleId, 'REFUND_5_48H');
  // Cancelled once more: now it goes back.
  await cancel(early, [kept], { revision: 9 });
  await jobUntil(early, isDone);
  t.deepEqual(refundedInFull(kept, early), []);
});

test.serial('once a run is restored nothing of it begins, however late the order is read', async (t) => {
  const run_id = 'G310.20260116';
  const order = world.newOrder(1, { run_id });
  // The look at the order begins before the restoration and ends behind it.
  const find = world.orderPort.find.bind(world.orderPort);
  const gate = Promise.withResolvers<void>();
  const looking = new Promise<void>((resolve) => {
    world.orderPort.find = async (order_id) => {
      if (order_id === order.order_id) {
        resolve();
        await gate.promise;
      }
      return find(order_id);
    };
  });
  t.teardown(() => void (world.orderPort.find = find));
  await cancel(run_id, [order]);
  await looking;
  await restore(run_id, 6);
  await jobUntil(run_id, ({ state }) => state === RunRefundState.STOPPED);
  gate.resolve();
  await jobUntil(run_id, ({ ordersOpen }) => ordersOpen === 0);
  t.is(order.items[0]!.state, 'SUCCESS');
  t.deepEqual(await stack.db.query('SELECT refund_id FROM refund WHERE order_id = ?', [BigInt(order.order_id)]), []);
});

test.serial('a traveller who is faster than the job pays no fee either, and is paid once', async (t) => {
  const run_id = 'G304.20260116';
  const order = world.newOrder(1, { run_id, departure_ms: Date.now() - HOUR_MS });
  // The job is known, and can do nothing yet.
  world.away.add('order.search').add('order.REFUND');
  await cancel(run_id, []);
  await jobUntil(run_id, () => true);
  const { quote } = await stack.client.quoteRefund({ orderId: order.order_id }, stack.traveller);
  t.like(quote!.items[0], { ruleId: 'REFUND_RUN_CANCELLED', fee: { amountFen: 0n } });
  const { refund } = await stack.client.createRefund({ requestId: id(), orderId: order.order_id, quoteToken: quote!.quoteToken }, stack.traveller);
  t.is(refund!.cause, RefundCause.TRAVELLER);
  world.away.delete('order.search');
  await jobUntil(run_id, ({ orders }) => orders === 1);
  world.away.clear();
  const job = await jobUntil(run_id, isDone);
  t.like(job, { orders: 1, items: 0, itemsRefunded: 0, itemsFailed: 0 });
  t.deepEqual([order.items[0]!.state, order.items[0]!.refunded_fen, order.items[0]!.version], ['CLOSED', FARE_FEN, 6n]);
});

test.serial('a train that is late is refunded without a fee until it leaves; one that is a little late, with it', async (t) => {
  const minutes = (count: number) => count * 60_000;
  const departure_ms = Date.now() - minutes(10);
  const late = (late_ms: number, more: object = {}) => world.newOrder(1, { departure_ms, arrival_ms: departure_ms + 5 * HOUR_MS, departs_ms: departure_ms + late_ms, arrives_ms: departure_ms + 5 * HOUR_MS + late_ms, ...more });
  const quoteOf = (order: WorldOrder) => stack.client.quoteRefund({ orderId: order.order_id }, stack.traveller);
  t.is(reason(await t.throwsAsync<RpcError>(() => quoteOf(late(0)))), 'TRAIN_DEPARTED');
  t.is(reason(await t.throwsAsync<RpcError>(() => quoteOf(late(minutes(9))))), 'TRAIN_DEPARTED');
  t.is((await quoteOf(late(minutes(30) - 1))).quote!.items[0]!.ruleId, 'REFUND_20');
  t.is((await quoteOf(late(minutes(29), { seat_gone: true }))).quote!.items[0]!.ruleId, 'REFUND_SEAT_GONE');
  const order = late(minutes(30));
  const { quote } = await quoteOf(order);
  t.like(quote!.items[0], { ruleId: 'REFUND_RUN_DELAYED', fee: { amountFen: 0n } });
  const { refund } = await stack.client.createRefund({ requestId: id(), orderId: order.order_id, quoteToken: quote!.quoteToken }, stack.traveller);
  t.is(refund!.totalReturned!.amountFen, BigInt(FARE_FEN));
});

test.serial('an operator has a run refunded by hand, once for a request', async (t) => {
  const run_id = 'D307.20260116';
  const orders = Array.from({ length: 3 }, () => world.newOrder(2, { run_id }));
  const request = { requestId: id(), runId: run_id, reason: '设备故障 equipment failure' };
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.refundRun(request, stack.traveller))), 'NOT_ALLOWED');
  for (const wrong of [{ runId: '' }, { runId: 'D307' }, { reason: ' ' }, { reason: 'x'.repeat(201) }]) {
    t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.refundRun({ ...request, ...wrong }, stack.operator))), 'FIELD_INVALID', JSON.stringify(wrong));
  }
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.refundRun({ ...request, requestId: 'x' }, stack.operator))), 'REQUEST_ID_INVALID');
  const answers = await Promise.all([1, 2, 3].map(() => stack.client.refundRun(request, stack.operator)));
  t.is(new Set(answers.map(({ jobId }) => jobId)).size, 1);
  t.true(answers.every(({ items }) => items > 0));
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.refundRun({ ...request, reason: 'other' }, stack.operator))), 'REQUEST_ID_REUSED');
  const job = await jobUntil(run_id, isDone);
  t.like(job, { cause: RefundCause.OPERATOR, items: 6, itemsRefunded: 6, orders: 3 });
  t.true(orders.every(({ items }) => items.every(({ state, refunded_fen, close_reason }) => state === 'CLOSED' && refunded_fen === FARE_FEN && close_reason === 'REFUNDED')));
  const { refund } = await stack.client.getRunRefund({ jobId: job.jobId }, stack.operator);
  t.is(refund!.itemsRefunded, 6);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.getRunRefund({ jobId: '1' }, stack.operator))), 'JOB_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.getRunRefund({ jobId: job.jobId }, stack.traveller))), 'NOT_ALLOWED');
  const [mine] = (await stack.client.listRefunds({ orderId: orders[0]!.order_id }, stack.traveller)).refunds;
  t.like(mine, { cause: RefundCause.OPERATOR, stage: RefundStage.DONE });
  const audit = await stack.db.query<{ request_id: string }>("SELECT request_id FROM audit_record WHERE operation = 'refund.Run' AND target = ?", [`run/${run_id}`]);
  t.deepEqual(audit.map(({ request_id }) => request_id), [request.requestId]);
});

test.serial('a notice that can not be given is given later; the money does not wait for it', async (t) => {
  const run_id = 'G308.20260116';
  const order = world.newOrder(1, { run_id });
  world.away.add('notice');
  await cancel(run_id, [order]);
  await jobUntil(run_id, ({ itemsRefunded }) => itemsRefunded === 1);
  t.deepEqual(refundedInFull(order, run_id), []);
  t.is(noticesOf(order).length, 0);
  world.away.clear();
  await jobUntil(run_id, isDone);
  t.is(noticesOf(order).length, 1);
});

test.serial('money of several payments goes back to each, up to what it paid', async (t) => {
  const run_id = 'G309.20260116';
  const money = [{ payment_id: '11', amount_fen: 40_000 }, { payment_id: '12', amount_fen: 15_300 }];
  const order = world.newOrder(1, { run_id, money });
  // By the traveller: the fee stays with the newest payment.
  const asked = world.newOrder(1, { money });
  const { quote } = await stack.client.quoteRefund({ orderId: asked.order_id }, stack.traveller);
  world.money_becomes = 'PROCESSING';
  const { refund } = await stack.client.createRefund({ requestId: id(), orderId: asked.order_id, quoteToken: quote!.quoteToken }, stack.traveller);
  const sent = () => [...world.refunds].filter(([money_id]) => money_id.startsWith(`r-${asked.items[0]!.item_id}-`)).map(([money_id, { payment_id, amount_fen }]) => [money_id, payment_id, amount_fen]);
  while (sent().length < 2) await sleep(25);
  t.deepEqual(sent(), [[`r-${asked.items[0]!.item_id}-4`, '11', 40_000], [`r-${asked.items[0]!.item_id}-4-2`, '12', 12_550]]);
  // The first part is there, the second is not: the item is not closed.
  world.refunds.get(`r-${asked.items[0]!.item_id}-4`)!.state = 'SUCCEEDED';
  const first = () => stack.db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM refund_item WHERE refund_id = ? AND arrived_at IS NOT NULL', [BigInt(refund!.refundId)]);
  while ((await first())[0]!.n < 1n) await sleep(25);
  t.is(asked.items[0]!.state, 'REFUND');
  world.payOut();
  while (asked.items[0]!.state !== 'CLOSED') await sleep(25);
  t.is(asked.items[0]!.refunded_fen, 52_550);

  world.money_becomes = 'SUCCEEDED';
  await cancel(run_id, [order]);
  const job = await jobUntil(run_id, isDone);
  t.is(job.returned!.amountFen, BigInt(FARE_FEN));
  t.deepEqual(refundedInFull(order, run_id), []);
});
