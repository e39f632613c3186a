import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService, SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { Channel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { WatchRemainingResponseSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt, toCompactDate } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { migrate } from '#kit/store/migrate.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema as railwaySchema, start as startRailway } from '../../sandbox/railway/main.ts';
import { configSchema, start } from '../../services/query/main.ts';
import { migrations } from '../../services/query/store/migrations.ts';
import { runsOn } from '../../timetable/calendar.ts';
import { generateTimetable } from '../../timetable/generate/generate.ts';
import { writeGtfs } from '../../timetable/generate/write_gtfs.ts';
import { freshDatabase } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
const id = (): string => uuid7(systemClock, systemRandom);
const reason = (error: RpcError | undefined) => error?.reason;
const date = addDays(serviceDateAt(Date.now()), 3);
const timetable = generateTimetable({ seed: 3, scale: 0.02 });
const train = timetable.trains.find((one) => runsOn(one.service, date) && one.stops[0]!.departure_s < 80_000)!;
const run_id = `${train.train_id}.${toCompactDate(date)}`;
const [first, last] = [train.stops[0]!.station_id, train.stops.at(-1)!.station_id];
const seat_class = train.coaches[0]!.seat_class;
const CLASS: Record<string, SeatClass> = { business: SeatClass.BUSINESS, first: SeatClass.FIRST, second: SeatClass.SECOND, soft_sleeper: SeatClass.SOFT_SLEEPER, hard_sleeper: SeatClass.HARD_SLEEPER, soft_seat: SeatClass.SOFT_SEAT, hard_seat: SeatClass.HARD_SEAT };

type StreamMessage = MessageInitShape<typeof WatchRemainingResponseSchema>;

/** Inventory as query sees it: a stream that the test writes to, breaks and silences. Each watcher gets everything. */
class FakeStream {
  readonly #told: StreamMessage[] = [];
  #wakers = new Set<() => void>();
  #generation = 0;
  silent = false;

  push(message: StreamMessage): void {
    this.#told.push(message);
    this.wake();
  }

  break(): void {
    this.#generation += 1;
    this.wake();
  }

  wake(): void {
    for (const wake of this.#wakers) wake();
  }

  async *messages(signal: AbortSignal) {
    const generation = this.#generation;
    signal.addEventListener('abort', () => this.wake());
    for (let next = 0; !signal.aborted && generation === this.#generation; ) {
      if (!this.silent && next < this.#told.length) yield this.#told[next++]!;
      else await new Promise<void>((resolve) => this.#wakers.add(resolve));
    }
  }
}

function remaining(version: bigint, left: number): MessageInitShape<typeof WatchRemainingResponseSchema> {
  const pairs = (train.stops.length * (train.stops.length - 1)) / 2;
  return { runs: [{ runId: run_id, bucket: 5, epoch: 1, version, open: true, classes: [{ seatClass: CLASS[seat_class]!, remaining: Array.from({ length: pairs }, () => left) }] }] };
}

async function startAll() {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-query-'));
  const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
  const feed_file = join(folder, 'feed.zip');
  await ensureKeys(dirs);
  const [database, tokens] = await Promise.all([freshDatabase(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  writeFileSync(feed_file, await writeGtfs(timetable));
  const railway = await startRailway(readConfig(railwaySchema, { SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, RAILWAY_FEED_FILE: feed_file }));
  const stream = new FakeStream();
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  const handlers = { ...Object.fromEntries(InventoryService.methods.map((method) => [method.localName, unused])), watchRemaining: (_: unknown, call: { signal: AbortSignal }) => stream.messages(call.signal) };
  const inventory = await startServer({ service: 'inventory', implementations: [implement(InventoryService, handlers as unknown as Handlers<typeof InventoryService>)], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const config = readConfig(configSchema, {
    MYSQL_URL_QUERY: database.url, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'), COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }),
    BLIND_INDEX_KEY: randomBytes(32).toString('hex'), SIGNING_KEYS_DIR: dirs.signing_keys_dir, INVENTORY_ADDRESS: inventory.address, RAILWAY_URL: railway.url, QUERY_FOLLOW_MS: '100',
  });
  const [one, two] = [await start(config), await start(config)];
  const query = createClient(QueryService, { default_timeout_ms: 60_000, address: one.address, service: 'web' });
  const other = createClient(QueryService, { default_timeout_ms: 60_000, address: two.address, service: 'web' });
  const ops = createClient(QueryService, { default_timeout_ms: 60_000, address: one.address, service: 'ops', caller_key });
  const stop = async (): Promise<void> => {
    for (const client of [query, other, ops]) client.close();
    await Promise.all([one.stop(), two.stop()]);
    await Promise.all([inventory.stop(), railway.stop(), tokens.stop()]);
    await database.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { query, other, ops, stream, railway, tokens, feed_file, stop };
}

let stack: Awaited<ReturnType<typeof startAll>>;
test.before(async () => {
  stack = await startAll();
});
test.after.always(() => stack?.stop());

/** Asks until it is so, as a page would. */
async function until<T>(ask: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 400; tries++) {
    const value = await ask().catch(() => undefined);
    if (value !== undefined && isSo(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not become so');
}

const search = () => stack.query.searchTrains({ from: { place: { case: 'stationId', value: first } }, to: { place: { case: 'stationId', value: last } }, date });
const mine = async () => (await search()).offers.find((offer) => offer.journey!.runId === run_id)!;

test.serial('without a timetable it says so; after a sync every replica answers from it', async (t) => {
  t.is(reason(await t.throwsAsync<RpcError>(search)), 'DEPENDENCY_UNAVAILABLE');
  const synced = await stack.ops.syncTimetable({ requestId: id() });
  t.true(synced.changed);
  t.is(synced.active!.version, timetable.version);
  t.is(synced.active!.trainCount, timetable.trains.length);
  t.false((await stack.ops.syncTimetable({ requestId: id() })).changed);
  const offer = await mine();
  t.is(offer.journey!.trainNo, train.train_no);
  t.is(offer.saleState, SaleState.BEFORE, 'inventory has not opened it');
  await until(() => stack.other.listStations({ pageSize: 1 }), ({ timetableVersion }) => timetableVersion === timetable.version);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.query.getTrainRun({ runId: run_id }))), 'DEPENDENCY_UNAVAILABLE', 'what is on sale is not known yet, so nobody is refused for good');
});

test.serial('numbers are what inventory streamed last; while the stream is away they are called stale', async (t) => {
  stack.stream.push(remaining(7n, 12));
  stack.stream.push(remaining(6n, 99));
  stack.stream.push({ snapshotCompleteBuckets: [5], digests: [{ bucket: 5, epoch: 1 }] });
  const left = (offer: Awaited<ReturnType<typeof mine>>) => offer.classes.find((entry) => entry.seatClass === CLASS[seat_class])!.remaining;
  const known = await until(mine, (offer) => offer.version === 7n && !offer.stale);
  t.is(left(known), 12, 'the older state that came later is dropped');
  t.is(known.saleState, SaleState.OPEN);
  t.is((await stack.query.getTrainRun({ runId: run_id })).run!.saleState, SaleState.OPEN);
  stack.stream.silent = true;
  stack.stream.break();
  t.is(left(await until(mine, (offer) => offer.stale)), 12, 'what is known stays, and is called stale');
  stack.stream.silent = false;
  stack.stream.push(remaining(8n, 11));
  stack.stream.wake();
  const fresh = await until(mine, (offer) => !offer.stale);
  t.deepEqual([fresh.version, left(fresh)], [8n, 11]);
});

test.serial('quotas are counted for whom they are made: by the channel of the token, else of the request', async (t) => {
  const stops = train.stops.length;
  const pairs = (through: number, part: number) => Array.from({ length: (stops * (stops - 1)) / 2 }, (_, pair) => (pair === stops - 2 ? through : part));
  const quotas = [{ channel: Channel.APP, remaining: pairs(6, 6) }, { channel: Channel.APP, passengerType: PassengerType.STUDENT, remaining: pairs(9, 9) }];
  const state = { runId: run_id, bucket: 5, epoch: 1, version: 9n, open: true, classes: [{ seatClass: CLASS[seat_class]!, remaining: pairs(0, 3), quotas }] };
  stack.stream.push({ runs: [state] });
  stack.stream.wake();
  await until(mine, ({ version }) => version === 9n);
  const ask = { runId: run_id, fromStationId: first, toStationId: last };
  const of = ({ classes }: { classes: Awaited<ReturnType<typeof mine>>['classes'] }) => classes.find((entry) => entry.seatClass === CLASS[seat_class])!;
  const nobody = of(await stack.query.getAvailability(ask));
  t.like(nobody, { remaining: 0, sameTrainChangeRemaining: 3 }, 'no seat goes through, but seats can be changed');
  t.deepEqual(nobody.sameTrainChangeStops.map(({ index, stationId }) => [index, stationId]), [[stops - 2, train.stops.at(-2)!.station_id]]);
  t.true(nobody.sameTrainChangeStops.every(({ stationName }) => stationName.length > 0));
  t.like(of(await stack.query.getAvailability({ ...ask, channel: Channel.APP })), { remaining: 6, sameTrainChangeRemaining: 0, sameTrainChangeStops: [] });
  t.is(of(await stack.query.getAvailability({ ...ask, channel: Channel.APP, passengerType: PassengerType.STUDENT })).remaining, 9);
  const web = { metadata: await stack.tokens.headersFor({ channel: 'web' }) };
  t.is(of(await stack.query.getAvailability({ ...ask, channel: Channel.APP }, web)).remaining, 0, 'a traveller of the web does not get what the app has by asking for it');
});

test.serial('a feed that was cut off or is no feed is refused whole, and the timetable stays', async (t) => {
  writeFileSync(stack.feed_file, 'this is no zip');
  const refused = await t.throwsAsync<RpcError>(() => stack.ops.syncTimetable({ requestId: id() }));
  t.is(reason(refused), 'FEED_INVALID');
  writeFileSync(stack.feed_file, await writeGtfs(generateTimetable({ seed: 4, scale: 0.02 })));
  stack.railway.faults.add({ path: '/v1/timetable', kind: 'truncated_feed', probability: 1, times: 1 });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.syncTimetable({ requestId: id() }))), 'FEED_INVALID');
  t.is((await search()).timetableVersion, timetable.version);
});

test.serial('another timetable becomes active, and can be rolled back', async (t) => {
  const { active } = await stack.ops.syncTimetable({ requestId: id() });
  t.not(active!.version, timetable.version);
  t.is((await stack.ops.listTimetableVersions({})).versions.filter((version) => version.active).length, 1);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.query.rollbackTimetable({ requestId: id(), version: timetable.version }))), 'TOKEN_MISSING');
  await stack.ops.rollbackTimetable({ requestId: id(), version: timetable.version });
  await until(() => stack.other.listStations({ pageSize: 1 }), ({ timetableVersion }) => timetableVersion === timetable.version);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.rollbackTimetable({ requestId: id(), version: 'tt-none' }))), 'FIELD_INVALID');
});

