// More time for a hold: by the ledger's clock, never less, never beyond ten minutes, and not once it has run out.
import test from 'ava';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { openInventory, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  // Nobody sweeps, so that a hold whose time has passed is met before it is released.
  world = await openInventory({ INVENTORY_SWEEP_MS: '60000' });
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
const fresh = () => world.open(testRun(`E${(trains += 1)}`));
const extend = async (holdId: string, runId: string, holdTtlMs = 0, owner: HoldOwner = HoldOwner.ORDER) => (await world.client.extendHold({ holdId, runId, owner, holdTtlMs })).hold!;
const reasonOf = async (call: Promise<unknown>) => ((await call.then(() => undefined, (error: unknown) => error)) as RpcError | undefined)?.reason;

/** Milliseconds from the hold's making to its end, and to when somebody looks, by the database. */
async function lifeOf(hold_id: string): Promise<{ life_ms: number; due_ms: number }> {
  const [row] = await world.db.query<{ life: bigint; due: bigint }>(
    'SELECT TIMESTAMPDIFF(MICROSECOND, created_at, expires_at) DIV 1000 AS life, TIMESTAMPDIFF(MICROSECOND, created_at, next_action_time) DIV 1000 AS due FROM seat_hold WHERE hold_id = ?',
    [hold_id],
  );
  return { life_ms: Number(row!.life), due_ms: Number(row!.due) };
}

test('more time, and never less', async (t) => {
  const run_id = await fresh();
  const held = await world.hold({ holdId: `m-${run_id}`, runId: run_id });
  const longer = await extend(held.holdId, run_id, 300_000);
  t.is(longer.version, held.version + 1n);
  const { life_ms, due_ms } = await lifeOf(held.holdId);
  t.true(life_ms >= 300_000 && life_ms < 600_000, String(life_ms));
  t.is(due_ms, life_ms, 'the sweeper comes then, not before');
  t.deepEqual(longer.seats, held.seats);
  const same = await extend(held.holdId, run_id, 1_000);
  t.is(same.version, longer.version, 'nothing was changed');
  t.is(timestampMs(same.expireTime!), timestampMs(longer.expireTime!));
});

test('where no time is named, a minute from now', async (t) => {
  const run_id = await fresh();
  const held = await world.hold({ holdId: `d-${run_id}`, runId: run_id, holdTtlMs: 5_000 });
  await extend(held.holdId, run_id);
  t.true((await lifeOf(held.holdId)).life_ms >= 60_000);
});

test('no hold lives longer than ten minutes after it was made, however often it is extended', async (t) => {
  const run_id = await fresh();
  const held = await world.hold({ holdId: `b-${run_id}`, runId: run_id });
  t.is(await reasonOf(extend(held.holdId, run_id, 600_001)), 'FIELD_INVALID');
  await world.db.query('UPDATE seat_hold SET created_at = created_at - INTERVAL 9 MINUTE WHERE hold_id = ?', [held.holdId]);
  t.is(await reasonOf(extend(held.holdId, run_id, 61_000)), 'FIELD_INVALID');
  t.is(await reasonOf(extend(held.holdId, run_id, 50_000)), undefined);
});

test('a hold whose time has passed is over, though nobody has released it yet', async (t) => {
  const run_id = await fresh();
  const held = await world.hold({ holdId: `p-${run_id}`, runId: run_id });
  await world.db.query('UPDATE seat_hold SET expires_at = UTC_TIMESTAMP(3) WHERE hold_id = ?', [held.holdId]);
  t.is(await reasonOf(extend(held.holdId, run_id, 1_000)), 'HOLD_EXPIRED');
  await world.client.releaseHold({ holdId: held.holdId, runId: run_id, owner: HoldOwner.ORDER });
  t.is(await reasonOf(extend(held.holdId, run_id, 1_000)), 'HOLD_EXPIRED');
});

test('an order, a stranger, another run and an unknown id are told apart', async (t) => {
  const [run_id, other_run] = [await fresh(), await fresh()];
  const held = await world.hold({ holdId: `c-${run_id}`, runId: run_id });
  t.is(await reasonOf(extend(held.holdId, run_id, 1_000, HoldOwner.STANDBY)), 'HOLD_CONFLICT');
  t.is(await reasonOf(extend(held.holdId, other_run, 1_000)), 'HOLD_NOT_FOUND');
  t.is(await reasonOf(extend(`no-${run_id}`, run_id, 1_000)), 'HOLD_NOT_FOUND');
  await world.client.attachOrder({ holdId: held.holdId, runId: run_id, orderId: '7001', owner: HoldOwner.ORDER });
  t.is(await reasonOf(extend(held.holdId, run_id, 1_000)), 'HOLD_CONFLICT');
  await world.client.sellHold({ holdId: held.holdId, runId: run_id, orderId: '7001' });
  t.is(await reasonOf(extend(held.holdId, run_id, 1_000)), 'HOLD_CONFLICT');
});
