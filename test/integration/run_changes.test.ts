// A dispatcher of the railway changes a running train, and travellers hear of it: through every service of the product, from outside.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import type { Message } from '#gen/rail/notification/v1/notification_pb.ts';
import { CloseReason, OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { addDays } from '#kit/base/time.ts';
import { reasonOf } from '../../scripts/traveller/api.ts';
import { Traveller, type Choice } from '../../scripts/traveller/traveller.ts';
import { dispatch, laterStops, seeRun } from '../support/dispatcher.ts';
import { startTestStack, type TestStack } from '../support/edge_stack.ts';
import { eventually } from '../support/processes.ts';

const TEST_MS = 300_000;
/** In the small network of a test stack the line between these two has high-speed trains every day. */
const [FROM, TO] = ['武汉', '长沙'].map((value) => ({ case: 'cityZh' as const, value })) as [{ case: 'cityZh'; value: string }, { case: 'cityZh'; value: string }];
const LATER_S = 1800;

let stack: TestStack;
test.before(async (t) => {
  t.timeout(TEST_MS);
  stack = await startTestStack();
  await stack.liftLimits();
});
test.after.always(() => stack?.stop());

async function ordered(choice?: Choice): Promise<{ traveller: Traveller; choice: Choice; order_id: string }> {
  const traveller = new Traveller(stack.page);
  await traveller.register();
  const passenger = await traveller.addPassenger();
  const chosen = choice ?? (await traveller.findTrain(FROM, TO, addDays(stack.today, 1)))!;
  return { traveller, choice: chosen, order_id: await traveller.waitInQueue(await traveller.submit(chosen, passenger)) };
}

type Somebody = Awaited<ReturnType<typeof ordered>>;
const see = async ({ traveller, order_id }: Somebody): Promise<Order> => (await traveller.ask(() => traveller.api.order.getOrder({ orderId: order_id }))).order!;
const hears = ({ traveller }: Somebody, template_id: string): Promise<Message> =>
  eventually(async () => (await traveller.ask(() => traveller.api.notification.listMessages({}))).messages.find(({ templateId }) => templateId === template_id));

test.serial('moved times, then a cancelled run, reach the search, the queue, orders and travellers', async (t) => {
  t.timeout(TEST_MS);
  const ticketed = await ordered();
  await ticketed.traveller.payAtCashier((await ticketed.traveller.openPayment(ticketed.order_id)).payUrl);
  t.is((await ticketed.traveller.waitForEnd(ticketed.order_id)).state, OrderState.SUCCESS);
  const unpaid = await ordered(ticketed.choice);
  const was = ticketed.choice.offer.journey!;
  const run_id = was.runId;
  const before = await seeRun(stack.env, run_id);
  const stops = laterStops(before, LATER_S);
  await dispatch(stack.env, { run_id, stops, reason_zh: '大雾限速', reason_en: 'slow because of fog' });
  for (const somebody of [ticketed, unpaid]) {
    const message = await hears(somebody, 'TIMES_CHANGED');
    t.true(message.body.includes(before.trainNo) && message.body.includes('大雾限速') && message.body.includes(somebody.order_id), message.body);
    const order = await see(somebody);
    t.is(timestampMs(order.journey!.departureTime!), timestampMs(was.departureTime!) + LATER_S * 1000);
    t.is(timestampMs(order.journeyChange!.orderedArrivalTime!), timestampMs(was.arrivalTime!));
  }
  t.is((await see(unpaid)).state, OrderState.WAIT_PAY);
  // Half an hour later than the ticket says, by both services: it may be given back without a fee.
  await eventually(async () => {
    const { quote } = await ticketed.traveller.ask(() => ticketed.traveller.api.refund.quoteRefund({ orderId: ticketed.order_id }));
    return quote!.totalFee!.amountFen === 0n;
  });

  await dispatch(stack.env, { run_id, stops, cancelled: true, reason_zh: '线路水害', reason_en: 'flooded line' });
  const closed = await unpaid.traveller.waitForEnd(unpaid.order_id);
  t.deepEqual([closed.state, closed.items[0]!.closeReason], [OrderState.CLOSED, CloseReason.RUN_CANCELLED]);
  t.regex((await hears(unpaid, 'RUN_CANCELLED_UNPAID')).body, /线路水害.*请勿支付/);
  t.regex((await hears(ticketed, 'RUN_CANCELLED')).body, /全额退回/);
  const late = new Traveller(stack.page);
  await late.register();
  const passenger = await late.addPassenger();
  // By the search at once, or in the queue by inventory.
  const refused = await t.throwsAsync(async () => late.waitInQueue(await late.submit(ticketed.choice, passenger)));
  t.true(reasonOf(refused) === 'RUN_CANCELLED' || refused!.message.includes('RUN_CANCELLED'), String(refused));
});