test('fares are quoted for every class, berth and passenger type that is asked', async (t) => {
  await until(search, () => true);
  const quoted = await stack.query.quoteFares({ runId: run_id, fromStationId: first, toStationId: last, passengerTypes: [PassengerType.ADULT, PassengerType.CHILD] });
  const adult = quoted.fares.filter((fare) => fare.passengerType === PassengerType.ADULT);
  t.true(adult.length > 0 && adult.every(({ fare }) => fare!.amountFen > 0n && fare!.amountFen % 50n === 0n));
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.query.quoteFares({ runId: run_id, fromStationId: last, toStationId: first }))), 'STOPS_NOT_ON_RUN');
});

test('bad questions get the reason that names what is wrong', async (t) => {
  await until(search, () => true);
  const from = { place: { case: 'stationId' as const, value: first } };
  const to = { place: { case: 'stationId' as const, value: last } };
  const ask = async (request: object) => reason(await t.throwsAsync<RpcError>(() => stack.query.searchTrains({ from, to, date, ...request })));
  t.is(await ask({ from: { place: { case: 'stationId', value: 'NOWHERE' } } }), 'STATION_UNKNOWN');
  t.is(await ask({ to: from }), 'SAME_STATION');
  t.is(await ask({ date: addDays(date, -10) }), 'DATE_PAST');
  t.is(await ask({ date: addDays(date, 30) }), 'DATE_BEYOND_SALE_WINDOW');
  t.is(await ask({ date: 'tomorrow' }), 'FIELD_INVALID');
  t.is(await ask({ pageSize: 501 }), 'FIELD_INVALID');
  t.is(await ask({ pageToken: '3.forged' }), 'PAGE_TOKEN_INVALID');
  t.is(await ask({ filter: { departureFromMin: 900, departureToMin: 100 } }), 'FIELD_INVALID');
  t.is(await ask({ filter: { seatClasses: [99 as SeatClass] } }), 'SEAT_CLASS_UNKNOWN');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.query.getTrainRun({ runId: 'G0.20260101' }))), 'TRAIN_RUN_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.query.suggestStations({ text: 'x'.repeat(33) }))), 'FIELD_INVALID');
});

