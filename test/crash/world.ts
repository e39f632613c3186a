/** Inventory in processes of its own that can be killed, frozen and started again, on stores that stay; and the oracle over it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { startServer } from '#kit/rpc/server.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { openRedis, type RedisStore } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import type { RunHeader } from '../../services/inventory/domain/run.ts';
import { openRunStore } from '../../services/inventory/store/runs.ts';
import { openSeatStore } from '../../services/inventory/store/seats.ts';
import type { SeatStore } from '../../services/inventory/app/ports.ts';
import { orderBook, peersOf, type TestRun } from '../integration/inventory_world.ts';
import type { InventoryStores } from '../support/inventory_oracle.ts';
import { eventually } from '../support/processes.ts';
import { freshDatabase, freshNats } from '../support/stack.ts';
import { startTokens, TEST_AUDIENCE, TEST_ISSUER } from '../support/tokens.ts';
import type { Point } from './points.ts';
import { startOwnRedis, type OwnRedis } from './own_redis.ts';

type Client = ServiceClient<typeof InventoryService>;

/** One process of the service. */
export type Process = {
  pid: number;
  client: Client;
  aftersales: Client;
  ops: Client;
  arm(point: Point | undefined): Promise<void>;
  /** Resolves with the signal or exit code that ended it. */
  died: Promise<string>;
  /** Resolves when it stands still, as after SIGSTOP. */
  frozen(): Promise<void>;
  thaw(): void;
  kill(): Promise<void>;
};

export type CrashWorld = {
  lifecycle: Lifecycle;
  db: Database;
  redis: OwnRedis;
  /** kill -9 and a new life; `cut` says what is done to its disk between the two. */
  restartRedis(cut?: () => void): Promise<void>;
  /** A connection of the test to that Redis. */
  redis_client: RedisStore['client'];
  seats: SeatStore;
  stores: InventoryStores;
  /** A new process; by name, so that a test says which of several it means. */
  start(): Promise<Process>;
  /** Puts runs into the timetable and opens them by a process. */
  open(process: Process, runs: readonly TestRun[]): Promise<string[]>;
  /** Has Redis say that every seat of a run is free, behind everybody's back. */
  freeBits(run_id: string): Promise<void>;
  /** Repeats Reconcile until it finds nothing; the kinds it found on the way. */
  reconcile(process: Process): Promise<string[]>;
};

