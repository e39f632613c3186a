// Holds of many orders are attached, sold and given back together: one transaction, an outcome for each, none touches another.
import test from 'ava';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import type { Status } from '#gen/google/rpc/status_pb.ts';
import { openInventory, second, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
let orders = 9000;
const fresh = () => world.open(testRun(`B${(trains += 1)}`));
const reasonsOf = (outcomes: readonly { error?: Status }[]) => outcomes.map(({ error }) => (error === undefined ? 'ok' : outcomeFailure(error).reason));

/** Holds on two runs, which are of two buckets as a rule, with an order for each. */
async function holds(count: number) {
  const runs = [await fresh(), await fresh()];
  return Promise.all(Array.from({ length: count }, async (_, index) => {
    const orderId = String((orders += 1));
    const runId = runs[index % runs.length]!;
    const { holdId } = await world.hold({ holdId: `b-${orderId}`, runId, items: [second('1')] });
    return { holdId, runId, orderId };
  }));
}
const rows = async (hold_ids: string[]) => (await world.db.query<{ state: string; order_id: string }>('SELECT state, order_id FROM seat_hold WHERE hold_id IN (?) ORDER BY hold_id', [hold_ids])).map(({ state, order_id }) => [state, order_id]);

test.serial('many are attached together, each by itself', async (t) => {
  const [first, second_, third] = await holds(3) as [{ holdId: string; runId: string; orderId: string }, { holdId: string; runId: string; orderId: string }, { holdId: string; runId: string; orderId: string }];
  const as = (wish: { holdId: string; runId: string; orderId: string }, more = {}) => ({ ...wish, owner: HoldOwner.ORDER, ...more });
  await world.client.releaseHold({ holdId: third.holdId, runId: third.runId, owner: HoldOwner.ORDER });
  const requests = [
    as(first), as(third), as(second_), as({ ...first, holdId: 'nobody' }), as({ ...first, runId: 'X1.20260101' }), as({ ...first, runId: second_.runId }), as({ ...first, orderId: 'no order' }),
    // A hold that stands twice among them waits for its first turn.
    as(first), as({ ...first, orderId: '77' }), as(first, { owner: HoldOwner.SEAT_LOCK }),
  ];
  const { outcomes } = await world.client.batchAttachOrders({ requests });
  t.deepEqual(reasonsOf(outcomes), ['ok', 'HOLD_EXPIRED', 'ok', 'HOLD_NOT_FOUND', 'TRAIN_RUN_NOT_FOUND', 'HOLD_CONFLICT', 'FIELD_INVALID', 'ok', 'HOLD_CONFLICT', 'FIELD_INVALID']);
  t.deepEqual(await rows([first.holdId, second_.holdId]), [['HELD', first.orderId], ['HELD', second_.orderId]]);
  const [backstop] = await world.db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM seat_hold WHERE hold_id IN (?) AND next_action_time > UTC_TIMESTAMP(3) + INTERVAL 29 MINUTE', [[first.holdId, second_.holdId]]);
  t.is(backstop!.n, 2n);
});

test.serial('many are sold together, told and audited each, and given back together', async (t) => {
  const wishes = await holds(4);
  const requests = wishes.slice(0, 3);
  t.deepEqual(reasonsOf((await world.client.batchSellHolds({ requests: [...requests, { ...wishes[0]!, orderId: '78' }, ...requests] })).outcomes), ['ok', 'ok', 'ok', 'HOLD_CONFLICT', 'ok', 'ok', 'ok']);
  t.deepEqual(await rows(wishes.map(({ holdId }) => holdId)), [...requests.map(({ orderId }) => ['SOLD', orderId]), ['HELD', '']]);
  const targets = requests.map(({ holdId }) => `hold/${holdId}`);
  t.is((await world.db.query("SELECT 1 FROM audit_record WHERE operation = 'inventory.Sell' AND target IN (?)", [targets])).length, 3);
  for (const { runId } of requests) t.true((await world.db.query("SELECT 1 FROM outbox WHERE event_key = ? AND type LIKE '%SeatsSold'", [runId])).length > 0);

  const given = wishes.map(({ holdId, runId }) => ({ holdId, runId, owner: HoldOwner.ORDER, reason: 'test' }));
  t.deepEqual(reasonsOf((await world.client.batchReleaseHolds({ requests: [...given, { ...given[0]!, owner: HoldOwner.CHANGE }] })).outcomes), ['ok', 'ok', 'ok', 'ok', 'HOLD_CONFLICT']);
  t.deepEqual((await rows(wishes.map(({ holdId }) => holdId))).map(([state]) => state), ['RELEASED', 'RELEASED', 'RELEASED', 'RELEASED']);
});

test.serial('more than the contract takes are refused', async (t) => {
  const [wish] = await holds(1);
  await t.throwsAsync(world.client.batchSellHolds({ requests: Array.from({ length: 257 }, () => wish!) }), { message: /FIELD_INVALID/ });
});
