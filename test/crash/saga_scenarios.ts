/** Ways that a purchase can go, each with the end that it must have, whoever is killed meanwhile. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { ExecutionContext } from 'ava';
import { ChangeStage } from '#gen/rail/aftersales/v1/change_pb.ts';
import { StandbyState } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { RunCancelledSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { CloseReason, OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { TestRun } from '../integration/inventory_world.ts';
import { eventually } from '../support/processes.ts';
import { Buyer, type Clients } from './saga_buyer.ts';
import type { SagaWorld } from './saga_world.ts';

export type Stage = { t: ExecutionContext; world: SagaWorld; clients: Clients; run: TestRun; /** Has no seat left. */ full: TestRun; /** Has first class only. */ dear: TestRun };
export type Scenario = (stage: Stage) => Promise<void>;

/** Ordered by somebody new, with somewhere to pay. */
async function ordered({ world, clients, run }: Stage, passengers = 1): Promise<{ buyer: Buyer; order: Order; pay_url: string }> {
  const buyer = await Buyer.make(world, clients, run);
  const order = await buyer.order(passengers);
  return { buyer, order, pay_url: await buyer.openPayment(order.orderId) };
}

async function ticketed(stage: Stage, passengers = 1): Promise<{ buyer: Buyer; order: Order }> {
  const { buyer, order, pay_url } = await ordered(stage, passengers);
  await buyer.pay(pay_url);
  const ended = await buyer.until(order.orderId);
  stage.t.is(ended.state, OrderState.SUCCESS);
  return { buyer, order: ended };
}

/** Makes what is due later due now, as if the time had passed. */
async function hurry({ world }: Stage, order_id: string, column: 'pay_expire_time' | 'closing_time'): Promise<void> {
  await world.db.query(`UPDATE chunyun_order.orders SET ${column} = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, next_action_time = UTC_TIMESTAMP(3) WHERE order_id = ? AND ${column} IS NOT NULL`, [BigInt(order_id)]);
}

