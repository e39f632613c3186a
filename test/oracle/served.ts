// The query service as it runs, over a railway that has a feed and an inventory that tells what it is given.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { InventoryService, type RunRemainingSchema, type WatchRemainingResponseSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { fnv1a64 } from '#kit/base/hash.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { migrate } from '#kit/store/migrate.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema as railwaySchema, start as startRailway } from '../../sandbox/railway/main.ts';
import { configSchema, start } from '../../services/query/main.ts';
import { migrations } from '../../services/query/store/migrations.ts';
import { freshDatabase } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

type Run = MessageInitShape<typeof RunRemainingSchema>;
type Told = MessageInitShape<typeof WatchRemainingResponseSchema>;

export type Served = { query: ServiceClient<typeof QueryService>; stop(): Promise<void> };

const BATCH = 200;
const DIGEST_EVERY_MS = 1000;

/** Answers from the feed, and from `runs` once all of them are known. */
export async function serveQuery(feed: Uint8Array, runs: readonly Run[]): Promise<Served> {
  const caller_key = randomBytes(32);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-oracle-'));
  const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
  writeFileSync(join(folder, 'feed.zip'), feed);
  await ensureKeys(dirs);
  const [database, tokens] = await Promise.all([freshDatabase(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  const railway = await startRailway(readConfig(railwaySchema, { SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, RAILWAY_FEED_FILE: join(folder, 'feed.zip') }));
  const inventory = await startServer({ service: 'inventory', implementations: [telling(runs)], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const service = await start(readConfig(configSchema, {
    MYSQL_URL_QUERY: database.url, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'), COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }),
    BLIND_INDEX_KEY: randomBytes(32).toString('hex'), SIGNING_KEYS_DIR: dirs.signing_keys_dir, INVENTORY_ADDRESS: inventory.address, RAILWAY_URL: railway.url,
  }));
  const ops = createClient(QueryService, { default_timeout_ms: 120_000, address: service.address, service: 'ops', caller_key });
  const query = createClient(QueryService, { default_timeout_ms: 60_000, address: service.address, service: 'web' });
  await ops.syncTimetable({ requestId: uuid7(systemClock, systemRandom) });
  // Buckets are told one after the other, so whoever knows the last run of the last one knows all.
  const last = [...Map.groupBy(runs, ({ bucket }) => bucket ?? 0).values()].at(-1)?.at(-1);
  while (last !== undefined && (await ops.getTrainRun({ runId: last.runId! }).catch(() => undefined)) === undefined) await sleep(50);
  return {
    query,
    async stop() {
      for (const client of [ops, query]) client.close();
      await service.stop();
      await Promise.all([inventory.stop(), railway.stop(), tokens.stop()]);
      await database.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Inventory that never changes: a snapshot by bucket, then digests. */
function telling(runs: readonly Run[]) {
  const by_bucket = Map.groupBy(runs, ({ bucket }) => bucket ?? 0);
  const digests = [...by_bucket].map(([bucket, own]) => ({ bucket, epoch: 1, digest: own.reduce((digest, { runId, version }) => digest ^ fnv1a64(`${runId}:${version}`), 0n) }));
  async function* watchRemaining({ buckets }: { buckets: number[] }, { signal }: { signal: AbortSignal }): AsyncGenerator<Told> {
    for (const [bucket, own] of by_bucket) {
      if (buckets.length > 0 && !buckets.includes(bucket)) continue;
      for (let at = 0; at < own.length; at += BATCH) yield { runs: own.slice(at, at + BATCH) };
      yield { snapshotCompleteBuckets: [bucket] };
    }
    while (!signal.aborted) {
      yield { digests };
      await sleep(DIGEST_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  const handlers = { ...Object.fromEntries(InventoryService.methods.map((method) => [method.localName, unused])), watchRemaining };
  return implement(InventoryService, handlers as unknown as Handlers<typeof InventoryService>);
}
