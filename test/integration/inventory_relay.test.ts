// What inventory's processes tell one another may be lost: their watchers get the truth all the same.
import test from 'ava';
import { headers } from '@nats-io/transport-node';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { openBus } from '#kit/bus/bus.ts';
import { readConfig } from '#kit/run/config.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import * as inventory from '../../services/inventory/main.ts';
import { eventually } from '../support/processes.ts';
import { freshNats } from '../support/stack.ts';
import { startInventoryProcess } from './inventory_child.ts';
import { openInventory, second, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

const request = (runId: string, holdId: string) => ({ holdId, runId, fromStationId: 's0', toStationId: 's4', items: [second('1')], owner: HoldOwner.ORDER, holdTtlMs: 600_000 });

/** What watchers of the first process are told of the whole trip of each run. */
function watch(): { left: Map<string, number>; live: Promise<void>; stop(): void } {
  const left = new Map<string, number>();
  const aborter = new AbortController();
  const live = Promise.withResolvers<void>();
  const read = async (): Promise<void> => {
    for await (const { runs, digests } of world.query.watchRemaining({}, { timeout_ms: Infinity, signal: aborter.signal })) {
      for (const { runId, classes } of runs) left.set(runId, classes[0]!.remaining[3]!);
      if (digests.length > 0) live.resolve();
    }
  };
  void read().catch(() => undefined);
  return { left, live: live.promise, stop: () => aborter.abort() };
}

test.serial('a change that was told and did not arrive is found by the number of the next beat', async (t) => {
  const elsewhere = await freshNats();
  t.teardown(() => elsewhere.stop());
  // On another bus: what it tells arrives nowhere.
  const mute = await inventory.start(readConfig(inventory.configSchema, { ...world.env, NATS_URL: elsewhere.url, NATS_TOKEN: elsewhere.token }), { log: silentLog() });
  t.teardown(() => mute.stop());
  const run_id = await world.open(testRun('R1'));
  const watcher = watch();
  t.teardown(() => watcher.stop());
  await watcher.live;
  await world.clientOf(mute.address).holdSeats(request(run_id, 'r1'));
  const { states } = await world.client.getRunStates({ runIds: [run_id] });
  t.is(watcher.left.get(run_id), 20, 'nobody has told');
  const bus = await openBus({ url: world.env.NATS_URL!, token: world.env.NATS_TOKEN, log: silentLog(), service: 'test' });
  t.teardown(() => bus.close());
  const head = headers();
  head.set('Chunyun-Sender', 'mute');
  const beat = (counts: [number, number][]) => bus.connection.publish('stock.remaining_beat', JSON.stringify(counts), { headers: head });
  beat([]);
  beat([[states[0]!.bucket, 1]]);
  await eventually(() => watcher.left.get(run_id) === 19);
  t.is(watcher.left.get(run_id), 19);
});

test.serial('a process that is killed before it told what it sold: the others find out', async (t) => {
  const child = await startInventoryProcess(world.env);
  t.teardown(() => child.kill());
  const runs = await Promise.all(Array.from({ length: 8 }, (_, index) => world.open(testRun(`R2-${index}`))));
  const client = world.clientOf(child.address);
  await Promise.all(runs.map((run_id) => client.holdSeats(request(run_id, `warm-${run_id}`))));
  const watcher = watch();
  t.teardown(() => watcher.stop());
  await watcher.live;
  const outcomes: Promise<unknown>[] = [];
  for (let round = 0; round < 10; round += 1) outcomes.push(...runs.map((run_id) => client.holdSeats(request(run_id, `r2-${run_id}-${round}`)).catch(() => undefined)));
  await Promise.race(outcomes);
  await child.kill();
  await Promise.all(outcomes);
  const truth = async (run_id: string) => (await world.client.getRemaining({ runId: run_id, stretches: [{ fromIndex: 0, toIndex: 4 }] })).remaining[0]!.remaining;
  await eventually(async () => (await Promise.all(runs.map(async (run_id) => (await truth(run_id)) === watcher.left.get(run_id)))).every(Boolean));
  t.pass();
});
