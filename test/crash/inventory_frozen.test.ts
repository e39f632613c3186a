/** A process that stands still at a bad moment, and goes on when the world has changed: whatever it does then, it does in vain. */
import test from 'ava';
import { HoldOwner, HoldState } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { second, testRun } from '../integration/inventory_world.ts';
import { examineInventory } from '../support/inventory_oracle.ts';
import { eventually } from '../support/processes.ts';
import type { Point } from './points.ts';
import { openCrashWorld, type CrashWorld, type Process } from './world.ts';

let world: CrashWorld;
let old: Process;
let other: Process;
let trains = 0;

test.before(async () => {
  world = await openCrashWorld();
  [old, other] = await Promise.all([world.start(), world.start()]);
});
test.after.always(() => world?.lifecycle.stop());

/** Longer than anything here lasts: a frozen process answers when it goes on. */
const PATIENT = { timeout_ms: 60_000 };

const request = (runId: string, holdId: string) => ({ holdId, runId, fromStationId: 's0', toStationId: 's4', items: [second('1')], owner: HoldOwner.ORDER });
const seatOf = ({ hold }: Awaited<ReturnType<Process['client']['holdSeats']>>) => hold!.seats[0]!.seat!.seatNo;

/** A run that both processes sell from: after a rebuild the one that didn't do it has yet to learn the new epoch. */
async function freshRun(): Promise<string> {
  const run_id = (await world.open(old, [testRun(`Z${(trains += 1)}`)]))[0]!;
  for (const { client, pid } of [old, other]) {
    await served(() => client.holdSeats(request(run_id, `try-${run_id}-${pid}`)));
    await served(() => client.releaseHold({ holdId: `try-${run_id}-${pid}`, runId: run_id, owner: HoldOwner.ORDER }));
  }
  return run_id;
}

/** The process comes to the point with this call and stands still; the answer comes when it goes on. */
async function freezeAt(point: Omit<Point, 'act'>, call: () => Promise<unknown>): Promise<{ answer: Promise<string> }> {
  await old.arm({ ...point, act: 'freeze' });
  const answer = call().then(() => 'done', (error: unknown) => (error instanceof RpcError ? (error.reason ?? error.code) : String(error)));
  await Promise.race([old.frozen(), answer.then((how) => Promise.reject(new Error(`it never came to the point: ${how}`)))]);
  return { answer };
}

const stateOf = async (hold_id: string) => (await world.db.query<{ state: string }>('SELECT state FROM seat_hold WHERE hold_id = ?', [hold_id]))[0]?.state;

for (const method of ['commitHolds', 'materialise'] as const) {
  test.serial(`before ledger.${method} of a hold: the bucket is rebuilt and the seat sold meanwhile, so it commits nothing`, async (t) => {
    const run_id = await freshRun();
    const { answer } = await freezeAt({ store: 'ledger', method, when: 'before' }, () => old.client.holdSeats(request(run_id, `late-${run_id}`), PATIENT));
    await other.ops.rebuildBuckets({}, PATIENT);
    t.is(seatOf(await other.client.holdSeats(request(run_id, `new-${run_id}`), PATIENT)), '01A', 'the seat that Redis had given to the frozen one');
    old.thaw();
    t.is(await answer, 'SHARD_CLOSED');
    t.is(await stateOf(`late-${run_id}`), undefined);
    t.is(seatOf(await repeated(run_id)), '01B');
    t.deepEqual(await examineInventory(world.stores), []);
  });
}

test.serial('before seats.hold: an older epoch is refused by Redis too', async (t) => {
  const run_id = await freshRun();
  const { answer } = await freezeAt({ store: 'seats', method: 'hold', when: 'before' }, () => old.client.holdSeats(request(run_id, `late-${run_id}`), PATIENT));
  await other.ops.rebuildBuckets({}, PATIENT);
  await other.client.holdSeats(request(run_id, `new-${run_id}`), PATIENT);
  old.thaw();
  t.is(await answer, 'SHARD_CLOSED');
  t.is(seatOf(await repeated(run_id)), '01B');
  t.deepEqual(await examineInventory(world.stores), []);
});

test.serial('before seats.release: the seat was rebuilt as free and sold again, so it frees nothing', async (t) => {
  const run_id = await freshRun();
  await old.client.holdSeats(request(run_id, `first-${run_id}`));
  const { answer } = await freezeAt({ store: 'seats', method: 'release', when: 'before' }, () => old.client.releaseHold({ holdId: `first-${run_id}`, runId: run_id, owner: HoldOwner.ORDER }, PATIENT));
  await other.ops.rebuildBuckets({}, PATIENT);
  t.is(seatOf(await other.client.holdSeats(request(run_id, `second-${run_id}`), PATIENT)), '01A');
  old.thaw();
  t.is(await answer, 'done', 'it had been released in the ledger');
  t.is(await stateOf(`second-${run_id}`), 'HELD');
  t.deepEqual(await examineInventory(world.stores), []);
});