export const SCENARIOS = {
  async buy(stage) {
    await ticketed(stage, 2);
  },
  async cancel(stage) {
    const { buyer, order } = await ordered(stage);
    await buyer.cancel(order.orderId);
    const ended = await buyer.until(order.orderId);
    stage.t.deepEqual([ended.state, ended.items[0]!.closeReason], [OrderState.CLOSED, CloseReason.CANCELLED]);
  },
  async 'not pay'(stage) {
    const { buyer, order } = await ordered(stage);
    await hurry(stage, order.orderId, 'pay_expire_time');
    const ended = await buyer.until(order.orderId);
    stage.t.deepEqual([ended.state, ended.items[0]!.closeReason], [OrderState.CLOSED, CloseReason.EXPIRED]);
  },
  async 'pay twice'(stage) {
    const { buyer, order, pay_url } = await ordered(stage);
    const second = await buyer.openPayment(order.orderId);
    await Promise.all([buyer.pay(pay_url), buyer.pay(second)]);
    const ended = await buyer.until(order.orderId);
    stage.t.is(ended.state, OrderState.SUCCESS);
    await returned(stage, order.orderId, Number(order.total!.amountFen));
  },
  /** One of two passengers is refused by the railway: both get their money back. A railway that is asked anew says yes. */
  async 'be refused by the railway'(stage) {
    const { world: { sandboxes: { railway } }, t } = stage;
    railway.faults.add({ path: '/v1/registrations', kind: 'registration_refused', times: 1, probability: 1 });
    const { buyer, order, pay_url } = await ordered(stage, 2);
    await buyer.pay(pay_url);
    const ended = await buyer.until(order.orderId);
    railway.faults.clear();
    t.true(ended.state === OrderState.SUCCESS || ended.items[0]!.closeReason === CloseReason.TICKETING_FAILED);
    if (ended.state === OrderState.CLOSED) await returned(stage, order.orderId, Number(order.total!.amountFen));
  },
  /** The gateway is away while the order closes, and takes the money afterwards. */
  async 'pay after the end'(stage) {
    const { world: { sandboxes: { gateway } }, t } = stage;
    const { buyer, order, pay_url } = await ordered(stage);
    gateway.faults.add({ path: '/v1/trades*', kind: 'fail', probability: 1 });
    await buyer.cancel(order.orderId);
    await hurry(stage, order.orderId, 'closing_time');
    const ended = await buyer.until(order.orderId);
    gateway.faults.clear();
    t.is(ended.state, OrderState.CLOSED);
    await buyer.pay(pay_url);
    await returned(stage, order.orderId, Number(order.total!.amountFen));
  },
  /** The places are lost between order and payment, and there are others. */
  async 'lose the places'(stage) {
    const { buyer, order, pay_url } = await ordered(stage);
    await stage.world.inventory.releaseHold({ holdId: order.items[0]!.holdId, runId: stage.run.runId, owner: HoldOwner.ORDER, reason: 'lost' });
    await buyer.pay(pay_url);
    stage.t.is((await buyer.until(order.orderId)).state, OrderState.SUCCESS);
  },
  async 'find no seat'(stage) {
    const buyer = await Buyer.make(stage.world, stage.clients, stage.full);
    await stage.t.throwsAsync(buyer.order(), { message: /SOLD_OUT/ });
  },
  /** There is no seat, and one standby; it is left, so that everything comes to rest. */
  async 'wait instead'(stage) {
    const buyer = await Buyer.make(stage.world, stage.clients, stage.full);
    stage.t.is(await buyer.leaveStandby(await buyer.standby()), 1);
  },
  async refund(stage) {
    const { buyer, order } = await ticketed(stage, 2);
    await buyer.refund(order.orderId, [order.items[0]!.itemId]);
    const ended = await buyer.see(order.orderId);
    stage.t.deepEqual(ended.items.map(({ state }) => state), [OrderState.CLOSED, OrderState.SUCCESS]);
  },
  /** To a dearer class of another train: the difference is paid. */
  async change(stage) {
    const { buyer, order } = await ticketed(stage, 2);
    const { request } = await buyer.quoteChange(order.orderId, { run: stage.dear, seat_class: SeatClass.FIRST, item_ids: [order.items[0]!.itemId] });
    const { changeId } = await buyer.beginChange(request);
    await buyer.pay(await buyer.payUrlOfChange(changeId));
    await buyer.untilChange(changeId, ChangeStage.DONE);
    const ended = await buyer.see(order.orderId);
    stage.t.deepEqual(ended.items.map(({ state, changed }) => [state, changed]), [[OrderState.SUCCESS, true], [OrderState.SUCCESS, false]]);
  },
  async 'give a change up'(stage) {
    const { buyer, order } = await ticketed(stage);
    const { request } = await buyer.quoteChange(order.orderId, { run: stage.dear, seat_class: SeatClass.FIRST });
    const { changeId } = await buyer.beginChange(request);
    const pay_url = await buyer.payUrlOfChange(changeId);
    await buyer.cancelChange(changeId);
    await buyer.untilChange(changeId, ChangeStage.CANCELLED);
    // Too late: the trade is closed, or what it takes goes back.
    await buyer.pay(pay_url);
    const ended = await buyer.until(order.orderId, OrderState.SUCCESS);
    stage.t.is(ended.items[0]!.changed, false);
  },
  /** A seat of a dearer class of another train is given back: the tickets that wait for it are changed, and the difference is paid. */
  async 'be moved to a better train'(stage) {
    const { world } = stage;
    const run = await world.openRun(`B${(better_runs += 1)}`, [[SeatClass.FIRST, 1]]);
    const seat = { holdId: `${run.runId}-1`, runId: run.runId!, owner: HoldOwner.ORDER };
    await world.inventory.holdSeats({ ...seat, fromStationId: 's0', toStationId: 's4', items: [{ itemId: '1', seatClasses: [SeatClass.FIRST] }], holdTtlMs: 600_000 });
    const { buyer, order } = await ticketed(stage);
    const { standbyId } = await buyer.waitForBetter(order.orderId, [{ run, seat_class: SeatClass.FIRST }]);
    await world.inventory.releaseHold(seat);
    const { changeId } = await eventually(async () => {
      const standby = await buyer.seeStandby(standbyId);
      return standby.changeId !== '' && standby;
    });
    await buyer.pay(await buyer.payUrlOfChange(changeId));
    await buyer.untilStandby(standbyId, StandbyState.SUCCESS);
    const ended = await buyer.see(order.orderId);
    stage.t.deepEqual([ended.items[0]!.changed, ended.items[0]!.journey?.runId], [true, run.runId]);
  },
  /** Their train does not run: who has paid gets all of it back, who has not is closed, and whoever pays at that moment is one of both; every seat is free. */
  async 'lose their train'(stage) {
    const { world, t } = stage;
    const run = await world.openRun(`X${(cancelled_runs += 1)}`, [20]);
    const here = { ...stage, run };
    const [couple, single, late] = [await ticketed(here, 2), await ticketed(here), await ordered(here)];
    await cancelRun(world, run, [couple, single, late].map(({ order }) => order));
    // The cashier may know already that it is too late.
    await late.buyer.pay(late.pay_url).catch(() => undefined);
    for (const { buyer, order } of [couple, single]) {
      const ended = await buyer.until(order.orderId, OrderState.CLOSED);
      t.true(ended.items.every(({ closeReason, fare, refunded }) => closeReason === CloseReason.RUN_CANCELLED && refunded!.amountFen === fare!.amountFen));
      await allReturned(stage, order.orderId);
    }
    await late.buyer.until(late.order.orderId, OrderState.CLOSED);
    await eventually(async () => (await world.db.query("SELECT 1 FROM chunyun_aftersales.run_refund WHERE run_id = ? AND state = 'DONE'", [run.runId!])).length === 1);
    await eventually(async () => (await takenSeats(world, run)) === 0);
  },
} satisfies Record<string, Scenario>;

