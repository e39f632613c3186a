/**
 * Services of the version before and of this one at work together, as during a canary, a rolling update and a way back: tickets
 * are sold and taken back whichever half of them is old. The tables are this version's, since migrations come first.
 */
import test from 'ava';
import { RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { addDays } from '#kit/base/time.ts';
import { isSandbox, type UnitName } from '../../scripts/stack/services.ts';
import { Traveller } from '../../scripts/traveller/traveller.ts';
import { startTestStack } from '../support/edge_stack.ts';
import { eventually } from '../support/processes.ts';
import { commitBefore, layVersion, type VersionBefore } from '../support/version_before.ts';

const TEST_MS = 300_000;
/** What is of one version: a sandbox of the outside is of the time of those who speak with it. */
const BLOCKS: readonly UnitName[][] = [['query', 'ticketing', 'railway'], ['order'], ['inventory'], ['payment', 'gateway'], ['aftersales'], ['risk'], ['identity', 'realname'], ['notification', 'messaging'], ['ops']];

const [FROM, TO] = [{ case: 'cityZh' as const, value: '武汉' }, { case: 'cityZh' as const, value: '长沙' }];

const base = commitBefore();
/** Where git knows of no version before, there is nothing to run with. */
const testTogether = base === undefined ? test.serial.skip : test.serial;
let before: VersionBefore;

test.before(() => {
  if (base !== undefined) before = layVersion(base);
});
test.after.always(() => before?.remove());

for (const old of halves()) {
  const names = old.filter((unit) => !isSandbox(unit)).join(', ');
  testTogether(`${names} of the version before sell and take back with the others of this one`, async (t) => {
    t.timeout(TEST_MS);
    const stack = await startTestStack({ elsewhere: { root: before.root, units: old } });
    t.teardown(() => stack.stop());
    await stack.liftLimits();
    const traveller = new Traveller(stack.page);
    await traveller.register();
    const passenger = await traveller.addPassenger();
    // The search knows of the sale a moment after it began.
    const trip = await eventually(() => traveller.findTrain(FROM, TO, addDays(stack.today, 1)));
    const order_id = await traveller.waitInQueue(await traveller.submit(trip, passenger));
    await traveller.payAtCashier((await traveller.openPayment(order_id)).payUrl);
    t.is((await traveller.waitForEnd(order_id)).state, OrderState.SUCCESS);
    t.is((await traveller.refund(order_id)).stage, RefundStage.DONE);
  });
}

/** For any two blocks there is one in which the first is old and the second is not. */
function halves(): UnitName[][] {
  const bits = Math.ceil(Math.log2(BLOCKS.length));
  return Array.from({ length: bits }, (_, bit) => bit).flatMap((bit) => [0, 1].map((half) => BLOCKS.filter((_, index) => ((index >> bit) & 1) === half).flat()));
}
