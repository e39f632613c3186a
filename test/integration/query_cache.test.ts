/** The tiers of answers: one making for a crowd, what replicas share, and what is answered while a tier is gone. */
import test from 'ava';
import { Redis } from 'ioredis';
import { Degradation } from '#gen/rail/query/v1/query_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { OLDEST_MS } from '../../services/query/app/answer_cache.ts';
import { counted, growth, Inventory, openQueryWorld, runIdOf, searchOf, trains, until, type Replica } from './query_cache_world.ts';

const [train, other, third] = trains as [(typeof trains)[0], (typeof trains)[0], (typeof trains)[0]];
const CROWD = 10_000;
const MADE = { method: 'SearchTrains', tier: 'memory' };

let world: Awaited<ReturnType<typeof openQueryWorld>>;
let one: Replica;
let two: Replica;

test.before(async () => {
  world = await openQueryWorld();
  const inventories = [new Inventory(), new Inventory()] as const;
  for (const inventory of inventories) for (const each of trains) inventory.sell(each, 100);
  [one, two] = await Promise.all([world.replica(inventories[0]), world.replica(inventories[1])]);
  await world.sync(one.address);
  for (const { query } of [one, two]) await until(() => query.searchTrains(searchOf(train)), ({ offers, stale }) => offers.length > 0 && !stale);
});
test.after.always(() => world?.stop());

const answerOf = ({ query }: Replica, of = train, more = {}) => query.searchTrains({ ...searchOf(of), ...more });
const left = ({ offers }: Awaited<ReturnType<typeof answerOf>>, of = train) => Math.max(...offers.find(({ journey }) => journey!.runId === runIdOf(of))!.classes.map(({ remaining }) => remaining));

test.serial('ten thousand who ask the same at once make one load', async (t) => {
  const checksums = new Set<string>();
  const loads = await growth('query_answers_total', MADE, async () => {
    const answers = await Promise.all(Array.from({ length: CROWD }, () => answerOf(one, other)));
    for (const { stamp } of answers) checksums.add(stamp!.checksum);
  });
  t.is(loads, 1);
  t.is(checksums.size, 1);
});

test.serial('a change of a run ends the answers that have it, and no others', async (t) => {
  await answerOf(one);
  const before = await answerOf(one, other);
  one.inventory.sell(train, 99);
  await until(() => answerOf(one), (answer) => left(answer) === 99);
  t.is(await growth('query_answers_total', MADE, () => Promise.all(Array.from({ length: 100 }, () => answerOf(one)))), 0);
  t.deepEqual((await answerOf(one, other)).stamp, before.stamp, 'not even made again');
  two.inventory.sell(train, 99);
  await until(() => answerOf(two), (answer) => left(answer) === 99);
  t.is((await answerOf(two)).stamp!.checksum, (await answerOf(one)).stamp!.checksum, 'equal answers of two replicas have equal checksums');
});

test.serial('every public read says what it is of, and is kept', async (t) => {
  const { query } = one;
  const stretch = { runId: runIdOf(train), fromStationId: train.stops[0]!.station_id, toStationId: train.stops.at(-1)!.station_id };
  const reads: Record<string, () => Promise<{ stamp?: { timetableVersion: string; checksum: string; asOf?: unknown; degradedBy: Degradation } }>> = {
    SuggestStations: () => query.suggestStations({ text: 'b' }),
    ListStations: () => query.listStations({ pageSize: 3 }),
    SearchTrains: () => answerOf(one),
    SearchTransfers: () => query.searchTransfers(searchOf(train)),
    GetTrainRun: () => query.getTrainRun({ runId: runIdOf(train) }),
    QuoteFares: () => query.quoteFares(stretch),
    GetAvailability: () => query.getAvailability(stretch),
  };
  for (const [method, ask] of Object.entries(reads)) {
    const { stamp } = await ask();
    t.regex(stamp!.checksum, /^[\w-]{16}$/, method);
    t.regex(stamp!.timetableVersion, /^tt-/, method);
    t.is(stamp!.degradedBy, Degradation.UNSPECIFIED, method);
    t.truthy(stamp!.asOf, method);
    t.true((await growth('query_answers_total', { method, tier: 'kept' }, () => Promise.all([ask(), ask(), ask()]))) >= 2, method);
  }
});

test.serial('what is asked again is shared for five to twenty seconds, never all alike', async (t) => {
  const redis = new Redis(world.redis.redis_url!);
  t.teardown(() => redis.quit());
  for (let size = 1; size <= 20; size += 1) for (let times = 0; times < 3; times += 1) await answerOf(one, train, { pageSize: size });
  const keys = await until(() => redis.keys('query:answer:*'), (found) => found.length >= 20);
  const lives = await Promise.all(keys.map((key) => redis.pttl(key)));
  t.true(lives.every((life_ms) => life_ms > 0 && life_ms <= OLDEST_MS), String(lives));
  t.true(Math.max(...lives) - Math.min(...lives) > 2_000, String(lives));
});

