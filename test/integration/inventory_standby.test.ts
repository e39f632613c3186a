// Seats that are given back while others wait: kept for them without becoming free, claimed in one step, opened in time.
import test from 'ava';
import { HoldOwner, HoldState } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { openRedis } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { openRunStore } from '../../services/inventory/store/runs.ts';
import { openSeatStore } from '../../services/inventory/store/seats.ts';
import { examineInventory } from '../support/inventory_oracle.ts';
import { eventually } from '../support/processes.ts';
import { openInventory, second, testRun, type InventoryWorld } from './inventory_world.ts';

/** Kept for as long as a test takes, unless it says otherwise in the row. */
const KEEP_MS = '600000';
let world: InventoryWorld;
let other: InventoryWorld['client'];
test.before(async () => {
  world = await openInventory({ INVENTORY_KEEP_MS: KEEP_MS });
  other = await world.another();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
/** A run of three seats, all of them held by orders. */
async function soldOut(seats = 3): Promise<string> {
  const run_id = await world.open(testRun(`SB${(trains += 1)}`, { coaches: [[3, seats]] }));
  for (let seat = 1; seat <= seats; seat += 1) await world.hold({ holdId: `${run_id}-${seat}`, runId: run_id });
  return run_id;
}
const versions = new Map<string, bigint>();
async function tell(run_id: string, waiting: boolean): Promise<void> {
  const version = (versions.get(run_id) ?? 0n) + 1n;
  versions.set(run_id, version);
  await world.aftersales.setRunStandby({ runId: run_id, waiting, version });
}
const release = (run_id: string, seat: number, client = world.client) => client.releaseHold({ holdId: `${run_id}-${seat}`, runId: run_id, owner: HoldOwner.ORDER });
const wanted = (run_id: string, holdId: string, count = 1, from = 0, to = 4) => ({
  hold: { holdId, runId: run_id, fromStationId: `s${from}`, toStationId: `s${to}`, owner: HoldOwner.ORDER, items: Array.from({ length: count }, (_, index) => second(String(index + 1))) },
});
const reasonOf = async (call: Promise<unknown>) => ((await call.then(() => undefined, (error: unknown) => error)) as RpcError | undefined)?.reason;
async function onSale(run_id: string, from = 0, to = 4): Promise<number> {
  return (await world.client.getRemaining({ runId: run_id, stretches: [{ fromIndex: from, toIndex: to }] })).remaining[0]!.remaining;
}
async function forStandby(run_id: string, from = 0, to = 4): Promise<number> {
  return (await world.aftersales.getStandbySeats({ runId: run_id })).remaining.find(({ fromIndex, toIndex }) => fromIndex === from && toIndex === to)!.remaining;
}
/** The sweeper finds what is kept due, and its places old. */
async function letTimePass(run_id: string): Promise<void> {
  await world.db.query("UPDATE seat_hold SET places = REGEXP_REPLACE(places, '\"[0-9a-z]+\\\\.', '\"1.'), next_action_time = UTC_TIMESTAMP(3) WHERE hold_id = ?", [`standby.${run_id}`]);
}
/** Redis is told of what is kept after the answer of a release: its record comes a moment later. */
async function findings(): Promise<string[]> {
  await eventually(async () => {
    const runs = await world.db.query<{ run_id: string; seat_version: number; state: string; bucket: number }>("SELECT run_id, seat_version, state, bucket FROM seat_hold WHERE hold_id LIKE 'standby.%'");
    const records = await Promise.all(runs.map(({ run_id, bucket }) => world.redis.client.hget(`{b${bucket}}:v2:run:${run_id}:state`, `h:standby.${run_id}`)));
    return runs.every(({ seat_version, state }, index) => (state === 'HELD' ? records[index]?.includes(`"v":${seat_version},`) === true : records[index] === null));
  });
  const redis = await openRedis({ url: world.env.REDIS_URL!, log: silentLog(), service: 'test' });
  try {
    const runs = openRunStore({ db: world.db, clock: systemClock, random: systemRandom, onChanged: async () => {} });
    const stores = { db: world.db, seats: await openSeatStore(redis.client), runs: () => runs.page({ buckets: [0, 1, 2, 3], after_run_no: 0n, limit: 1000 }) };
    return await examineInventory(stores);
  } finally {
    await redis.close();
  }
}

test.serial('while somebody waits, a seat that is given back is not on sale for a moment, and who waits gets it', async (t) => {
  const run_id = await soldOut();
  await tell(run_id, true);
  await release(run_id, 1);
  t.is(await onSale(run_id), 0);
  t.is(await reasonOf(world.hold({ holdId: `${run_id}-buyer`, runId: run_id })), 'SOLD_OUT');
  t.is(await forStandby(run_id), 1);
  const { hold } = await world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-match`));
  t.deepEqual([hold?.state, hold?.owner, hold?.seats.length], [HoldState.HELD, HoldOwner.ORDER, 1]);
  t.deepEqual((await world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-match`))).hold?.seats, hold?.seats, 'a repeat has the same answer');
  t.is(await forStandby(run_id), 0);
  t.is(await reasonOf(world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-second`))), 'SOLD_OUT');
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
  // What was matched is like any other hold: attached, sold, given back again.
  await world.client.attachOrder({ holdId: `${run_id}-match`, runId: run_id, orderId: '77', owner: HoldOwner.ORDER });
  await world.client.sellHold({ holdId: `${run_id}-match`, runId: run_id, orderId: '77' });
  await world.client.releaseHold({ holdId: `${run_id}-match`, runId: run_id, owner: HoldOwner.ORDER });
  t.deepEqual([await onSale(run_id), await forStandby(run_id)], [0, 1]);
});

test.serial('without anybody who waits, what is given back is on sale at once; and when the last one leaves, so is what was kept', async (t) => {
  const run_id = await soldOut();
  await release(run_id, 1);
  t.is(await onSale(run_id), 1);
  await tell(run_id, true);
  await release(run_id, 2);
  t.is(await onSale(run_id), 1);
  await tell(run_id, false);
  t.is(await onSale(run_id), 2);
  await release(run_id, 3);
  t.is(await onSale(run_id), 3);
  // What was said before does not count any more.
  await world.aftersales.setRunStandby({ runId: run_id, waiting: true, version: 1n });
  await world.hold({ holdId: `${run_id}-4`, runId: run_id });
  await release(run_id, 4);
  t.is(await onSale(run_id), 3);
  t.is(await reasonOf(world.aftersales.setRunStandby({ runId: 'NONE.20260101', waiting: true, version: 1n })), 'TRAIN_RUN_NOT_FOUND');
});

test.serial('a group gets seats that were given back one after the other, with what is free beside them, or none', async (t) => {
  const run_id = await soldOut();
  await tell(run_id, true);
  await release(run_id, 1);
  t.is(await reasonOf(world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-group-1`, 2))), 'SOLD_OUT');
  t.is(await forStandby(run_id), 1, 'nothing moved');
  await release(run_id, 2, other);
  const { hold } = await world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-group-2`, 2));
  t.is(new Set(hold?.seats.map(({ seat }) => seat?.seatNo)).size, 2);
  t.deepEqual(await findings(), []);
});

test.serial('what a match does not need of a kept seat stays kept, for the next one', async (t) => {
  const run_id = await soldOut(1);
  await tell(run_id, true);
  await release(run_id, 1);
  await world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-middle`, 1, 1, 2));
  t.deepEqual([await onSale(run_id, 0, 1), await onSale(run_id, 2, 4)], [0, 0]);
  t.deepEqual([await forStandby(run_id, 0, 1), await forStandby(run_id, 1, 2), await forStandby(run_id, 2, 4)], [1, 0, 1]);
  await world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-end`, 1, 2, 4));
  await world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-start`, 1, 0, 1));
  t.is((await world.aftersales.getStandbySeats({ runId: run_id })).kept, 0);
  t.deepEqual(await findings(), []);
});

