import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService, RunChangeState, SaleState } from '#gen/rail/query/v1/query_pb.ts';
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
import { openDatabase } from '#kit/store/mysql.ts';
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
/** Runs of the train on the days of the test. */
const runs_of = [-1, 0, 1].map((day) => addDays(date, day)).filter((day) => runsOn(train.service, day)).map((day) => `${train.train_id}.${toCompactDate(day)}`);
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
    BLIND_INDEX_KEY: randomBytes(32).toString('hex'), SIGNING_KEYS_DIR: dirs.signing_keys_dir, INVENTORY_ADDRESS: inventory.address, RAILWAY_URL: railway.url, QUERY_FOLLOW_MS: '100', QUERY_CHANGES_MS: '50',
  });
  const [one, two] = [await start(config), await start(config)];
  const query = createClient(QueryService, { default_timeout_ms: 60_000, address: one.address, service: 'web' });
  const other = createClient(QueryService, { default_timeout_ms: 60_000, address: two.address, service: 'web' });
  const ops = createClient(QueryService, { default_timeout_ms: 60_000, address: one.address, service: 'ops', caller_key });
  const db = await openDatabase({ url: database.url, log: silentLog(), service: 'test' });
  const stop = async (): Promise<void> => {
    await db.close();
    for (const client of [query, other, ops]) client.close();
    await Promise.all([one.stop(), two.stop()]);
    await Promise.all([inventory.stop(), railway.stop(), tokens.stop()]);
    await database.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { query, other, ops, db, stream, railway, tokens, feed_file, stop };
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
  const half = { ...timetable, trains: timetable.trains.filter((_, index) => index % 2 === 0) };
  writeFileSync(stack.feed_file, await writeGtfs(half));
  const refused = await t.throwsAsync<RpcError>(() => stack.ops.syncTimetable({ requestId: id() }));
  t.is(reason(refused), 'FEED_INVALID', 'it lacks half of the runs on sale, so it is taken for a broken one');
  t.is((await search()).timetableVersion, timetable.version);
  const lossy = await stack.ops.syncTimetable({ requestId: id(), despiteLosses: true });
  t.is(lossy.active!.trainCount, half.trains.length, 'an operator may');
  writeFileSync(stack.feed_file, await writeGtfs(generateTimetable({ seed: 4, scale: 0.02 })));
  const { active } = await stack.ops.syncTimetable({ requestId: id(), despiteLosses: true });
  t.not(active!.version, timetable.version);
  t.is((await stack.ops.listTimetableVersions({})).versions.filter((version) => version.active).length, 1);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.query.rollbackTimetable({ requestId: id(), version: timetable.version }))), 'TOKEN_MISSING');
  await stack.ops.rollbackTimetable({ requestId: id(), version: timetable.version });
  await until(() => stack.other.listStations({ pageSize: 1 }), ({ timetableVersion }) => timetableVersion === timetable.version);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.rollbackTimetable({ requestId: id(), version: 'tt-none' }))), 'FIELD_INVALID');
});

