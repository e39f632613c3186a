/** The inventory service as a process of its own, on servers of its own; this process only makes the load. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { startAll, type Lifecycle, type Stoppable } from '#kit/run/lifecycle.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { openRedis, type RedisStore } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { say, step } from '../../say.ts';
import { keep, type Kept } from '../../stack/child.ts';
import { freePort, LOOPBACK } from '../../stack/ports.ts';
import { httpServes, until } from '../../stack/probe.ts';
import { databaseStatements, runSql } from '../../stack/sql.ts';
import { NODE_BIN, ROOT } from '../../tools/paths.ts';
import type { Processes } from './cpu.ts';
import { timed } from './measure.ts';
import { BUCKETS, SERVICE_DATE, timetableRun, runIdOf } from './mix.ts';
import type { BenchOptions } from './options.ts';
import { startPeers, type Timetable } from './peers.ts';
import { startServers, type Servers } from './servers.ts';

export type InventoryClient = ServiceClient<typeof InventoryService>;

export type World = Stoppable & {
  /** As the order service. */
  client: InventoryClient;
  ops: InventoryClient;
  /** The service's database and Redis, from outside. */
  db: Database;
  redis: RedisStore;
  mysql_url: string;
  caller_key: Uint8Array;
  folders: { pids: string; logs: string };
  /** The product's processes, by name. */
  processes(): Processes;
  /** Puts runs into the timetable and opens them; their ids and how long it took. */
  open(trains: readonly string[]): Promise<{ run_ids: string[]; took_s: number }>;
  /** Ends the service and starts it again on what it left; how long until it serves. */
  restart(): Promise<number>;
  /** Prometheus text of the service. */
  metrics(): Promise<string>;
};

const DATABASE = 'chunyun_inventory';
const RUNS_PER_CALL = 500;
/** Of any one call of ours: rebuilding takes minutes at most. */
const TIMEOUT_MS = 300_000;
const READY_WITHIN_MS = 120_000;

export async function startWorld(options: BenchOptions): Promise<World> {
  return startAll(async (lifecycle) => {
    const servers = await step(say, 'starting redis, mariadb, nats and inventory', '正在启动 redis、mariadb、nats 与 inventory', () => startServers({ redis: true, mysql: true, nats: true }, options.keep));
    lifecycle.add('servers', servers);
    const mysql_url = await makeDatabase(servers);
    const caller_key = randomBytes(32);
    const timetable: Timetable = new Map();
    const peers = lifecycle.add('peers', await startPeers(timetable, caller_key));
    const service = await startService(lifecycle, options, servers, { mysql_url, caller_key, peers: peers.address });
    const as = (name: string): InventoryClient => {
      const client = createClient(InventoryService, { address: service.address, service: name, caller_key, default_timeout_ms: TIMEOUT_MS, max_receive_bytes: 16 << 20 });
      lifecycle.onStop('client', () => client.close());
      return client;
    };
    const ops = as('ops');
    const db = await openDatabase({ url: mysql_url, log: silentLog(), service: 'bench', statement_timeout_ms: TIMEOUT_MS });
    lifecycle.onStop('database', () => db.close());
    const redis = await openRedis({ url: servers.redis_url!, log: silentLog(), service: 'bench', command_timeout_ms: TIMEOUT_MS });
    lifecycle.onStop('redis', () => redis.close());
    return {
      client: as('order'), ops, db, redis, mysql_url, caller_key,
      folders: foldersOf(servers),
      processes: () => ({ inventory: service.pid(), redis: servers.pids.redis!, mariadb: servers.pids.mariadb!, nats: servers.pids.nats! }),
      open: (trains) => openTrains(ops, timetable, trains),
      restart: () => service.restart(),
      metrics: async () => (await fetch(`http://${LOOPBACK}:${service.metrics_port}/metrics`, { signal: AbortSignal.timeout(10_000) })).text(),
    };
  });
}

export function foldersOf({ folder }: { folder: string }): { pids: string; logs: string } {
  return { pids: join(folder, 'pids'), logs: join(folder, 'logs') };
}

async function makeDatabase(servers: Servers): Promise<string> {
  const password = randomBytes(16).toString('hex');
  await runSql(servers.mysql_url!, databaseStatements(DATABASE, DATABASE, password, 'schema'));
  const url = new URL(servers.mysql_url!);
  url.username = DATABASE;
  url.password = password;
  url.pathname = `/${DATABASE}`;
  return url.href;
}

type Service = { address: string; metrics_port: number; pid(): number; restart(): Promise<number> };

async function startService(lifecycle: Lifecycle, options: BenchOptions, servers: Servers, { mysql_url, caller_key, peers }: { mysql_url: string; caller_key: Uint8Array; peers: string }): Promise<Service> {
  const port = await freePort();
  const metrics_port = await freePort(new Set([port]));
  const env = {
    ...process.env,
    LOG_LEVEL: 'warn', INVENTORY_PORT: String(port), METRICS_PORT: String(metrics_port), INVENTORY_BUCKETS: String(BUCKETS),
    MYSQL_URL_INVENTORY: mysql_url, REDIS_URL: servers.redis_url, NATS_URL: servers.nats_url, NATS_TOKEN: servers.nats_token,
    // Nobody signs in here, so nobody fetches it.
    JWKS_URL: `http://${LOOPBACK}:${port}/`,
    CALLER_KEY: Buffer.from(caller_key).toString('hex'), QUERY_ADDRESS: peers, ORDER_ADDRESS: peers,
  };
  const spec = {
    name: 'inventory',
    words: [join(NODE_BIN, 'node'), ...profileWords(options.profile_folder), join(ROOT, 'scripts', 'stack', 'serve.ts'), '--services', 'inventory'],
    env, cwd: ROOT,
    ready: (signal: AbortSignal) => until(signal, () => httpServes(metrics_port, '/readyz')),
    ready_within_ms: READY_WITHIN_MS,
  };
  const start = (): Promise<Kept> => keep(spec, foldersOf(servers), say, new AbortController().signal);
  let kept = await start();
  lifecycle.onStop('inventory', () => kept.stop());
  return {
    address: `${LOOPBACK}:${port}`, metrics_port,
    pid: () => kept.pid()!,
    async restart() {
      await kept.stop();
      const { value, took_s } = await timed(start);
      kept = value;
      return took_s;
    },
  };
}

function profileWords(folder: string | undefined): string[] {
  if (folder === undefined) return [];
  mkdirSync(folder, { recursive: true });
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

async function openTrains(ops: InventoryClient, timetable: Timetable, trains: readonly string[]): Promise<{ run_ids: string[]; took_s: number }> {
  for (const train of trains) timetable.set(runIdOf(train), timetableRun(train));
  const run_ids = trains.map(runIdOf);
  const { took_s } = await timed(async () => {
    for (let start = 0; start < run_ids.length; start += RUNS_PER_CALL) {
      const { refused } = await ops.openRuns({ serviceDate: SERVICE_DATE, runIds: run_ids.slice(start, start + RUNS_PER_CALL) });
      if (refused.length > 0) throw new Error(`runs were not opened: ${refused[0]}`);
    }
  });
  return { run_ids, took_s };
}