test.serial('inside its transaction: the bump waits for it, and its hold is in what is rebuilt', async (t) => {
  const run_id = await freshRun();
  const { answer } = await freezeAt({ store: 'ledger', method: 'commitHolds', when: 'inside' }, () => old.client.holdSeats(request(run_id, `late-${run_id}`), PATIENT));
  const rebuilt = other.ops.rebuildBuckets({}, PATIENT);
  const waiting = eventually(async () => (await world.db.query("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'INSERT INTO bucket_epoch%' AND id <> CONNECTION_ID()")).length > 0);
  await Promise.race([waiting, rebuilt.then(() => Promise.reject(new Error('the bump did not wait')))]);
  old.thaw();
  t.is(await answer, 'done');
  await rebuilt;
  // The one that was frozen may find its epoch behind and bring the bucket up to date once more.
  t.is(seatOf(await served(() => other.client.holdSeats(request(run_id, `new-${run_id}`), PATIENT))), '01B');
  t.deepEqual(await examineInventory(world.stores), []);
});

test.serial('before ledger.commitHolds of a hold: its caller has given it up and the seat was sold meanwhile, so it commits nothing', async (t) => {
  const run_id = await freshRun();
  const { answer } = await freezeAt({ store: 'ledger', method: 'commitHolds', when: 'before' }, () => old.client.holdSeats(request(run_id, `late-${run_id}`), PATIENT));
  const { hold } = await other.client.releaseHold({ holdId: `late-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  t.is(hold?.state, HoldState.ABORTED);
  t.is(seatOf(await other.client.holdSeats(request(run_id, `new-${run_id}`))), '01A', 'freed by its record');
  await other.client.releaseHold({ holdId: `new-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  old.thaw();
  t.is(await answer, 'HOLD_CONFLICT');
  t.is(await stateOf(`late-${run_id}`), 'ABORTED');
  t.deepEqual(await examineInventory(world.stores), []);
});

test.serial('before ledger.commitHolds of an exchange: what it gives up was released and sold meanwhile, so it changes nothing', async (t) => {
  const run_id = await freshRun();
  const { hold } = await old.client.holdSeats(request(run_id, `first-${run_id}`));
  const exchange = { holdId: hold!.holdId, runId: run_id, version: hold!.version, replacement: { ...request(run_id, `late-${run_id}`), toStationId: 's2' } };
  const { answer } = await freezeAt({ store: 'ledger', method: 'commitHolds', when: 'before' }, () => old.aftersales.exchangeHold(exchange, PATIENT));
  await other.client.releaseHold({ holdId: hold!.holdId, runId: run_id, owner: HoldOwner.ORDER });
  const sold = await other.client.holdSeats(request(run_id, `second-${run_id}`));
  t.is(seatOf(sold), '01A');
  await other.client.sellHold({ holdId: `second-${run_id}`, runId: run_id, orderId: '2' });
  old.thaw();
  t.is(await answer, 'VERSION_STALE');
  t.is(await stateOf(`late-${run_id}`), 'ABORTED');
  t.deepEqual(await examineInventory(world.stores), []);
});

test.serial('before ledger.release: the version it knew was sold meanwhile, so it releases nothing', async (t) => {
  const run_id = await freshRun();
  const { hold } = await old.client.holdSeats(request(run_id, `first-${run_id}`));
  const { answer } = await freezeAt({ store: 'ledger', method: 'release', when: 'before' }, () =>
    old.client.releaseHold({ holdId: hold!.holdId, runId: run_id, owner: HoldOwner.ORDER, version: hold!.version }, PATIENT));
  await other.client.sellHold({ holdId: hold!.holdId, runId: run_id, orderId: '1' });
  old.thaw();
  t.is(await answer, 'VERSION_STALE');
  t.is(await stateOf(hold!.holdId), 'SOLD');
  t.deepEqual(await examineInventory(world.stores), []);
});

test.serial('before ledger.sell: its hold was given up and the seat sold to somebody else, so it sells nothing', async (t) => {
  const run_id = await freshRun();
  await old.client.holdSeats(request(run_id, `first-${run_id}`));
  const { answer } = await freezeAt({ store: 'ledger', method: 'sell', when: 'before' }, () => old.client.sellHold({ holdId: `first-${run_id}`, runId: run_id, orderId: '1' }, PATIENT));
  await other.client.releaseHold({ holdId: `first-${run_id}`, runId: run_id, owner: HoldOwner.ORDER });
  const { hold } = await other.client.holdSeats(request(run_id, `second-${run_id}`));
  t.is((await other.client.sellHold({ holdId: hold!.holdId, runId: run_id, orderId: '2' })).hold!.state, HoldState.SOLD);
  old.thaw();
  t.is(await answer, 'HOLD_EXPIRED');
  t.deepEqual(await examineInventory(world.stores), []);
});

/** The late hold again. */
function repeated(run_id: string) {
  return served(() => old.client.holdSeats(request(run_id, `late-${run_id}`), PATIENT));
}

/** Asks as callers do, until the process knows the new epoch. */
async function served<T>(call: () => Promise<T>): Promise<T> {
  return eventually(async () => {
    try {
      return await call();
    } catch (error) {
      if (error instanceof RpcError && error.reason === 'SHARD_CLOSED') return undefined;
      throw error;
    }
  });
}
