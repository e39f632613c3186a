/**
 * Stores and processes of inventory break while callers are at work: nothing acknowledged is lost, nothing is held twice,
 * nothing stays taken, and no answer is anything but clean.
 */
import test, { type ExecutionContext } from 'ava';
import { runSql } from '../../scripts/stack/sql.ts';
import { testRun } from '../integration/inventory_world.ts';
import { examineInventory, examineLedger, occupiedSegments } from '../support/inventory_oracle.ts';
import { startInfra } from '../support/stack.ts';
import { Callers } from './callers.ts';
import { underLoad } from './load.ts';
import { openCrashWorld, type CrashWorld, type Process } from './world.ts';

const STOPS = 6;
let trains = 0;

type Place = { world: CrashWorld; processes: Process[] };

let lasting: Place;
test.before(async () => {
  lasting = await place(await openCrashWorld());
});
test.after.always(() => lasting?.world.lifecycle.stop());

async function place(world: CrashWorld): Promise<Place> {
  return { world, processes: await Promise.all([world.start(), world.start()]) };
}

/** One break under load, judged. `tell` gets the kinds of differences that were found and repaired. */
async function survive(t: ExecutionContext, { world, processes }: Place, strike: (run_ids: string[]) => Promise<unknown>): Promise<{ callers: Callers; kinds: string[] }> {
  trains += 4;
  const run_ids = await world.open(processes[0]!, Array.from({ length: 4 }, (_, index) => testRun(`L${trains + index}`, { stops: STOPS, standing: 10 })));
  let turn = 0;
  const callers = new Callers(() => processes[(turn += 1) % processes.length]!);
  await underLoad({ callers, run_ids, seed: trains, name: `l${trains}`, stops: STOPS }, () => strike(run_ids));
  t.deepEqual(await examineLedger(world.db), []);
  const kinds = await world.reconcile(processes[0]!);
  t.deepEqual(await examineInventory(world.stores, callers.told), []);
  t.deepEqual(callers.complaints, []);
  t.log(`${callers.told.length} holds; refused ${JSON.stringify(Object.fromEntries(callers.refusals))}; differed ${JSON.stringify(countOf(kinds))}`);
  for (const { hold_id } of callers.told) await callers.release(hold_id, [], 20);
  await world.reconcile(processes[0]!);
  t.deepEqual(await examineInventory(world.stores, callers.told), []);
  t.deepEqual(await occupiedSegments(world.stores), { ledger: 0, redis: 0 });
  return { callers, kinds };
}

test.serial('releases that are repeated, late, partial and of what never was, in any order', async (t) => {
  await survive(t, lasting, async () => {});
});

test.serial('Redis forgets everything by FLUSHALL', async (t) => {
  const { callers } = await survive(t, lasting, () => lasting.world.redis_client.flushall());
  t.true((callers.refusals.get('SHARD_CLOSED') ?? 0) > 0, 'somebody met the closed buckets');
});

test.serial('Redis is killed and comes back with its history', async (t) => {
  await survive(t, lasting, () => lasting.world.restartRedis());
});

test.serial('Redis is killed and comes back with lost history', async (t) => {
  const { redis, db, restartRedis } = lasting.world;
  const epochs = async () => (await db.query<{ epoch: number }>('SELECT epoch FROM bucket_epoch ORDER BY bucket')).map(({ epoch }) => epoch);
  const before = await epochs();
  const kept = redis.historyBytes();
  // Of what the callers have done, a part is lost.
  await survive(t, lasting, () => restartRedis(() => redis.cutHistory(kept + Math.floor((redis.historyBytes() - kept) * 0.6))));
  t.notDeepEqual(await epochs(), before, 'sequences ran again, so buckets were closed and rebuilt');
});

test.serial('Redis without AOF is killed and comes back empty', async (t) => {
  const empty = await place(await openCrashWorld({ aof: false }));
  t.teardown(() => empty.world.lifecycle.stop());
  await survive(t, empty, () => empty.world.restartRedis());
});

test.serial('MariaDB is killed', async (t) => {
  const infra = await startInfra({ mysql: true });
  t.teardown(() => infra.stop());
  const own = await place(await openCrashWorld({ mysql_url: await databaseOn(infra.mysql_url!) }));
  t.teardown(() => own.world.lifecycle.stop());
  const [kept] = infra.kept;
  await survive(t, own, async () => {
    const before = kept!.restarts();
    process.kill(kept!.pid()!, 'SIGKILL');
    await kept!.restarted(before);
  });
});

test.serial('a process of inventory is killed, and another takes its place', async (t) => {
  const { world, processes } = lasting;
  await survive(t, lasting, async () => {
    await processes[1]!.kill();
    processes[1] = await world.start();
  });
});

test.serial('Redis wrongly calls every seat free: the ledger refuses, and the reconciler finds and mends it', async (t) => {
  const { world } = lasting;
  const { callers } = await survive(t, lasting, (run_ids) => Promise.all(run_ids.map((run_id) => world.freeBits(run_id))));
  t.true((callers.refusals.get('HOLD_CONFLICT') ?? 0) > 0, 'somebody was given a taken seat and was refused it');
});

async function databaseOn(root_url: string): Promise<string> {
  await runSql(root_url, ['CREATE DATABASE inventory']);
  return new URL('/inventory', root_url).href;
}

function countOf(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
