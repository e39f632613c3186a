// Query and inventory, both real, on servers of their own: what the page says against what can be bought.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService, type TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt, toCompactDate } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { readConfig } from '#kit/run/config.ts';
import { startAll, type Lifecycle } from '#kit/run/lifecycle.ts';
import { migrate } from '#kit/store/migrate.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema as railwaySchema, start as startRailway } from '../../sandbox/railway/main.ts';
import { databaseStatements, runSql } from '../../scripts/stack/sql.ts';
import { freePort, LOOPBACK } from '../../scripts/stack/ports.ts';
import { configSchema, start } from '../../services/query/main.ts';
import { SEAT_CLASS } from '../../services/query/rpc/words.ts';
import { migrations } from '../../services/query/store/migrations.ts';
import { runsOn } from '../../timetable/calendar.ts';
import { generateTimetable } from '../../timetable/generate/generate.ts';
import { writeGtfs } from '../../timetable/generate/write_gtfs.ts';
import type { Train } from '../../timetable/model.ts';
import { capacityOf } from '../../timetable/seats.ts';
import { startInfra } from '../support/stack.ts';
import { openInventory } from './inventory_world.ts';

export const date = addDays(serviceDateAt(Date.now()), 3);
const timetable = generateTimetable({ seed: 3, scale: 0.02 });
/** Trains with several stops, those with the smallest class first, so that a class can be bought out one by one. */
export const trains = timetable.trains
  .filter((train) => runsOn(train.service, date) && train.stops.length >= 4 && train.stops[0]!.departure_s < 80_000)
  .toSorted((a, b) => smallestClass(a).places - smallestClass(b).places || (a.train_id < b.train_id ? -1 : 1))
  .slice(0, 6);

export const runIdOf = (train: Train): string => `${train.train_id}.${toCompactDate(date)}`;

export function smallestClass(train: Train) {
  const [seat_class, places] = [...capacityOf(train)].filter(([name]) => name !== 'standing').toSorted(([, a], [, b]) => a - b)[0]!;
  return { seat_class, number: SEAT_CLASS[seat_class], places };
}

export type Stretch = { from: number; to: number };
export type NumbersWorld = Awaited<ReturnType<typeof openNumbersWorld>>;
export type Replica = Awaited<ReturnType<NumbersWorld['replica']>>;

const HOLD_TTL_MS = 600_000;

export const openNumbersWorld = () => startAll(openIn);

async function openIn(lifecycle: Lifecycle) {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-query-'));
  lifecycle.onStop('folder', () => rmSync(folder, { recursive: true, force: true }));
  const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
  await ensureKeys(dirs);
  const [redis, mysql] = await Promise.all([startInfra({ redis: true }), startInfra({ mysql: true })]);
  for (const server of [redis, mysql]) lifecycle.onStop('server', () => server.stop());
  const urlOf = async (name: string): Promise<string> => {
    await runSql(mysql.mysql_url!, databaseStatements(name, name, 'secret', 'schema'));
    return Object.assign(new URL(mysql.mysql_url!), { username: name, password: 'secret', pathname: `/${name}` }).href;
  };
  const [query_url, inventory_url, first_port] = [await urlOf('query'), await urlOf('inventory'), await freePort()];
  await migrate(query_url, migrations, { log: silentLog() });
  writeFileSync(join(folder, 'feed.zip'), await writeGtfs(timetable));
  const railway = lifecycle.add('railway', await startRailway(readConfig(railwaySchema, { SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, RAILWAY_FEED_FILE: join(folder, 'feed.zip') })));
  const world = await openInventory({ QUERY_ADDRESS: `${LOOPBACK}:${first_port}`, REDIS_URL: redis.redis_url!, MYSQL_URL_INVENTORY: inventory_url });
  lifecycle.onStop('inventory', () => world.lifecycle.stop());
  const env = {
    MYSQL_URL_QUERY: query_url, REDIS_URL: redis.redis_url!, JWKS_URL: world.env.JWKS_URL!, CALLER_KEY: world.env.CALLER_KEY!, BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), SIGNING_KEYS_DIR: dirs.signing_keys_dir, INVENTORY_ADDRESS: world.address(), RAILWAY_URL: railway.url, QUERY_FOLLOW_MS: '100',
  };

  /** One more process of query. */
  async function replica(port = 0) {
    const service = lifecycle.add('query', await start(readConfig(configSchema, { ...env, QUERY_PORT: String(port) })));
    const query = createClient(QueryService, { default_timeout_ms: 60_000, address: service.address, service: 'web' });
    const ops = createClient(QueryService, { default_timeout_ms: 60_000, address: service.address, service: 'ops', caller_key: Buffer.from(env.CALLER_KEY, 'hex') });
    for (const client of [query, ops]) lifecycle.onStop('client', () => client.close());
    /** A train as the page shows it, for a trip between two of its stops; stale, too, when the page says that it is behind. */
    const shown = async (train: Train, { from, to }: Stretch): Promise<TrainOffer> => {
      const at = (index: number) => ({ place: { case: 'stationId' as const, value: train.stops[index]!.station_id } });
      const { offers, stale } = await query.searchTrains({ from: at(from), to: at(to), date });
      const offer = offers.find(({ journey }) => journey!.runId === runIdOf(train))!;
      return { ...offer, stale: stale || offer.stale };
    };
    return { query, ops, shown };
  }

  const first = await replica(first_port);
  await first.ops.syncTimetable({ requestId: uuid7(systemClock, systemRandom) });
  await world.ops.openRuns({ serviceDate: date, runIds: trains.map(runIdOf) });

  /** One single ticket; undefined when there is none. */
  async function buy(train: Train, { from, to }: Stretch, hold_id: string) {
    const items = [{ itemId: '1', seatClasses: [smallestClass(train).number] }];
    const ends = { fromStationId: train.stops[from]!.station_id, toStationId: train.stops[to]!.station_id };
    const answer = await world.client.holdSeats({ holdId: hold_id, runId: runIdOf(train), ...ends, items, owner: HoldOwner.ORDER, holdTtlMs: HOLD_TTL_MS }).catch((error: unknown) => error as RpcError);
    if (!(answer instanceof Error)) return answer.hold!;
    if (answer.reason !== 'SOLD_OUT') throw answer;
    return undefined;
  }
  const giveBack = (train: Train, hold_id: string) => world.client.releaseHold({ holdId: hold_id, runId: runIdOf(train), owner: HoldOwner.ORDER, reason: 'test' });
  const versionOf = async (train: Train): Promise<bigint> => (await world.client.getRunStates({ runIds: [runIdOf(train)] })).states[0]!.version;
  return { lifecycle, world, redis, mysql, first, replica, buy, giveBack, versionOf };
}
