// Two processes of the service on the same stores: the ledger keeps them apart, NATS keeps their watchers alike.
import test from 'ava';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
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
