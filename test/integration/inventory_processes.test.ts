// Two processes of the service on the same stores: the ledger keeps them apart, NATS keeps their watchers alike.
import test from 'ava';
import { fromBinary } from '@bufbuild/protobuf';
import { HoldOwner, RunRemainingSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { rank } from '#kit/base/hash.ts';
import { openBus } from '#kit/bus/bus.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { eventually } from '../support/processes.ts';
import { startInventoryProcess } from './inventory_child.ts';
import { ledgerProblems, Load } from './inventory_load.ts';
import { openInventory, second, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
let other: InventoryWorld['client'];
test.before(async () => {
  world = await openInventory();
  other = await world.another();
});
test.after.always(() => world?.lifecycle.stop());

const request = (runId: string, holdId: string) => ({ holdId, runId, fromStationId: 's0', toStationId: 's4', items: [second('1')], owner: HoldOwner.ORDER });

async function outcome(call: Promise<unknown>): Promise<string> {
  const error = await call.then(() => undefined, (failure: unknown) => failure);
  return error instanceof RpcError ? (error.reason ?? error.code) : 'held';
}

test.serial('200 at once on both processes: exactly 20 seats are held, each once', async (t) => {
  const run_id = await world.open(testRun('P1'));
  const outcomes = await Promise.all(Array.from({ length: 200 }, (_, index) => outcome((index % 2 === 0 ? world.client : other).holdSeats(request(run_id, `p1-${index}`)))));
  t.is(outcomes.filter((one) => one === 'held').length, 20, [...new Set(outcomes)].join(' '));
  const [sum] = await world.db.query<{ bits: string; seats: bigint }>('SELECT SUM(BIT_COUNT(occupied)) AS bits, COUNT(*) AS seats FROM seat_ledger JOIN train_run USING (run_no) WHERE run_id = ? AND occupied <> 0', [run_id]);
  t.deepEqual([Number(sum?.bits), sum?.seats], [80, 20n]);
});

test.serial('one id on both processes is one hold', async (t) => {
  const run_id = await world.open(testRun('P2'));
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? world.client : other).holdSeats(request(run_id, 'p2'))));
  t.is(new Set(answers.map(({ hold }) => hold?.seats[0]?.seat?.seatNo)).size, 1);
  const { remaining } = await other.getRemaining({ runId: run_id, stretches: [{ fromIndex: 0, toIndex: 4 }] });
  t.is(remaining[0]?.remaining, 19);
});

test.serial('what one process sells, watchers of the other see', async (t) => {
  const run_id = await world.open(testRun('P3'));
  const aborter = new AbortController();
  let complete = 0;
  let held = false;
  for await (const { runs, snapshotCompleteBuckets } of world.query.watchRemaining({}, { timeout_ms: Infinity, signal: aborter.signal })) {
    complete += snapshotCompleteBuckets.length;
    if (complete === 4 && !held) {
      held = true;
      await other.holdSeats(request(run_id, 'p3'));
    }
    if (runs.some((run) => run.runId === run_id && run.classes[0]?.remaining[3] === 19)) break;
  }
  aborter.abort();
  t.true(held);
});

test.serial('a lost Redis is rebuilt once for both, and both go on with the new epoch', async (t) => {
  const run_id = await world.open(testRun('P4'));
  await world.client.holdSeats(request(run_id, 'p4'));
  const epochs = async () => (await world.db.query<{ epoch: number }>('SELECT epoch FROM bucket_epoch ORDER BY bucket')).map(({ epoch }) => epoch);
  const before = await epochs();
  await world.redis.client.flushall();
  for (const client of [world.client, other]) {
    while ((await outcome(client.holdSeats(request(run_id, client === other ? 'p4-b' : 'p4-a')))) === 'SHARD_CLOSED') await new Promise((resolve) => setTimeout(resolve, 20));
  }
  while ((await epochs()).some((epoch, index) => epoch === before[index])) await new Promise((resolve) => setTimeout(resolve, 50));
  t.deepEqual(await epochs(), before.map((epoch) => epoch + 1));
  const { remaining } = await other.getRemaining({ runId: run_id, stretches: [{ fromIndex: 0, toIndex: 4 }] });
  t.is(remaining[0]?.remaining, 17);
});

