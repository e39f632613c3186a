// Buckets that an operator closes stay closed: in every process, over restarts and losses, until they are named again.
import test from 'ava';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { portOf, startProxy, through, type Proxy } from '#kit/store/testing.ts';
import { freshRedis, type FreshRedis } from '../support/stack.ts';
import { eventually } from '../support/processes.ts';
import { openInventory, second, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
let other: InventoryWorld['client'];
let proxy: Proxy;
let redis: FreshRedis;
test.before(async () => {
  redis = await freshRedis();
  proxy = await startProxy(portOf(redis.url));
  world = await openInventory({ REDIS_URL: through(redis.url, proxy) });
  other = await world.another();
});
test.after.always(async () => {
  await proxy?.restore();
  await world?.lifecycle.stop();
  await proxy?.stop();
  await redis?.stop();
});

let trains = 0;
/** A run in the bucket, or in any other. */
async function runIn(bucket: number, inside = true): Promise<string> {
  for (;;) {
    const run_id = await world.open(testRun(`C${(trains += 1)}`));
    const { states } = await world.client.getRunStates({ runIds: [run_id] });
    if ((states[0]!.bucket === bucket) === inside) return run_id;
  }
}

let holds = 0;
async function hold(client: InventoryWorld['client'], runId: string): Promise<{ reason?: string; retry_after_ms?: number }> {
  const request = { holdId: `c-${(holds += 1)}`, runId, fromStationId: 's0', toStationId: 's4', items: [second('1')], owner: HoldOwner.ORDER };
  const error: unknown = await client.holdSeats(request).then(() => undefined, (failure: unknown) => failure);
  return error instanceof RpcError ? { reason: error.reason ?? error.code, retry_after_ms: error.retry_after_ms } : {};
}

const ledger = () => world.db.query<{ bucket: number; epoch: number; closed: number }>('SELECT bucket, epoch, closed FROM bucket_epoch ORDER BY bucket');

test.serial('a closed bucket is closed in every process, the others sell on; only its name opens it', async (t) => {
  const [inside, outside] = [await runIn(1), await runIn(1, false)];
  await world.ops.closeBuckets({ requestId: 'close-1', buckets: [1, 1], reason: '迁移槽位' });
  const [before] = (await ledger()).filter(({ bucket }) => bucket === 1);
  t.is(before?.closed, 1);
  for (const client of [world.client, other]) {
    const refused = await hold(client, inside);
    t.is(refused.reason, 'SHARD_CLOSED');
    t.true(refused.retry_after_ms! > 0);
    t.deepEqual(await hold(client, outside), {});
  }
  await world.ops.closeBuckets({ requestId: 'close-1', buckets: [1], reason: '迁移槽位' });
  t.deepEqual((await ledger())[1], before, 'closing again changes nothing');
  const [late] = await world.db.query<{ epoch: number }>('SELECT epoch FROM bucket_epoch WHERE bucket = 1');
  t.is(late?.epoch, before?.epoch);

  t.is((await world.ops.rebuildBuckets({})).buckets, 3, 'all but the closed one');
  t.is((await hold(world.client, inside)).reason, 'SHARD_CLOSED');
  const opened = await world.ops.rebuildBuckets({ requestId: 'open-1', buckets: [1] });
  t.is(opened.buckets, 1);
  t.deepEqual(await hold(world.client, inside), {});
  await eventually(async () => (await hold(other, inside)).reason === undefined);
  const audit = await world.db.query<{ operation: string; target: string; request_id: string; actor_service: string; version: bigint }>(
    "SELECT operation, target, request_id, actor_service, version FROM audit_record WHERE operation LIKE 'inventory.%Bucket' ORDER BY audit_id",
  );
  t.deepEqual(audit.map(({ operation, target, request_id, actor_service }) => [operation, target, request_id, actor_service]), [
    ['inventory.CloseBucket', 'bucket/1: 迁移槽位', 'close-1', 'ops'],
    ['inventory.ReopenBucket', 'bucket/1', 'open-1', 'ops'],
  ]);
});

test.serial('neither a restart nor a lost Redis opens it', async (t) => {
  const [inside, outside] = [await runIn(2), await runIn(2, false)];
  await world.ops.closeBuckets({ buckets: [2], reason: 'test' });
  const before = await ledger();
  await world.restart();
  t.is((await hold(world.client, inside)).reason, 'SHARD_CLOSED');
  t.deepEqual(await ledger(), before, 'nothing was lost, nothing is bumped');
  await world.redis.client.flushall();
  // The watch over buckets rebuilds the others in its own time.
  await eventually(async () => (await ledger()).every(({ bucket, epoch }, index) => bucket === 2 || epoch > before[index]!.epoch));
  for (const client of [world.client, other]) {
    await eventually(async () => (await hold(client, outside)).reason === undefined);
    t.is((await hold(client, inside)).reason, 'SHARD_CLOSED');
  }
  t.deepEqual((await ledger())[2], before[2]);
  const { runs } = await world.ops.rebuildBuckets({ buckets: [2] });
  t.true(runs >= 1);
  t.deepEqual(await hold(world.client, inside), {});
});

test.serial('with Redis away the attempt fails, and the ledger has closed the bucket all the same', async (t) => {
  const inside = await runIn(3);
  await proxy.cut();
  const error = await t.throwsAsync(world.ops.closeBuckets({ buckets: [3], reason: 'test' }), { instanceOf: RpcError });
  t.is(error.reason, 'DEPENDENCY_UNAVAILABLE');
  t.is((await ledger())[3]?.closed, 1);
  await proxy.restore();
  for (const client of [world.client, other]) {
    await eventually(async () => (await hold(client, inside)).reason === 'SHARD_CLOSED');
    t.is((await hold(client, inside)).reason, 'SHARD_CLOSED');
  }
  t.is((await world.db.query('SELECT 1 FROM seat_hold WHERE run_id = ?', [inside])).length, 0);
  await eventually(() => world.ops.rebuildBuckets({ buckets: [3] }).catch(() => undefined));
  await eventually(async () => (await hold(world.client, inside)).reason === undefined);
  // Buckets that were just being looked after when Redis went are brought up to date by the next check.
  const compared = await eventually(async () => {
    const { differences } = await world.ops.reconcile({ dryRun: true });
    return differences.every(({ kind }) => kind !== 'NOT_COMPARED') && differences;
  });
  t.deepEqual(compared, []);
});

test.serial('a rebuild that is under way does not open what is closed meanwhile', async (t) => {
  const inside = await runIn(0);
  const rebuilding = world.ops.rebuildBuckets({});
  await world.ops.closeBuckets({ buckets: [0], reason: 'test' });
  // The rebuild may have failed for it: its epoch has passed.
  await rebuilding.catch(() => undefined);
  t.is((await hold(world.client, inside)).reason, 'SHARD_CLOSED');
  await eventually(async () => (await hold(other, inside)).reason === 'SHARD_CLOSED');
  t.is((await ledger())[0]?.closed, 1);
  await world.ops.rebuildBuckets({ buckets: [0] });
  t.deepEqual(await hold(world.client, inside), {});
});

test.serial('what is no bucket is refused', async (t) => {
  for (const buckets of [[], [4], [0, 99]]) {
    const error = await t.throwsAsync(world.ops.closeBuckets({ buckets, reason: '' }), { instanceOf: RpcError });
    t.is(error.reason, 'FIELD_INVALID');
  }
  t.true((await ledger()).every(({ closed }) => closed === 0));
});
