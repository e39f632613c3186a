/** Replicas of query with a Redis and a database of their own, each before an inventory that can change, be cut off and come back. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { InventoryService, type WatchRemainingResponseSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt, toCompactDate } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { migrate } from '#kit/store/migrate.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { registry } from '#kit/telemetry/metrics.ts';
import { configSchema as railwaySchema, start as startRailway } from '../../sandbox/railway/main.ts';
import { BucketView } from '../../services/query/domain/bucket_view.ts';
import { configSchema, start } from '../../services/query/main.ts';
import { migrations } from '../../services/query/store/migrations.ts';
import { databaseStatements, runSql } from '../../scripts/stack/sql.ts';
import { runsOn } from '../../timetable/calendar.ts';
import { generateTimetable } from '../../timetable/generate/generate.ts';
import { writeGtfs } from '../../timetable/generate/write_gtfs.ts';
import type { Train } from '../../timetable/model.ts';
import { startInfra } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
const BUCKET = 5;
const DIGEST_EVERY_MS = 200;
/** A machine that does much else needs its time. */
const MOST_TRIES = 6_000;

export const date = addDays(serviceDateAt(Date.now()), 3);
export const timetable = generateTimetable({ seed: 3, scale: 0.02 });
/** Trains of that day that leave well after their sale has begun, each from another pair of ends. */
export const trains = timetable.trains.filter((one) => runsOn(one.service, date) && one.stops[0]!.departure_s < 80_000);
export const runIdOf = (train: Train): string => `${train.train_id}.${toCompactDate(date)}`;
const SEAT_CLASS: Record<string, SeatClass> = { business: SeatClass.BUSINESS, first: SeatClass.FIRST, second: SeatClass.SECOND, soft_sleeper: SeatClass.SOFT_SLEEPER, hard_sleeper: SeatClass.HARD_SLEEPER, soft_seat: SeatClass.SOFT_SEAT, hard_seat: SeatClass.HARD_SEAT };

/** From one end of a train to the other. */
export function searchOf(train: Train) {
  const at = (value: string) => ({ place: { case: 'stationId' as const, value } });
  return { from: at(train.stops[0]!.station_id), to: at(train.stops.at(-1)!.station_id), date };
}

type Message = MessageInitShape<typeof WatchRemainingResponseSchema>;

/** Tells what it is told, to all who watch: all at first, then what changes, and digests. */
export class Inventory {
  readonly #runs = new Map<string, { version: bigint; message: NonNullable<Message['runs']>[number] }>();
  readonly #watchers = new Set<{ queue: string[]; wake: () => void }>();
  #away = false;