async function withBuckets(run_ids: readonly string[]): Promise<{ run_id: string; bucket: number }[]> {
  const { states } = await world.client.getRunStates({ runIds: [...run_ids] });
  return states.map(({ runId, bucket }) => ({ run_id: runId, bucket }));
}

test.serial('all calls of a bucket meet in one process, the one that rendezvous hashing names', async (t) => {
  const child = await startInventoryProcess(world.env);
  t.teardown(() => child.kill());
  const addresses = [world.address(), child.address];
  const client = world.clientOf(addresses);
  // Each process tells the others which runs it has changed, under a name of its own.
  const bus = await openBus({ url: world.env.NATS_URL!, token: world.env.NATS_TOKEN, log: silentLog(), service: 'test' });
  t.teardown(() => bus.close());
  const senders = new Map<number, Set<string>>();
  const told = new Set<string>();
  bus.connection.subscribe('stock.remaining.*', {
    callback: (_, { subject, headers, data }) => {
      const bucket = Number(subject.split('.').at(-1));
      told.add(fromBinary(RunRemainingSchema, data).runId);
      senders.set(bucket, (senders.get(bucket) ?? new Set()).add(headers!.get('Chunyun-Sender')));
    },
  });
  await bus.connection.flush();
  const runs = await withBuckets(await Promise.all(Array.from({ length: 12 }, (_, index) => world.open(testRun(`P5-${index}`)))));
  // Who opened them is no matter of routing.
  await eventually(() => runs.every(({ run_id }) => told.has(run_id)));
  senders.clear();
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(runs.map(({ run_id, bucket }) => client.holdSeats(request(run_id, `p5-${run_id}-${round}`), { route_key: String(bucket) })));
  }
  const buckets = [...new Set(runs.map(({ bucket }) => bucket))];
  await eventually(() => buckets.every((bucket) => senders.has(bucket)));
  const by_process = Map.groupBy(buckets, (bucket) => rank(String(bucket), addresses)[0]!);
  const names = [...by_process.values()].map((of) => new Set(of.flatMap((bucket) => [...senders.get(bucket)!])));
  t.true(names.every(({ size }) => size === 1), 'one process a bucket');
  t.is(new Set(names.flatMap((one) => [...one])).size, by_process.size);
});

test.serial('a process is killed under load: the other takes over its buckets, and no answer is wrong', async (t) => {
  const child = await startInventoryProcess(world.env);
  t.teardown(() => child.kill());
  const runs = await withBuckets(await Promise.all(Array.from({ length: 12 }, (_, index) => world.open(testRun(`P6-${index}`, { stops: 9, coaches: [[SeatClass.SECOND, 90]] })))));
  const addresses = [world.address(), child.address];
  const its = new Set(runs.map(({ bucket }) => bucket).filter((bucket) => rank(String(bucket), addresses)[0] === child.address));
  const buyers = new Load({ world, runs, stops: 9, buyers: 24, client: world.clientOf(addresses) }, 'p6');
  await eventually(() => buyers.acknowledged() >= 100);
  await child.kill();
  const before = buyers.acknowledged((bucket) => its.has(bucket));
  if (its.size > 0) await eventually(() => buyers.acknowledged((bucket) => its.has(bucket)) >= before + 50);
  await buyers.stop();
  t.deepEqual(buyers.wrong, []);
  t.deepEqual(buyers.refused.filter(({ reason }) => reason === 'HOLD_CONFLICT'), []);
  t.deepEqual(await ledgerProblems(world, buyers), []);
  await world.ops.reconcile({});
  t.deepEqual((await world.ops.reconcile({ dryRun: true })).differences, []);
});
