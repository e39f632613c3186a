/** Ways that a purchase can go, each with the end that it must have, whoever is killed meanwhile. */
import type { ExecutionContext } from 'ava';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { CloseReason, OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import type { TestRun } from '../integration/inventory_world.ts';
import { eventually } from '../support/processes.ts';
import { Buyer, type Clients } from './saga_buyer.ts';
import type { SagaWorld } from './saga_world.ts';

export type Stage = { t: ExecutionContext; world: SagaWorld; clients: Clients; run: TestRun; /** Has no seat left. */ full: TestRun };
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
  async refund(stage) {
    const { buyer, order } = await ticketed(stage, 2);
    await buyer.refund(order.orderId, [order.items[0]!.itemId]);
    const ended = await buyer.see(order.orderId);
    stage.t.deepEqual(ended.items.map(({ state }) => state), [OrderState.CLOSED, OrderState.SUCCESS]);
  },
} satisfies Record<string, Scenario>;

/** Waits until so much money of an order is back with the traveller. */
async function returned({ world }: Stage, order_id: string, amount_fen: number): Promise<void> {
  await eventually(async () => {
    const [row] = await world.db.query<{ fen: bigint | string }>("SELECT COALESCE(SUM(amount_fen), 0) AS fen FROM chunyun_payment.refund WHERE order_id = ? AND state = 'SUCCEEDED'", [BigInt(order_id)]);
    return Number(row!.fen) === amount_fen;
  });
}

/** Sells all of a run: twenty seats to four people, who pay. */
export async function fill(stage: Stage): Promise<void> {
  await Promise.all(Array.from({ length: 4 }, () => ticketed({ ...stage, run: stage.full }, 5)));
}