let cancelled_runs = 0;
let better_runs = 0;

/** The railway's word, as inventory tells it. */
export async function cancelRun({ env }: SagaWorld, { runId = '' }: TestRun, orders: readonly Order[]): Promise<void> {
  const db = await openDatabase({ url: env.MYSQL_URL_INVENTORY!, service: 'inventory', log: silentLog() });
  const told = create(RunCancelledSchema, { runId, revision: 7n, reasonZh: '台风', reasonEn: 'a typhoon', orders: orders.map(({ orderId, accountId }) => ({ orderId, accountId, holdState: 'SOLD' })), part: 1, partCount: 1 });
  const event = { stream: 'STOCK' as const, event_id: `run-${runId}-7-cancelled-1`, type: RunCancelledSchema.typeName, version: 7n, key: runId, occurred_at: new Date(), payload: toBinary(RunCancelledSchema, told) };
  await db.transaction((tx) => appendEvents(tx, [event]));
  await db.close();
}

/** In the ledger: seats of a run that are taken on some stretch. */
export async function takenSeats({ db }: SagaWorld, { runId = '' }: TestRun): Promise<number> {
  const [row] = await db.query<{ n: bigint }>("SELECT COUNT(*) AS n FROM chunyun_inventory.seat_hold h JOIN chunyun_inventory.train_run r ON r.run_no = h.run_no WHERE r.run_id = ? AND h.state IN ('HELD', 'SOLD')", [runId]);
  return Number(row!.n);
}

/** Waits until all that was taken for an order is back with the traveller. */
async function allReturned({ world }: Stage, order_id: string): Promise<void> {
  await eventually(async () => {
    const [row] = await world.db.query<{ taken: bigint | string; back: bigint | string }>(
      `SELECT (SELECT COALESCE(SUM(amount_fen), 0) FROM chunyun_payment.payment WHERE order_id = ? AND state = 'SUCCEEDED') AS taken,
        (SELECT COALESCE(SUM(amount_fen), 0) FROM chunyun_payment.refund WHERE order_id = ? AND state = 'SUCCEEDED') AS back`,
      [BigInt(order_id), BigInt(order_id)],
    );
    return Number(row!.taken) === Number(row!.back);
  });
}

/** Waits until so much money of an order is back with the traveller. */
async function returned({ world }: Stage, order_id: string, amount_fen: number): Promise<void> {
  await eventually(async () => {
    const [row] = await world.db.query<{ fen: bigint | string }>("SELECT COALESCE(SUM(amount_fen), 0) AS fen FROM chunyun_payment.refund WHERE order_id = ? AND state = 'SUCCEEDED'", [BigInt(order_id)]);
    return Number(row!.fen) === amount_fen;
  });
}

/** First class only, and room for all that changes to it. */
export function openDear(world: SagaWorld): Promise<TestRun> {
  return world.openRun('G3', Array.from({ length: 4 }, (): [SeatClass, number] => [SeatClass.FIRST, 40]));
}

/** Sells all of a run: twenty seats to four people, who pay. */
export async function fill(stage: Stage): Promise<void> {
  await Promise.all(Array.from({ length: 4 }, () => ticketed({ ...stage, run: stage.full }, 5)));
}
