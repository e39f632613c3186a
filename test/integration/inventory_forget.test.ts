// What Redis has of a run goes long after its sale, by a loop and not by itself, and the ledger keeps all of it.
import test from 'ava';
import { eventually } from '../support/processes.ts';
import { openInventory, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory({ INVENTORY_FORGET_MS: '20' });
});
test.after.always(() => world?.lifecycle.stop());

const keysOf = async (run_id: string) => (await world.redis.client.keys(`*${run_id}*`)).length;
const endedAgo = (run_id: string, hours: number) => world.db.query('UPDATE train_run SET sale_end_at = UTC_TIMESTAMP(3) - INTERVAL ? HOUR WHERE run_id = ?', [hours, run_id]);
const inRedis = async (run_id: string) => (await world.db.query<{ in_redis: number }>('SELECT in_redis FROM train_run WHERE run_id = ?', [run_id]))[0]!.in_redis;

test.serial('a run that ended long ago leaves Redis with its holds; others stay, and so does what the ledger knows', async (t) => {
  const [old, recent, open] = [await world.open(testRun('F1')), await world.open(testRun('F2')), await world.open(testRun('F3'))];
  for (const runId of [old, recent, open]) await world.hold({ holdId: `f-${runId}`, runId });
  const before = await keysOf(recent);
  t.true((await keysOf(old)) > 0 && before > 0);
  await endedAgo(recent, 25);
  await endedAgo(old, 27);
  await eventually(async () => (await inRedis(old)) === 0);
  t.is(await keysOf(old), 0);
  t.deepEqual([await inRedis(recent), await inRedis(open)], [1, 1]);
  t.is(await keysOf(recent), before);
  t.is(await keysOf(open), before);
  t.is((await world.db.query("SELECT 1 FROM seat_hold WHERE run_id = ? AND state = 'HELD'", [old])).length, 1);
  t.true((await world.redis.client.keys('*:layout:*')).length > 0, 'layouts are shared');
});

test.serial('a closed bucket is left alone until it is open again', async (t) => {
  const run_id = await world.open(testRun('F4'));
  const { states } = await world.client.getRunStates({ runIds: [run_id] });
  const buckets = [states[0]!.bucket];
  await world.ops.closeBuckets({ buckets, reason: 'test' });
  await endedAgo(run_id, 27);
  // Another run of an open bucket shows that the loop has been round since.
  let other = '';
  for (let index = 0; other === ''; index += 1) {
    const candidate = await world.open(testRun(`F5-${index}`));
    const answer = await world.client.getRunStates({ runIds: [candidate] });
    if (answer.states[0]!.bucket !== buckets[0]) other = candidate;
  }
  await endedAgo(other, 27);
  await eventually(async () => (await inRedis(other)) === 0);
  t.is(await inRedis(run_id), 1);
  t.true((await keysOf(run_id)) > 0);
  await world.ops.rebuildBuckets({ buckets });
  await eventually(async () => (await inRedis(run_id)) === 0);
  t.is(await keysOf(run_id), 0);
});
