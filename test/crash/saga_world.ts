/**
 * Everything that takes part in a purchase, on servers of its own: order, inventory, payment, ticketing, aftersales and
 * notification with the gateway, the railway and the messaging providers, in this process; one service may be a process
 * that can be killed at a point (saga_child.ts) instead. The oracle of the chaos tests reads the same databases.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { openBus, type Bus } from '#kit/bus/bus.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { CommitUnknown } from '#kit/store/errors.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { migrateAll } from '../../scripts/migrate.ts';
import { LOOPBACK, openPortBook } from '../../scripts/stack/ports.ts';
import type { Sandbox } from '../../sandbox/shared/sandbox.ts';
import { describe, examine, examineNow, unfinished, type Place } from '../chaos/oracle.ts';
import { testRun, type TestRun } from '../integration/inventory_world.ts';
import { eventually } from '../support/processes.ts';
import { startInfra, type TestInfra } from '../support/stack.ts';
import { startTokens, TEST_AUDIENCE, TEST_ISSUER, type TokenServer } from '../support/tokens.ts';
import { Doomed } from './saga_doomed.ts';
import { sagaPeers } from './saga_peers.ts';
import type { SagaService } from './saga_seams.ts';

export const SERVICES = ['inventory', 'payment', 'ticketing', 'order', 'aftersales', 'notification'] as const;
const SANDBOXES = ['gateway', 'railway', 'messaging'] as const;
type Name = (typeof SERVICES)[number];

export type SagaWorld = {
  lifecycle: Lifecycle;
  infra: TestInfra;
  place: Place;
  tokens: TokenServer;
  env: Readonly<Record<string, string>>;
  sandboxes: Record<(typeof SANDBOXES)[number], Sandbox>;
  /** An administrator's connection: names tables with their database. */
  db: Database;
  /** Inventory as order calls it. */
  inventory: ServiceClient<typeof InventoryService>;
  /** A run whose coaches have so many seats, of second class where nothing else is said, opened for sale. */
  openRun(train: string, seats?: (number | [SeatClass, number])[], date?: string): Promise<TestRun>;
  /** Has a service be a process that can be killed, instead of one in this process. */
  doom(service: SagaService): Promise<Doomed>;
  /** Ends a service that lives in this process. */
  halt(service: Name): Promise<void>;
  /** Has it live in this process, again or anew. */
  heal(service: Name): Promise<void>;
  /** What a service would do later it does now. */
  hurry(service: Name): Promise<void>;
  /** A dead process' claims and leases run out, and the bus gives its events to the next: waiting for that would prove nothing. */
  letTimePass(service: SagaService): Promise<void>;
  /** Resolves when nothing is under way any more, except what is named. */
  rest(except?: RegExp): Promise<void>;
  /** What the oracle finds, in words; empty when every promise was kept. Of a world at rest. */
  judge(): Promise<string>;
  /** What must hold at any moment. */
  judgeNow(): Promise<string>;
};

