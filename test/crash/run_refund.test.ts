// A cancelled run with everybody on real stores: order, inventory, payment, ticketing, notification and aftersales, which is killed.
import test from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloseReason, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { Buyer, connectBuyers } from './saga_buyer.ts';
import { cancelRun, takenSeats } from './saga_scenarios.ts';
import { openSagaWorld, type SagaWorld } from './saga_world.ts';

let world: SagaWorld;
test.before(async () => void (world = await openSagaWorld()));
test.after.always(() => world?.lifecycle.stop());

const ORDERS = 40;
/** Pay when order closes what is unpaid: money that is faster is refunded with the others', the rest is not taken. */
const LATE = 5;

test('what was paid for a cancelled run is refunded, to the fen and once, and its seats are free', async (t) => {
  t.timeout(300_000);
  const clients = connectBuyers(world);
  const run = await world.openRun('G9', [80, 80]);
  const bought = await Promise.all(Array.from({ length: ORDERS }, async (_, index) => {
    const buyer = await Buyer.make(world, clients, run);
    const order = await buyer.order(1 + (index % 2));
    const pay_url = await buyer.openPayment(order.orderId);
    if (index < LATE) return { buyer, order, pay_url };
    await buyer.pay(pay_url);
    return { buyer, order: await buyer.until(order.orderId, OrderState.SUCCESS), pay_url };
  }));
  const doomed = await world.doom('aftersales');
  await cancelRun(world, run, bought.map(({ order }) => order));
  const refunded = async () => Number((await world.db.query<{ n: bigint }>("SELECT COUNT(*) AS n FROM chunyun_aftersales.refund WHERE stage = 'DONE'"))[0]!.n);
  while ((await refunded()) < 5) await sleep(10);
  doomed.kill();
  await doomed.died;
  t.true((await refunded()) < ORDERS - LATE, `${await refunded()} before the end of the process`);
  // The cashier may know already that it is too late.
  for (const { buyer, pay_url } of bought.slice(0, LATE)) await buyer.pay(pay_url).catch(() => undefined);
  await doomed.revive();
  await world.letTimePass('aftersales');

  const ends = await Promise.all(bought.map(({ buyer, order }) => buyer.until(order.orderId, OrderState.CLOSED)));
  await world.rest();
  const refunded_in_full = ends.slice(LATE).flatMap(({ items }) => items).filter(({ closeReason, fare, refunded: back }) => closeReason === CloseReason.RUN_CANCELLED && back!.amountFen === fare!.amountFen);
  const items = bought.slice(LATE).flatMap(({ order }) => order.items.map(({ itemId }) => itemId));
  t.deepEqual(refunded_in_full.map(({ itemId }) => itemId), items);
  const sums = await world.db.query<{ order_id: bigint; paid: bigint | string; back: bigint | string | null; refunds: bigint }>(
    `SELECT p.order_id, SUM(p.amount_fen) AS paid, (SELECT SUM(r.amount_fen) FROM chunyun_payment.refund r WHERE r.order_id = p.order_id AND r.state = 'SUCCEEDED') AS back,
       (SELECT COUNT(*) FROM chunyun_payment.refund r WHERE r.order_id = p.order_id) AS refunds FROM chunyun_payment.payment p WHERE p.state = 'SUCCEEDED' GROUP BY p.order_id`,
  );
  t.true(sums.length >= ORDERS - LATE);
  t.deepEqual(sums.filter(({ paid, back }) => Number(paid) !== Number(back ?? 0)), []);
  const refunds_of = new Map(sums.map(({ order_id, refunds }) => [String(order_id), Number(refunds)]));
  t.deepEqual(bought.slice(LATE).map(({ order }) => refunds_of.get(order.orderId)), bought.slice(LATE).map(({ order }) => order.items.length));
  t.is(await takenSeats(world, run), 0);
  const told = await world.db.query<{ n: bigint }>("SELECT COUNT(*) AS n FROM chunyun_notification.message WHERE template_id = 'RUN_CANCELLED_REFUND'");
  t.true(Number(told[0]!.n) >= ORDERS - LATE && Number(told[0]!.n) <= ORDERS);
  t.is(await world.judge(), '');
});