  /** The next version of a run, with so many seats left everywhere. */
  sell(train: Train, left: number): bigint {
    const run_id = runIdOf(train);
    const version = (this.#runs.get(run_id)?.version ?? 0n) + 1n;
    const pairs = (train.stops.length * (train.stops.length - 1)) / 2;
    const seat_class = SEAT_CLASS[train.coaches[0]!.seat_class]!;
    const classes = [{ seatClass: seat_class, remaining: Array.from({ length: pairs }, () => left) }];
    this.#runs.set(run_id, { version, message: { runId: run_id, bucket: BUCKET, epoch: 1, version, open: true, classes } });
    for (const watcher of this.#watchers) watcher.queue.push(run_id);
    this.#wake();
    return version;
  }

  set away(away: boolean) {
    this.#away = away;
    this.#wake();
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Message> {
    const watcher = { queue: [...this.#runs.keys()], wake: (): void => undefined };
    const timer = setInterval(() => watcher.wake(), DIGEST_EVERY_MS);
    signal.addEventListener('abort', () => watcher.wake());
    this.#watchers.add(watcher);
    try {
      for (let first = true; !signal.aborted; first = false) {
        if (this.#away) throw RpcError.of({ reason: 'DEPENDENCY_UNAVAILABLE' });
        const changed = new Set(watcher.queue.splice(0));
        yield { runs: [...changed].map((run_id) => this.#runs.get(run_id)!.message), snapshotCompleteBuckets: first ? [BUCKET] : [], digests: [{ bucket: BUCKET, epoch: 1, digest: this.#digest() }] };
        if (watcher.queue.length === 0) await new Promise<void>((resolve) => (watcher.wake = resolve));
      }
    } finally {
      clearInterval(timer);
      this.#watchers.delete(watcher);
    }
  }

  #digest(): bigint {
    const view = new BucketView();
    for (const [run_id, { version }] of this.#runs) view.note(run_id, version);
    return view.digest;
  }

  #wake(): void {
    for (const { wake } of this.#watchers) wake();
  }
}

async function serveInventory(inventory: Inventory) {
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  const handlers = { ...Object.fromEntries(InventoryService.methods.map((method) => [method.localName, unused])), watchRemaining: (_: unknown, call: { signal: AbortSignal }) => inventory.watch(call.signal) };
  return startServer({ service: 'inventory', implementations: [implement(InventoryService, handlers as unknown as Handlers<typeof InventoryService>)], auth: { caller_keys: [caller_key] }, log: silentLog() });
}

export type Replica = Awaited<ReturnType<Awaited<ReturnType<typeof openQueryWorld>>['replica']>>;

export async function openQueryWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-query-'));
  const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
  const feed_file = join(folder, 'feed.zip');
  await ensureKeys(dirs);
  const [redis, mysql, tokens] = await Promise.all([startInfra({ redis: true }), startInfra({ mysql: true }), startTokens()]);
  await runSql(mysql.mysql_url!, databaseStatements('query', 'query', 'secret', 'schema'));
  const url = Object.assign(new URL(mysql.mysql_url!), { username: 'query', password: 'secret', pathname: '/query' }).href;
  await migrate(url, migrations, { log: silentLog() });
  writeFileSync(feed_file, await writeGtfs(timetable));
  const railway = await startRailway(readConfig(railwaySchema, { SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, RAILWAY_FEED_FILE: feed_file }));
  const env = {
    MYSQL_URL_QUERY: url, REDIS_URL: redis.redis_url!, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'), COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }),
    BLIND_INDEX_KEY: randomBytes(32).toString('hex'), SIGNING_KEYS_DIR: dirs.signing_keys_dir, RAILWAY_URL: railway.url, QUERY_FOLLOW_MS: '50', QUERY_TIMETABLE_PATIENCE_MS: '6000', QUERY_STALL_MS: '200',
  };
  const stops = new Set<() => Promise<void>>();

  /** One more process, before an inventory of its own: `sold` is what that knows already. */
  async function replica(inventory: Inventory, clock?: Clock, more: Record<string, string> = {}) {
    const peer = await serveInventory(inventory);
    const service = await start(readConfig(configSchema, { ...env, ...more, INVENTORY_ADDRESS: peer.address }), clock === undefined ? {} : { clock });
    const query = createClient(QueryService, { default_timeout_ms: 60_000, address: service.address, service: 'web' });
    const stop = async (): Promise<void> => {
      stops.delete(stop);
      query.close();
      await service.stop();
      await peer.stop();
    };
    stops.add(stop);
    return { query, inventory, address: service.address, stop };
  }

  /** Tells one setting to who watches. */
  async function settings(key: string, value: unknown): Promise<string> {
    const watchConfig = async function* (_: unknown, { signal }: { signal: AbortSignal }) {
      yield { entries: [{ key, valueJson: JSON.stringify(value), version: 1n }] };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    const handlers = { ...Object.fromEntries(ConfigService.methods.map((method) => [method.localName, () => ({})])), watchConfig };
    const server = await startServer({ service: 'risk', implementations: [implement(ConfigService, handlers as unknown as Handlers<typeof ConfigService>)], auth: { caller_keys: [caller_key] }, log: silentLog() });
    stops.add(() => server.stop());
    return server.address;
  }

  async function sync(address: string): Promise<void> {
    const ops = createClient(QueryService, { default_timeout_ms: 60_000, address, service: 'ops', caller_key });
    await ops.syncTimetable({ requestId: uuid7(systemClock, systemRandom) });
    ops.close();
  }

  const stop = async (): Promise<void> => {
    await Promise.all([...stops].map((one) => one()));
    await Promise.all([railway.stop(), tokens.stop(), redis.stop(), mysql.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { replica, settings, sync, tokens, redis, mysql, stop };
}

/** Asks until it is so, as a page would. */
export async function until<T>(ask: () => T | Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  let last: unknown;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const value = await Promise.resolve(ask()).catch((error: unknown) => void (last = error));
    if (value !== undefined && isSo(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not become so', { cause: last });
}

/** The sum of a counter or gauge of all replicas over what matches. */
export async function counted(name: string, labels: Record<string, string> = {}): Promise<number> {
  const metric = await registry.getSingleMetric(name)?.get();
  return (metric?.values ?? []).filter((value) => Object.entries(labels).every(([key, wanted]) => value.labels[key] === wanted)).reduce((sum, { value }) => sum + value, 0);
}

/** By how much a counter grows meanwhile. */
export async function growth<T>(name: string, labels: Record<string, string>, work: () => Promise<T>): Promise<number> {
  const before = await counted(name, labels);
  await work();
  return (await counted(name, labels)) - before;
}