test.serial('a replica that was cut off gives what another one knows, says so, and says how old', async (t) => {
  one.inventory.away = true;
  const stale = await until(() => answerOf(one, third), (answer) => answer.stale);
  t.is(stale.stamp!.degradedBy, Degradation.INVENTORY);
  two.inventory.sell(third, 42);
  await until(() => answerOf(two, third), (answer) => left(answer, third) === 42);
  await answerOf(two, third);
  const borrowed = await until(() => answerOf(one, third), (answer) => left(answer, third) === 42);
  t.is(borrowed.stamp!.degradedBy, Degradation.REPLICA);
  t.true(borrowed.stale && borrowed.stamp!.ageMs <= OLDEST_MS);
  const alone = await answerOf(one, third, { pageSize: 77 });
  t.deepEqual([alone.stamp!.degradedBy, left(alone, third)], [Degradation.INVENTORY, 100], 'what nobody shared is the last known here');
  t.true(alone.stamp!.ageMs > 0);
  one.inventory.sell(third, 42);
  one.inventory.away = false;
  const fresh = await until(() => answerOf(one, third), (answer) => !answer.stale);
  t.deepEqual([fresh.stamp!.degradedBy, fresh.stamp!.ageMs, left(fresh, third)], [Degradation.UNSPECIFIED, 0, 42]);
});

test.serial('a replica that starts while inventory is away answers by what others shared, but nothing older than its bound', async (t) => {
  const nobody = new Inventory();
  nobody.away = true;
  const starting = await world.replica(nobody);
  for (let times = 0; times < 3; times += 1) await answerOf(two, train, { pageSize: 33 });
  const borrowed = await until(() => answerOf(starting, train, { pageSize: 33 }), (answer) => answer.stamp!.degradedBy === Degradation.REPLICA);
  t.is(left(borrowed), 99);
  const later = { ...systemClock, now_ms: () => Date.now() + OLDEST_MS + 1000 };
  const late = await world.replica(nobody, later);
  const own = await answerOf(late, train, { pageSize: 33 });
  t.is(own.stamp!.degradedBy, Degradation.INVENTORY, 'older than twenty seconds by its clock: not given');
  const run = await t.throwsAsync<RpcError>(() => starting.query.getTrainRun({ runId: runIdOf(other) }));
  t.is(run?.reason, 'DEPENDENCY_UNAVAILABLE', 'nobody asked for it twice, so nobody shared it');
});

test.serial('before a declared opening the answers that people ask for most are made for the date that goes on sale', async (t) => {
  const opening = { name: '春运', start: new Date(Date.now() + 100_000).toISOString(), lasts_min: 10 };
  const risk = await world.settings('sale.openings', [opening]);
  const warm = await world.replica(two.inventory, systemClock, { RISK_ADDRESS: risk, QUERY_WARM_UP_MS: '100' });
  await until(() => answerOf(warm), ({ stale }) => !stale);
  const rounds = await counted('query_warm_ups_total');
  await until(() => counted('query_warm_ups_total'), (count) => count >= rounds + 2);
  const on_sale = { date: addDays(serviceDateAt(Date.now()), 14) };
  t.is(await growth('query_answers_total', { method: 'SearchTrains', tier: 'kept' }, () => answerOf(warm, train, on_sale)), 1, 'the first who asks finds it made');
  await warm.stop();
});

test.serial('without Redis nothing is worse where inventory is heard', async (t) => {
  await world.redis.stop();
  two.inventory.sell(train, 77);
  const answer = await until(() => answerOf(two), (found) => left(found) === 77);
  t.false(answer.stale);
  t.is(answer.stamp!.degradedBy, Degradation.UNSPECIFIED);
  t.is(await growth('query_answers_total', { tier: 'kept' }, () => Promise.all(Array.from({ length: 50 }, () => answerOf(two)))), 50);
  one.inventory.away = true;
  const alone = await until(() => answerOf(one, other), ({ stale }) => stale);
  t.is(alone.stamp!.degradedBy, Degradation.INVENTORY, 'and where it is not, the last known is given');
  one.inventory.away = false;
  await until(() => answerOf(one, other), ({ stale }) => !stale);
});

test.serial('without the database too, numbers stay right, and answers say that a newer timetable would not be known', async (t) => {
  await world.mysql.stop();
  const answer = await until(() => answerOf(two, train, { passengerType: PassengerType.CHILD }), ({ stamp }) => stamp!.degradedBy === Degradation.TIMETABLE);
  t.true(answer.stamp!.ageMs >= 6000);
  t.false(answer.stale, 'numbers do not come from there');
  two.inventory.sell(train, 55);
  await until(() => answerOf(two), (found) => left(found) === 55);
  two.inventory.away = true;
  const last = await until(() => answerOf(two), ({ stale }) => stale);
  t.deepEqual([left(last), last.stamp!.degradedBy], [55, Degradation.INVENTORY], 'with nothing left at all: memory');
});