const batch = (run_id: string, wishes: readonly (readonly [name: string, count?: number, from?: number, to?: number])[]) =>
  world.aftersales.batchClaimStandbySeats({ holds: wishes.map(([name, count, from, to]) => wanted(run_id, `${run_id}-${name}`, count, from, to).hold) });
const outcomesOf = ({ results }: Awaited<ReturnType<typeof batch>>) => results.map(({ outcome }) => (outcome.case === 'hold' ? outcome.value.seats.map(({ seat }) => seat?.seatNo).join('+') : outcomeFailure(outcome.value!).reason));

test.serial('several who wait are served in one step and in their order: whoever comes behind one that gets nothing is not tried', async (t) => {
  const run_id = await soldOut(4);
  await tell(run_id, true);
  for (const seat of [1, 2, 3]) await release(run_id, seat);
  const [record_before] = await world.db.query<{ version: number }>('SELECT version FROM seat_hold WHERE hold_id = ?', [`standby.${run_id}`]);
  const first = await batch(run_id, [['one', 1, 0, 2], ['two'], ['pair', 2], ['behind', 1, 2, 4]]);
  const [one, two, pair, behind] = outcomesOf(first);
  t.true(one !== two && [one, two].every((seat) => /^\d+[A-F]$/.test(seat!)), `${one} ${two}`);
  t.deepEqual([pair, behind], ['SOLD_OUT', 'VERSION_STALE'], 'though one more seat would do for the last');
  const [record_after] = await world.db.query<{ version: number }>('SELECT version FROM seat_hold WHERE hold_id = ?', [`standby.${run_id}`]);
  t.is(record_after!.version, record_before!.version + 1, 'one exchange for all of them');
  t.deepEqual([await forStandby(run_id), await forStandby(run_id, 2, 4), await onSale(run_id, 2, 4)], [1, 2, 0]);
  t.deepEqual(outcomesOf(await batch(run_id, [['one', 1, 0, 2], ['two'], ['behind', 1, 2, 4], ['last']])).slice(0, 2), [one, two], 'a repeat has the same answers');
  t.is((await world.aftersales.getStandbySeats({ runId: run_id })).kept, 0);
  t.deepEqual(await findings(), []);
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test.serial('several of different runs, none, and two of one id are refused', async (t) => {
  const [one, other] = [await soldOut(1), await soldOut(1)];
  t.is(await reasonOf(batch(one, [])), 'FIELD_INVALID');
  t.is(await reasonOf(batch(one, [['same'], ['same']])), 'FIELD_INVALID');
  t.is(await reasonOf(world.aftersales.batchClaimStandbySeats({ holds: [wanted(one, 'a').hold, wanted(other, 'b').hold] })), 'FIELD_INVALID');
});

test.serial('a seat that is given back while others are claimed is no reason to refuse them', async (t) => {
  const seats = 8;
  const run_id = await soldOut(seats);
  await tell(run_id, true);
  await release(run_id, 1);
  const giving = Promise.all(Array.from({ length: seats - 1 }, (_, index) => release(run_id, index + 2, index % 2 === 0 ? world.client : other)));
  const refused: string[] = [];
  for (let matched = 0, tried = 0; matched < seats; tried += 1) {
    const [outcome] = outcomesOf(await batch(run_id, [[`during-${tried}`]]));
    if (/^\d/.test(outcome!)) matched += 1;
    else if (outcome !== 'SOLD_OUT') refused.push(outcome!);
  }
  await giving;
  t.deepEqual(refused, []);
  t.deepEqual(await findings(), []);
});

test.serial('what nobody got in time is on sale again, each place at its own time', async (t) => {
  const run_id = await soldOut();
  await tell(run_id, true);
  await release(run_id, 1);
  await letTimePass(run_id);
  await eventually(async () => (await onSale(run_id)) === 1 || undefined);
  await release(run_id, 2);
  await letTimePass(run_id);
  await release(run_id, 3);
  await eventually(async () => (await onSale(run_id)) === 2 || undefined);
  t.is(await forStandby(run_id), 3, 'the third is still kept');
  const [row] = await world.db.query<{ left_ms: number }>('SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), next_action_time) / 1000 AS left_ms FROM seat_hold WHERE hold_id = ?', [`standby.${run_id}`]);
  t.true(Number(row!.left_ms) <= Number(KEEP_MS), 'and is looked at when its time is over');
  t.deepEqual(await findings(), []);
});

test.serial('what is kept is given back as a whole when its run has changed, and is kept again afterwards', async (t) => {
  const run_id = await soldOut();
  await tell(run_id, true);
  await release(run_id, 1);
  await world.aftersales.releaseHold({ holdId: `standby.${run_id}`, runId: run_id, owner: HoldOwner.STANDBY });
  t.is(await onSale(run_id), 1);
  await release(run_id, 2);
  t.deepEqual([await onSale(run_id), await forStandby(run_id)], [1, 2]);
  t.deepEqual(await findings(), []);
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences, []);
});

test.serial('many give back, claim and buy at once, in two processes: nobody has a seat twice, none is lost', async (t) => {
  const seats = 12;
  const run_id = await soldOut(seats);
  await tell(run_id, true);
  const matched: string[] = [];
  const claims = async (): Promise<void> => {
    for (let tried = 0; matched.length < seats && tried < 400; tried += 1) {
      const hold_id = `${run_id}-claim-${tried}`;
      const reason = await reasonOf(world.aftersales.claimStandbySeats(wanted(run_id, hold_id)));
      if (reason === undefined) matched.push(hold_id);
    }
  };
  const buyers = async (): Promise<number> => {
    let bought = 0;
    for (let tried = 0; matched.length < seats && tried < 400; tried += 1) if ((await reasonOf(world.hold({ holdId: `${run_id}-buy-${tried}`, runId: run_id }))) === undefined) bought += 1;
    return bought;
  };
  const give = Promise.all(Array.from({ length: seats }, (_, index) => release(run_id, index + 1, index % 2 === 0 ? world.client : other)));
  const [, , bought] = await Promise.all([give, claims(), buyers()]);
  t.deepEqual([matched.length, bought], [seats, 0]);
  t.deepEqual(await findings(), []);
});

test.serial('Redis is lost and rebuilt: what is kept stays kept and can be claimed', async (t) => {
  const run_id = await soldOut();
  await tell(run_id, true);
  await release(run_id, 1);
  await release(run_id, 2);
  await world.ops.rebuildBuckets({});
  t.deepEqual([await onSale(run_id), await forStandby(run_id)], [0, 2]);
  await eventually(async () => (await reasonOf(world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-match`, 2)))) === undefined || undefined);
  t.deepEqual(await findings(), []);
});

test.serial('a release whose Redis half was lost frees nothing that is kept when it is repeated, and what is kept can be claimed', async (t) => {
  const run_id = await soldOut();
  await tell(run_id, true);
  // As a process leaves it that ended between the ledger's commit and Redis.
  const keys = await world.redis.client.keys(`*:run:${run_id}:*`);
  const before = await Promise.all(keys.map((key) => world.redis.client.dumpBuffer(key)));
  await release(run_id, 1);
  await findings();
  await Promise.all(keys.map((key, index) => world.redis.client.restore(key, 0, before[index]!, 'REPLACE')));
  await release(run_id, 1);
  t.is(await onSale(run_id), 0);
  const { hold } = await world.aftersales.claimStandbySeats(wanted(run_id, `${run_id}-match`));
  t.is(hold?.seats.length, 1);
  t.deepEqual(await findings(), []);
});

test.serial('Redis does not know of what is kept when its time is over: the seat is on sale all the same', async (t) => {
  const run_id = await soldOut();
  await tell(run_id, true);
  const keys = await world.redis.client.keys(`*:run:${run_id}:*`);
  const before = await Promise.all(keys.map((key) => world.redis.client.dumpBuffer(key)));
  await release(run_id, 1);
  await findings();
  await Promise.all(keys.map((key, index) => world.redis.client.restore(key, 0, before[index]!, 'REPLACE')));
  await letTimePass(run_id);
  await eventually(async () => (await onSale(run_id)) === 1 || undefined);
  // The record of the hold that was released is left behind, as after every crash there; the reconciler names it.
  t.deepEqual((await world.ops.reconcile({ runIds: [run_id] })).differences.map(({ kind, repaired }) => [kind, repaired]), [['HOLD_OVER_IN_LEDGER', true]]);
  t.deepEqual(await findings(), []);
});