export async function openSagaWorld(extra: Record<string, string> = {}): Promise<SagaWorld> {
  const lifecycle = new Lifecycle();
  try {
    return await openIn(lifecycle, extra);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

/** How long a killed process' event stays with it. */
const ACK_WAIT_MS = 1000;
/** Between two looks at all tables. */
const LOOK_MS = 100;

async function openIn(lifecycle: Lifecycle, extra: Record<string, string>): Promise<SagaWorld> {
  // The services here say what goes wrong in their logs, which is what happens all the time.
  process.env.LOG_LEVEL ??= 'silent';
  const [infra, tokens] = await Promise.all([startInfra({ redis: true, mysql: true, nats: true }), startTokens()]);
  const ports = openPortBook(undefined);
  for (const server of [infra, tokens]) lifecycle.onStop('server', () => server.stop());
  const timetable = new Map<string, TestRun>();
  const caller_key = randomBytes(32);
  const log = silentLog();
  const peers = lifecycle.add('peers', await startServer({ service: 'peers', implementations: sagaPeers(timetable), auth: { caller_keys: [caller_key] }, log }));
  const dirs = { signing_keys_dir: join(infra.folder, 'keys'), sandbox_keys_dir: join(infra.folder, 'sandbox_keys') };
  await ensureKeys(dirs);
  const env: Record<string, string> = {
    REDIS_URL: infra.redis_url!, NATS_URL: infra.nats_url!, NATS_TOKEN: infra.nats_token!, JWKS_URL: tokens.jwks_url, JWT_ISSUER: TEST_ISSUER, JWT_AUDIENCE: TEST_AUDIENCE,
    CALLER_KEY: caller_key.toString('hex'), COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    SIGNING_KEYS_DIR: dirs.signing_keys_dir, SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, SANDBOX_DATA_DIR: join(infra.folder, 'sandbox'),
    QUERY_ADDRESS: peers.address, IDENTITY_ADDRESS: peers.address, RISK_ADDRESS: peers.address,
    INVENTORY_BUCKETS: '4', INVENTORY_SWEEP_MS: '200', INVENTORY_SETTLE_MS: '200', ORDER_SWEEP_MS: '200', ORDER_QUEUE_LEASE_MS: '2000', PAYMENT_SWEEP_MS: '200',
    TICKETING_SWEEP_MS: '200', TICKETING_BACKOFF_MS: '200', AFTERSALES_SWEEP_MS: '200', AFTERSALES_BACKOFF_MS: '200', NOTIFICATION_RETRY_MS: '200', NOTIFICATION_RECEIPT_MS: '50', NOTIFICATION_SEND_TIMEOUT_MS: '500', NOTIFICATION_BREAKER_OPEN_MS: '300',
    ORDER_PAY_WINDOW_MS: '600000', ORDER_LOOK_AGAIN_MS: '500',
    AFTERSALES_LOOK_MS: '200', AFTERSALES_PASS_MS: '500',
    ...extra,
  };
  await chooseAddresses(env, infra.mysql_url!, ports);
  const service_urls = Object.fromEntries(SERVICES.map((name) => [name, env[`MYSQL_URL_${name.toUpperCase()}`]!]));
  await migrateAll({ admin_url: infra.mysql_url!, service_urls, log });
  const db = await openDatabase({ url: `${infra.mysql_url!}mysql`, log, service: 'test' });
  lifecycle.onStop('connection', () => db.close());
  const bus = await openBus({ url: infra.nats_url!, token: infra.nats_token!, log, service: 'test' });
  lifecycle.onStop('bus', () => bus.close());
  const place = { folder: infra.folder, env: { MYSQL_ADMIN_URL: infra.mysql_url!, REDIS_URL: infra.redis_url!, NATS_MONITOR_URL: infra.nats_monitor_url! } };

  const sandboxes = {} as SagaWorld['sandboxes'];
  for (const name of SANDBOXES) sandboxes[name] = lifecycle.add(name, (await start(`../../sandbox/${name}/main.ts`, env)) as Sandbox);
  const running = new Map<Name, { stop(): Promise<void> }>();
  lifecycle.onStop('services', async () => void (await Promise.all([...running.values()].map((one) => one.stop()))));
  for (const name of SERVICES) running.set(name, await start(`../../services/${name}/main.ts`, env));

  const as = (service: string): SagaWorld['inventory'] => {
    const client = createClient(InventoryService, { address: env.INVENTORY_ADDRESS!, service, caller_key, default_timeout_ms: 20_000 });
    lifecycle.onStop('client', () => client.close());
    return client;
  };
  const ops = as('ops');
  return {
    lifecycle, infra, place, tokens, env, sandboxes, db, inventory: as('order'),
    async openRun(train, seats = Array.from({ length: 10 }, () => 80), date) {
      const coaches = seats.map((coach): [SeatClass, number] => (typeof coach === 'number' ? [SeatClass.SECOND, coach] : coach));
      const run = testRun(train, { coaches, ...(date === undefined ? {} : { date }) });
      timetable.set(run.runId!, run);
      await ops.openRuns({ serviceDate: run.serviceDate, runIds: [run.runId!] });
      return run;
    },
    async doom(service) {
      await running.get(service)!.stop();
      const process_ = await Doomed.start(service, env);
      running.set(service, process_);
      return process_;
    },
    async halt(service) {
      await running.get(service)?.stop();
      running.delete(service);
    },
    async heal(service) {
      await running.get(service)?.stop();
      running.set(service, await start(`../../services/${service}/main.ts`, env));
    },
    hurry: (service) => makeDue(db, service),
    async letTimePass(service) {
      const leases = await db.query<{ name: string }>("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ? AND table_name IN ('lease', 'outbox_relay')", [`chunyun_${service}`]);
      for (const { name } of leases) await db.query(`UPDATE chunyun_${service}.\`${name}\` SET expires_at = UTC_TIMESTAMP(3)`);
      // Also what others put off because this one did not answer them.
      for (const name of SERVICES) await makeDue(db, name);
      await shortenAckWait(bus);
    },
    async rest(except) {
      while (!(await unfinished(place)).every((what) => except?.test(what) === true)) await sleep(LOOK_MS);
    },
    judge: async () => describe(await examine(place)),
    judgeNow: async () => describe(await examineNow(place)),
  };
}

async function chooseAddresses(env: Record<string, string>, mysql_url: string, ports: ReturnType<typeof openPortBook>): Promise<void> {
  for (const name of SERVICES) {
    const port = await ports.port(name);
    env[`${name.toUpperCase()}_PORT`] = String(port);
    env[`${name.toUpperCase()}_ADDRESS`] = `${LOOPBACK}:${port}`;
    const url = new URL(mysql_url);
    Object.assign(url, { username: `chunyun_${name}`, password: randomBytes(16).toString('hex'), pathname: `/chunyun_${name}` });
    env[`MYSQL_URL_${name.toUpperCase()}`] = url.href;
  }
  for (const name of [...SANDBOXES, 'payment']) {
    const port = await ports.port(`${name}_http`);
    env[`${name.toUpperCase()}_HTTP_PORT`] = String(port);
    env[`${name.toUpperCase()}_URL`] = `http://${LOOPBACK}:${port}`;
  }
  // Callbacks go past the edge here: it is not what is killed.
  env.PUBLIC_URL = env.PAYMENT_URL!;
}

async function makeDue(db: Database, service: Name): Promise<void> {
  const tables = await db.query<{ name: string }>("SELECT table_name AS name FROM information_schema.columns WHERE column_name = 'next_action_time' AND table_schema = ?", [`chunyun_${service}`]);
  // As a transaction, which is made again when it meets the work of a service in a deadlock.
  for (const { name } of tables) await repeatUnknown(() => db.transaction((tx) => tx.execute(`UPDATE chunyun_${service}.\`${name}\` SET next_action_time = UTC_TIMESTAMP(3) WHERE next_action_time IS NOT NULL`)));
}

/** On a machine with much to do a commit may take longer than anybody waits for it. */
async function repeatUnknown(work: () => Promise<unknown>): Promise<void> {
  await eventually(() => work().then(() => true, (error: unknown) => {
    if (error instanceof CommitUnknown) return false;
    throw error;
  }));
}

type Main = { configSchema: Parameters<typeof readConfig>[0]; start(config: never): Promise<{ stop(): Promise<void> }> };

async function start(main: string, env: Record<string, string>): Promise<{ stop(): Promise<void> }> {
  const { configSchema, start: run } = (await import(main)) as Main;
  return run(readConfig(configSchema, env) as never);
}

/** Only of what is kept at the server: a service that starts says again how long it wants. */
async function shortenAckWait({ jsm }: Bus): Promise<void> {
  for await (const stream of jsm.streams.list()) {
    for await (const { name } of jsm.consumers.list(stream.config.name)) await jsm.consumers.update(stream.config.name, name, { ack_wait: ACK_WAIT_MS * 1e6 });
  }
}
