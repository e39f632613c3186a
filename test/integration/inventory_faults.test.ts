// What happens when Redis forgets, lies or is away, and when somebody watches.
import test from 'ava';
import { HoldOwner, type WatchRemainingResponse } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { fnv1a64 } from '#kit/base/hash.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { bucketKey, runKeys } from '../../services/inventory/store/seat_keys.ts';
import { openInventory, second, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
const fresh = (options: Parameters<typeof testRun>[1] = {}) => world.open(testRun(`K${(trains += 1)}`, options));

async function reasonOf(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(() => undefined, (failure: unknown) => failure);
  return error instanceof RpcError ? error.reason : undefined;
}

async function allRemaining(run_id: string): Promise<string> {
  const { remaining } = await opened(() => world.client.getRemaining({ runId: run_id }));
  return remaining.map(({ seatClass, fromIndex, toIndex, remaining: left }) => `${seatClass}:${fromIndex}-${toIndex}=${left}`).join(' ');
}

/** Repeats what is refused because a bucket is being rebuilt, as callers do. */
async function opened<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RpcError) || error.reason !== 'SHARD_CLOSED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function keysOf(run_id: string): Promise<{ bucket: number; state: string; bits: string; run_no: bigint }> {
  const [row] = await world.db.query<{ bucket: number; run_no: bigint }>('SELECT bucket, run_no FROM train_run WHERE run_id = ?', [run_id]);
  const [state, bits] = runKeys({ bucket: row!.bucket, run_id });
  return { ...row!, state, bits };
}

/** Sets seat 0 free on all segments, behind everybody's back. */
async function freeBehindTheBack(run_id: string): Promise<void> {
  await writeBehindTheBack(run_id, 0, 0);
}

/** Seats are bits of one word for each of the four segments. A stamp of nobody's, or the Function would go on with its copy. */
async function writeBehindTheBack(run_id: string, seat: number, taken: number): Promise<void> {
  const { state, bits } = await keysOf(run_id);
  const words = (await world.redis.client.getBuffer(bits))!;
  for (let segment = 0; segment < 4; segment += 1) {
    const word = words.readUInt32LE(segment * 4) & ~(1 << seat);
    words.writeUInt32LE((word | (((taken >> segment) & 1) << seat)) >>> 0, segment * 4);
  }
  await world.redis.client.set(bits, words);
  const at = await world.redis.client.hget(state, 'at');
  await world.redis.client.hset(state, 'at', `${at}-${seat}-${taken}`);
}