export async function openCrashWorld({ aof = true, mysql_url }: { aof?: boolean; mysql_url?: string } = {}): Promise<CrashWorld> {
  const lifecycle = new Lifecycle();
  try {
    return await openIn(lifecycle, aof, mysql_url);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

const BUCKETS = 4;
/** A bucket that is being rebuilt is not compared, so it may take some. */
const RECONCILE_ROUNDS = 100;

async function openIn(lifecycle: Lifecycle, aof: boolean, own_mysql_url: string | undefined): Promise<CrashWorld> {
  const [mysql, redis, nats, tokens] = await Promise.all([own_mysql_url === undefined ? freshDatabase() : { url: own_mysql_url, stop: async () => {} }, startOwnRedis({ aof }), freshNats(), startTokens()]);
  for (const server of [mysql, redis, nats, tokens]) lifecycle.onStop('server', () => server.stop());
  const caller_key = randomBytes(32);
  const log = silentLog();
  const timetable = new Map<string, TestRun>();
  // Whatever has an order is needed by it: here it is Redis and the ledger that are compared.
  const orders = { get: () => OrderState.SUCCESS };
  const peers = lifecycle.add('peers', await startServer({ service: 'peers', implementations: peersOf(timetable, orders, orderBook()), auth: { caller_keys: [caller_key] }, log }));
  const env = {
    MYSQL_URL_INVENTORY: mysql.url, REDIS_URL: redis.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: tokens.jwks_url, JWT_ISSUER: TEST_ISSUER, JWT_AUDIENCE: TEST_AUDIENCE,
    CALLER_KEY: caller_key.toString('hex'), QUERY_ADDRESS: peers.address, ORDER_ADDRESS: peers.address, INVENTORY_BUCKETS: String(BUCKETS), INVENTORY_SWEEP_MS: '50', INVENTORY_SETTLE_MS: '200',
  };
  const start = () => startProcess(lifecycle, env, caller_key);
  const first = await start();
  const db = await openDatabase({ url: mysql.url, log, service: 'test' });
  lifecycle.onStop('connection', () => db.close());
  const own = await openRedis({ url: redis.url, log, service: 'test' });
  lifecycle.onStop('redis connection', () => own.close());
  await first.kill();
  const seats = await openSeatStore(own.client);
  // Headers are read anew each time: this reader must not remember what the service has changed since.
  const runs = async (): Promise<RunHeader[]> => openRunStore({ db, clock: systemClock, random: systemRandom, onChanged: async () => {} }).page({ buckets: Array.from({ length: BUCKETS }, (_, bucket) => bucket), after_run_no: 0n, limit: 10_000 });
  return {
    lifecycle, db, redis, redis_client: own.client, seats, start,
    stores: { db, seats, runs },
    async open({ ops }, wanted) {
      for (const run of wanted) timetable.set(run.runId!, run);
      const ids = wanted.map(({ runId }) => runId!);
      await ops.openRuns({ serviceDate: wanted[0]!.serviceDate, runIds: ids });
      return ids;
    },
    async restartRedis(cut) {
      await redis.kill();
      cut?.();
      await redis.start();
      await eventually(() => own.ping());
    },
    async freeBits(run_id) {
      const run = (await runs()).find((one) => one.run_id === run_id)!;
      const epoch = (await db.query<{ epoch: number }>('SELECT epoch FROM bucket_epoch WHERE bucket = ?', [run.bucket]))[0]!.epoch;
      // Holds that go on meanwhile move the run's version, and then Redis refuses.
      for (let status = ''; status !== 'OK'; ) {
        const [reply] = await seats.snapshots([{ run, epoch }]);
        if (reply?.status !== 'OK') throw new Error(`Redis says ${reply?.status} of run ${run_id}`);
        ({ status } = await seats.repair(run, epoch, reply.snapshot.version, { run, occupied: new Map(), standing_used: [], closed_quotas: [], records: [] }));
      }
    },
    async reconcile({ ops }) {
      const kinds: string[] = [];
      for (let round = 1; round <= RECONCILE_ROUNDS; round += 1) {
        const found = await ops.reconcile({}).catch((error: unknown) => {
          if (error instanceof RpcError && (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED')) return undefined;
          throw error;
        });
        if (found === undefined) continue;
        if (found.differences.length === 0) return kinds;
        kinds.push(...found.differences.map(({ kind }) => kind));
      }
      throw new Error(`Redis and ledger differ again and again: ${kinds.slice(-5).join(', ')}`);
    },
  };
}

async function startProcess(lifecycle: Lifecycle, env: Record<string, string>, caller_key: Buffer): Promise<Process> {
  const words = [...dieWithUs(), process.execPath, fileURLToPath(new URL('child.ts', import.meta.url))];
  const child = spawn(words[0]!, words.slice(1), { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const died = once(child, 'exit').then(([code, signal]) => String((signal as string | null) ?? code));
  lifecycle.onStop('process', async () => {
    child.kill('SIGKILL');
    await died;
  });
  const [{ address }] = (await Promise.race([once(child, 'message'), died.then((how) => Promise.reject(new Error(`inventory ended before it served: ${how}`)))])) as [{ address: string }];
  const as = (service: string) => {
    const client = createClient(InventoryService, { address, service, caller_key, default_timeout_ms: 20_000, max_receive_bytes: 16 << 20 });
    lifecycle.onStop('client', () => client.close());
    return client;
  };
  return {
    pid: child.pid!, client: as('order'), aftersales: as('aftersales'), ops: as('ops'), died,
    async arm(point) {
      const answered = once(child, 'message');
      child.send({ point });
      await answered;
    },
    frozen: async () => void (await eventually(() => stateOf(child) === 'T')),
    thaw: () => void child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await died;
    },
  };
}

/** What the kernel says of a process: R and S for a living one, T for a stopped one. */
function stateOf({ pid }: ChildProcess): string | undefined {
  return /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
}
