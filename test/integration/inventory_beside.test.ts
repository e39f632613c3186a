// Two versions of inventory on the same stores: what a canary of it does (docs/adr/0039).
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { ROOT } from '../../scripts/tools/paths.ts';
import { eventually } from '../support/processes.ts';
import { ledgerProblems, Load } from './inventory_load.ts';
import { openInventory, testRun, type InventoryWorld } from './inventory_world.ts';
import { startServiceProcess } from './service_child.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

/** A copy of the sources in which a piece of text is another wherever it stands in inventory. */
function anotherVersion(t: ExecutionContext, text: string, instead: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-version-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['kit', 'services', 'timetable', 'package.json', 'tsconfig.json']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of ['node_modules', 'gen']) symlinkSync(join(ROOT, name), join(folder, name));
  let found = 0;
  for (const entry of readdirSync(join(folder, 'services', 'inventory'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const before = readFileSync(path, 'utf8');
    if (!before.includes(text)) continue;
    found += 1;
    writeFileSync(path, before.replaceAll(text, instead));
  }
  if (found === 0) throw new Error(`nothing says ${text}`);
  return folder;
}

const epochs = async (): Promise<number[]> => (await world.db.query<{ epoch: number }>('SELECT epoch FROM bucket_epoch ORDER BY bucket')).map(({ epoch }) => epoch);

test.serial('a new function library beside the old one, on the same runs of the same buckets: no seat is held twice, none is lost', async (t) => {
  const before = await epochs();
  const folder = anotherVersion(t, 'inventory_v3', 'inventory_v4');
  const fresh = await startServiceProcess('inventory', { ...world.env, INVENTORY_BESIDE: 'true' }, folder);
  t.teardown(() => fresh.kill());
  const run_ids = await Promise.all(Array.from({ length: 4 }, (_, index) => world.open(testRun(`B-${index}`, { stops: 9, coaches: [[SeatClass.SECOND, 90]] }))));
  const { states } = await world.client.getRunStates({ runIds: run_ids });
  const runs = states.map(({ runId, bucket }) => ({ run_id: runId, bucket }));
  // Every other call goes to the new version, whatever the bucket: worse than any canary.
  const versions = [world.client, world.clientOf(fresh.address)];
  let turn = 0;
  const client = new Proxy(world.client, { get: (_, name: keyof typeof world.client) => versions[(turn += 1) % 2]![name] });
  const buyers = new Load({ world, runs, stops: 9, buyers: 12, client }, 'b');
  await eventually(() => buyers.acknowledged() >= 200);
  await buyers.stop();
  t.deepEqual(buyers.wrong, []);
  t.deepEqual(await ledgerProblems(world, buyers), []);
  t.deepEqual((await world.ops.reconcile({ dryRun: true })).differences, []);
  t.deepEqual(await epochs(), before, 'neither has taken a bucket from the other');
  const libraries = JSON.stringify(await world.redis.client.call('FUNCTION', 'LIST'));
  t.true(libraries.includes('inventory_v3') && libraries.includes('inventory_v4'));
});

test.serial('a version that keeps seats otherwise does not start beside the old one, and takes nothing from it', async (t) => {
  const before = await epochs();
  const folder = anotherVersion(t, ':v2:', ':v9:');
  const error = await t.throwsAsync(startServiceProcess('inventory', { ...world.env, INVENTORY_BESIDE: 'true' }, folder));
  t.regex(error?.message ?? '', /can't serve beside another one/);
  t.deepEqual(await epochs(), before);
});