test.serial('Redis loses everything: refused as closed, never as sold out; then all is as before', async (t) => {
  const run_id = await fresh({ standing: 3 });
  await world.hold({ holdId: `a-${run_id}`, runId: run_id, items: ['1', '2'].map(second), toStationId: 's2' });
  await world.hold({ holdId: `b-${run_id}`, runId: run_id, fromStationId: 's1' });
  await world.client.sellHold({ holdId: `b-${run_id}`, runId: run_id, orderId: '1' });
  await world.hold({ holdId: `c-${run_id}`, runId: run_id, items: [{ itemId: '1', seatClasses: [SeatClass.STANDING] }] });
  const before = await allRemaining(run_id);
  await world.redis.client.flushall();
  // Refused, or held already when the watch over buckets was faster; which, the tests of the Functions say for each state.
  const refused = await reasonOf(world.client.getRemaining({ runId: run_id }));
  t.true(refused === 'SHARD_CLOSED' || refused === undefined, refused);
  t.is(await allRemaining(run_id), before);
  t.not(await reasonOf(world.hold({ holdId: `d-${run_id}`, runId: run_id })), 'SOLD_OUT');
  await opened(() => world.hold({ holdId: `d-${run_id}`, runId: run_id }));
  await world.client.releaseHold({ holdId: `a-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  await world.client.releaseHold({ holdId: `b-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  await world.client.releaseHold({ holdId: `c-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  await world.client.releaseHold({ holdId: `d-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  t.regex(await allRemaining(run_id), /3:0-4=20.*8:0-4=3|8:0-4=3.*3:0-4=20/, 'records survive the rebuild, so releases free');
});

test.serial('a restarted service finds Redis as it left it; an empty one is rebuilt', async (t) => {
  const run_id = await fresh();
  await opened(() => world.hold({ holdId: `r-${run_id}`, runId: run_id }));
  await world.ops.rebuildBuckets({});
  const before = await allRemaining(run_id);
  const epochs = () => world.db.query<{ epoch: number }>('SELECT epoch FROM bucket_epoch ORDER BY bucket');
  const first = await epochs();
  await world.restart();
  t.deepEqual(await epochs(), first, 'nothing was lost, nothing is bumped');
  await world.redis.client.flushall();
  await world.restart();
  t.notDeepEqual(await epochs(), first);
  t.is(await allRemaining(run_id), before);
});

test.serial('a seat that Redis wrongly calls free is refused by the ledger, stays taken, and is reported', async (t) => {
  const run_id = await fresh({ coaches: [[SeatClass.SECOND, 2]] });
  const first = await world.hold({ holdId: `l1-${run_id}`, runId: run_id });
  t.is(first.seats[0]?.seat?.seatNo, '01A');
  await freeBehindTheBack(run_id);
  const difference = await world.ops.reconcile({ runIds: [run_id], dryRun: true });
  t.deepEqual(difference.differences.map(({ kind, seat, repaired }) => [kind, seat, repaired]), [['FREE_IN_REDIS_ONLY', '01/01A', false]]);

  t.is(await reasonOf(world.hold({ holdId: `l2-${run_id}`, runId: run_id })), 'HOLD_CONFLICT');
  const rows = await world.db.query<{ hold_id: string; state: string }>('SELECT hold_id, state FROM seat_hold WHERE run_id = ? ORDER BY hold_id', [run_id]);
  t.deepEqual(rows.map(({ state }) => state), ['HELD', 'ABORTED']);
  t.is((await world.hold({ holdId: `l3-${run_id}`, runId: run_id })).seats[0]?.seat?.seatNo, '01B', 'the refused seat stays taken');
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test.serial('the reconciler repairs from the ledger what it can prove', async (t) => {
  const run_id = await fresh();
  await world.hold({ holdId: `p1-${run_id}`, runId: run_id });
  const truth = await allRemaining(run_id);
  const { state } = await keysOf(run_id);
  await writeBehindTheBack(run_id, 0, 0);
  await writeBehindTheBack(run_id, 5, 1);
  await world.redis.client.hset(state, `h:ghost-${run_id}`, JSON.stringify({ v: 1, o: 'ORDER', b: '', p: [['1', 3, 10, 0, 1]] }));
  const { differences } = await world.ops.reconcile({ runIds: [run_id] });
  const kinds = new Set(differences.map(({ kind }) => kind));
  t.true(kinds.has('HOLD_IN_REDIS_ONLY') && kinds.has('FREE_IN_REDIS_ONLY') && kinds.has('TAKEN_IN_REDIS_ONLY'), [...kinds].join(' '));
  t.true(differences.every(({ repaired }) => repaired));
  t.is(await allRemaining(run_id), truth);
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test.serial('a tick in which one run is bad holds the others', async (t) => {
  const good = await Promise.all(Array.from({ length: 6 }, () => fresh()));
  const bad = await fresh();
  await world.hold({ holdId: `q0-${bad}`, runId: bad });
  await freeBehindTheBack(bad);
  const requests = [bad, ...good].map((runId) => ({ holdId: `q-${runId}`, runId, fromStationId: 's0', toStationId: 's4', items: [second('1')], owner: HoldOwner.ORDER }));
  const { results } = await world.client.batchHoldSeats({ requests });
  t.deepEqual(results.map(({ outcome }) => outcome.case), ['error', ...good.map(() => 'hold')]);
});

test.serial('history that Redis has lost closes the bucket', async (t) => {
  const run_id = await fresh();
  await world.hold({ holdId: `s1-${run_id}`, runId: run_id });
  const { bucket } = await keysOf(run_id);
  // A replica that lagged and took over: the bucket's sequence runs again.
  await world.redis.client.hincrby(bucketKey(bucket), 'sequence', -1);
  t.is(await reasonOf(world.hold({ holdId: `s2-${run_id}`, runId: run_id })), 'SHARD_CLOSED');
  const hold = await opened(() => world.hold({ holdId: `s2-${run_id}`, runId: run_id }));
  t.is(hold.seats.length, 1);
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test.serial('a bucket whose epoch has passed commits nothing of the older one', async (t) => {
  const run_id = await fresh();
  await world.hold({ holdId: `e1-${run_id}`, runId: run_id });
  const { bucket } = await keysOf(run_id);
  // Another process has decided that Redis is lost; ours doesn't know yet, and Redis still answers it.
  await world.db.query('UPDATE bucket_epoch SET epoch = epoch + 1 WHERE bucket = ?', [bucket]);
  t.is(await reasonOf(world.hold({ holdId: `e2-${run_id}`, runId: run_id })), 'SHARD_CLOSED');
  t.is((await world.db.query('SELECT 1 FROM seat_hold WHERE hold_id = ?', [`e2-${run_id}`])).length, 0);
  await opened(() => world.hold({ holdId: `e2-${run_id}`, runId: run_id }));
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test.serial('a watcher gets a snapshot, then absolute states, and digests that agree', async (t) => {
  const run_id = await fresh();
  const { bucket } = await keysOf(run_id);
  const aborter = new AbortController();
  const messages = world.query.watchRemaining({ buckets: [bucket] }, { timeout_ms: Infinity, signal: aborter.signal });
  const versions = new Map<string, bigint>();
  let complete = false;
  let left: number | undefined;
  const note = ({ runs, snapshotCompleteBuckets }: WatchRemainingResponse) => {
    for (const run of runs) versions.set(run.runId, run.version);
    const mine = runs.find(({ runId }) => runId === run_id);
    left = mine?.classes[0]?.remaining[3] ?? left;
    complete ||= snapshotCompleteBuckets.includes(bucket);
  };
  let held = false;
  for await (const message of messages) {
    note(message);
    if (complete && !held) {
      t.is(left, 20);
      held = true;
      await world.hold({ holdId: `w-${run_id}`, runId: run_id });
    }
    const digest = message.digests.find((one) => one.bucket === bucket);
    if (!held || left !== 19 || digest === undefined) continue;
    let expected = 0n;
    for (const [id, version] of versions) expected ^= fnv1a64(`${id}:${version}`);
    t.is(digest.digest, expected);
    break;
  }
  aborter.abort();
  t.is(left, 19);
});