/** A dispatcher of the railway says how a run differs. */
async function dispatch(change: object): Promise<void> {
  const answer = await fetch(`${stack.railway.url}/sandbox/run-changes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ run_id, ...change }) });
  if (answer.status !== 200) throw new Error(await answer.text());
}

const listed = async () => (await stack.ops.listRunChanges({})).changes.find((change) => change.runId === run_id);
const runNow = async (client = stack.query) => (await client.getTrainRun({ runId: run_id })).run!;

test.serial('a run that the railway cancels is shown so by every replica, whatever inventory says, until it runs again', async (t) => {
  const before = await runNow();
  await dispatch({ cancelled: true, reason_zh: '暴雨', reason_en: 'heavy rain' });
  for (const client of [stack.query, stack.other]) t.like(await until(() => runNow(client), (run) => run.saleState === SaleState.CANCELLED), { changeReasonZh: '暴雨', changeReasonEn: 'heavy rain' });
  const offer = await until(mine, ({ saleState }) => saleState === SaleState.CANCELLED);
  t.true(offer.classes.every((entry) => entry.remaining === 0));
  const change = await listed();
  t.like(change, { state: RunChangeState.APPLIED, cancelled: true });
  t.true((await runNow()).revision >= change!.revision && change!.revision > before.revision, 'the greater revision is the newer word');
  await dispatch({});
  await until(() => runNow(stack.other), (run) => run.saleState !== SaleState.CANCELLED);
});

test.serial('moved stops and other coaches are shown, sold by and priced as the railway says; the days around stay as they are', async (t) => {
  const stops = train.stops.map(({ arrival_s, departure_s }, stop_sequence) => ({ stop_sequence, arrival_s: arrival_s + 600, departure_s: departure_s + 600 }));
  const was = await runNow();
  await dispatch({ stops: stops.slice(1), coaches: train.coaches.slice(0, 1) });
  const now = await until(runNow, (run) => run.coaches.length === 1);
  const seconds = (run: typeof was) => run.stops.map((stop) => Number((stop.arrivalTime ?? stop.departureTime)!.seconds));
  t.deepEqual(seconds(now).map((time, index) => time - seconds(was)[index]!), [0, ...train.stops.slice(1).map(() => 600)]);
  const next = runs_of.find((one) => one !== run_id);
  if (next !== undefined) t.is((await stack.query.getTrainRun({ runId: next })).run!.coaches.length, train.coaches.length);
  t.deepEqual((await mine()).classes.map((entry) => entry.seatClass).filter((one) => one !== SeatClass.STANDING), [CLASS[seat_class]!]);
  const streamed = [];
  for await (const message of stack.ops.streamTrainRuns({ runIds: [run_id, 'NONE.20260101'], tellMissing: true })) streamed.push(message);
  t.deepEqual(streamed.map(({ run, missingRunId }) => [run?.runId ?? '', run?.coaches.length ?? 0, missingRunId]), [[run_id, 1, ''], ['', 0, 'NONE.20260101']]);
});

test.serial('a change that a run can not run by is refused and listed, and the run stays; one that was garbled is asked for again', async (t) => {
  await dispatch({ coaches: [{ coach_no: 1, seat_class: 'second', layout_id: 'second-90', seat_count: 80 }] });
  const refused = await until(listed, (change) => change?.state === RunChangeState.REFUSED);
  t.regex(refused!.problem, /has not 80 places/);
  t.is((await runNow()).coaches.length, 1, 'as it was before');
  stack.railway.faults.add({ path: '/v1/run-changes', kind: 'garbled_change', probability: 1, times: 2 });
  await dispatch({ cancelled: true });
  await until(runNow, (run) => run.saleState === SaleState.CANCELLED);
  t.true(stack.railway.faults.list().some(({ kind, struck }) => kind === 'garbled_change' && struck === 2), 'two answers were garbled and not believed');
  await dispatch({});
  await until(runNow, (run) => run.saleState !== SaleState.CANCELLED);
});

test.serial('while the railway does not answer in a second nothing is lost, and the timetable stays', async (t) => {
  stack.railway.faults.add({ path: '/v1/*', kind: 'delay', delay_ms: 3_000, probability: 1 });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.syncTimetable({ requestId: id() }))), 'DEPENDENCY_UNAVAILABLE');
  await dispatch({ cancelled: true });
  t.is((await search()).timetableVersion, timetable.version);
  stack.railway.faults.clear();
  await until(runNow, (run) => run.saleState === SaleState.CANCELLED);
  await dispatch({});
  await until(runNow, (run) => run.saleState !== SaleState.CANCELLED);
});

test.serial('when the active version can not be read the one before it becomes active again, with an audit record', async (t) => {
  writeFileSync(stack.feed_file, await writeGtfs(generateTimetable({ seed: 5, scale: 0.02 })));
  // The circuit to the railway may still be open.
  const { active } = await until(() => stack.ops.syncTimetable({ requestId: id(), despiteLosses: true }), ({ changed }) => changed);
  await until(() => stack.other.listStations({ pageSize: 1 }), ({ timetableVersion }) => timetableVersion === active!.version);
  await stack.ops.rollbackTimetable({ requestId: id(), version: timetable.version });
  await until(() => stack.other.listStations({ pageSize: 1 }), ({ timetableVersion }) => timetableVersion === timetable.version);
  await stack.db.query('UPDATE timetable_version SET feed = ? WHERE version = ?', [Buffer.from('broken'), active!.version]);
  await stack.ops.rollbackTimetable({ requestId: id(), version: active!.version });
  for (const client of [stack.query, stack.other]) await until(() => client.listStations({ pageSize: 1 }), ({ timetableVersion }) => timetableVersion === timetable.version);
  t.is((await stack.ops.listTimetableVersions({})).versions.find((version) => version.active)!.version, timetable.version);
  const [audit] = await stack.db.query<{ actor_service: string }>("SELECT actor_service FROM audit_record WHERE operation = 'timetable.RollBack' AND target = ? ORDER BY audit_id DESC LIMIT 1", [`timetable/${timetable.version}`]);
  t.is(audit?.actor_service, 'query');
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

