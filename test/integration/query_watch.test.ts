/** Thousands who watch result pages: what they get, how often a page is made for them, and those who stop reading. */
import { connect, type ClientHttp2Session } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import test from 'ava';
import { QueryService, WatchAvailabilityRequestSchema, type WatchAvailabilityResponse } from '#gen/rail/query/v1/query_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { frame } from '../support/edge_raw.ts';
import { counted, growth, Inventory, openQueryWorld, runIdOf, searchOf, trains, until, type Replica } from './query_cache_world.ts';

const WATCHERS = 3_000;
const CONNECTIONS = 30;
const LOADS = 'query_watched_page_loads_total';
const [train, other] = trains as [(typeof trains)[0], (typeof trains)[0]];

let world: Awaited<ReturnType<typeof openQueryWorld>>;
let replica: Replica;

test.before(async () => {
  world = await openQueryWorld();
  const inventory = new Inventory();
  for (const each of trains) inventory.sell(each, 100);
  replica = await world.replica(inventory);
  await world.sync(replica.address);
  await until(() => replica.query.searchTrains(searchOf(train)), ({ offers, stale }) => offers.length > 0 && !stale);
});
test.after.always(() => world?.stop());

const underWay = (): Promise<number> => counted('rpc_server_in_flight', { method: '/rail.query.v1.QueryService/WatchAvailability' });

/** Reads a watch to its end; `seen` is what came. */
function watcher(query: Replica['query'], of: typeof train, signal: AbortSignal) {
  const seen: WatchAvailabilityResponse[] = [];
  const ended = (async () => {
    for await (const message of query.watchAvailability({ search: searchOf(of) }, { signal, timeout_ms: Infinity })) seen.push(message);
  })().then(() => 'ended', (error: unknown) => (signal.aborted ? 'aborted' : String(error)));
  return { seen, ended, of };
}

const leftIn = ({ offers }: WatchAvailabilityResponse, of: typeof train): number | undefined => {
  const offer = offers.find(({ journey }) => journey!.runId === runIdOf(of));
  return offer === undefined ? undefined : Math.max(...offer.classes.map(({ remaining }) => remaining));
};

test.serial('thousands watch two pages: each change makes the page once, and reaches all who watch it and nobody else', async (t) => {
  const ending = new AbortController();
  const clients = Array.from({ length: CONNECTIONS }, () => createClient(QueryService, { default_timeout_ms: 60_000, address: replica.address, service: 'web' }));
  t.teardown(() => clients.forEach((client) => client.close()));
  const watchers: ReturnType<typeof watcher>[] = [];
  const first_loads = await growth(LOADS, {}, async () => {
    for (let index = 0; index < WATCHERS; index += 1) watchers.push(watcher(clients[index % CONNECTIONS]!, index % 3 === 0 ? other : train, ending.signal));
    await until(() => watchers.filter(({ seen }) => seen.length > 0).length, (count) => count === WATCHERS);
  });
  // On a busy machine the numbers may cease to be followed for a moment, with which each page is made once more.
  t.true(first_loads >= 2 && first_loads <= 20, `one making a page, however many watch it: ${first_loads}`);
  const of_train = watchers.filter(({ of }) => of === train);
  const of_other = watchers.filter(({ of }) => of === other);

  const grownSince = (lengths: readonly number[], some: readonly (typeof watchers)[number][]): number => Math.max(...some.map(({ seen }, index) => seen.length - lengths[index]!));
  const [before, before_other] = [of_train, of_other].map((some) => some.map(({ seen }) => seen.length)) as [number[], number[]];
  const loads = await growth(LOADS, {}, async () => {
    replica.inventory.sell(train, 50);
    await until(() => of_train.filter(({ seen }) => leftIn(seen.at(-1)!, train) === 50).length, (count) => count === of_train.length);
  });
  t.true(loads >= 1 && loads <= 20, `the page was made ${loads} times`);
  t.true(grownSince(before, of_train) <= loads);
  t.true(grownSince(before_other, of_other) < loads, 'nothing changed for them');

  const before_burst = of_train.map(({ seen }) => seen.length);

  const burst_loads = await growth(LOADS, {}, async () => {
    for (let left = 49; left >= 0; left -= 1) replica.inventory.sell(train, left);
    await until(() => of_train.filter(({ seen }) => leftIn(seen.at(-1)!, train) === 0).length, (count) => count === of_train.length);
  });
  t.true(burst_loads <= 20, `fifty changes at once are joined: ${burst_loads}`);
  t.true(grownSince(before_burst, of_train) <= burst_loads);

  // The numbers cease to be followed, which no run tells.
  replica.inventory.away = true;
  await until(() => watchers.filter(({ seen }) => seen.at(-1)!.offers.every(({ stale }) => stale)).length, (count) => count === WATCHERS);
  replica.inventory.away = false;
  await until(() => watchers.filter(({ seen }) => seen.at(-1)!.offers.every(({ stale }) => !stale)).length, (count) => count === WATCHERS);

  ending.abort();
  t.deepEqual([...new Set(await Promise.all(watchers.map(({ ended }) => ended)))], ['aborted']);
  await until(underWay, (count) => count === 0);
  t.is(await growth(LOADS, {}, async () => {
    replica.inventory.sell(train, 7);
    await until(() => replica.query.searchTrains(searchOf(train)), ({ offers }) => offers.some(({ classes }) => classes.some(({ remaining }) => remaining === 7)));
  }), 0, 'a page that nobody watches is not made');
});

test.serial('watchers that stop reading are dropped, and others get every change', async (t) => {
  const sessions: ClientHttp2Session[] = [];
  t.teardown(() => sessions.forEach((session) => session.destroy()));
  const body = frame(toBinary(WatchAvailabilityRequestSchema, create(WatchAvailabilityRequestSchema, { search: searchOf(train) })));
  for (let index = 0; index < 50; index += 1) {
    // A window of nothing: the server may not send a byte of an answer.
    const session = connect(`http://${replica.address}`, { settings: { initialWindowSize: 0 } });
    sessions.push(session);
    const stream = session.request({ ':method': 'POST', ':path': '/rail.query.v1.QueryService/WatchAvailability', 'content-type': 'application/grpc+proto', te: 'trailers' });
    stream.on('error', () => undefined);
    stream.end(body);
  }
  await until(underWay, (count) => count === 50);
  const ending = new AbortController();
  const reading = watcher(replica.query, train, ending.signal);
  await until(() => reading.seen.length, (count) => count === 1);
  let told = 1;
  for (let left = 1000; (await underWay()) > 1; left -= 1) {
    replica.inventory.sell(train, left);
    await until(() => leftIn(reading.seen.at(-1)!, train), (seen) => seen === left);
    told += 1;
    if (told > 200) break;
  }
  t.is(await underWay(), 1, 'the fifty are gone, the one that reads is not');
  t.is(reading.seen.length, told);
  ending.abort();
  await reading.ended;
});

test.serial('a search that cannot be answered ends its watch with the reason', async (t) => {
  const ask = async (more: object) => {
    for await (const _ of replica.query.watchAvailability({ search: { ...searchOf(train), ...more } }, { timeout_ms: Infinity })) break;
  };
  await t.throwsAsync(() => ask({ date: '2020-01-01' }), { message: /DATE_PAST/ });
  await t.throwsAsync(() => ask({ from: { place: { case: 'stationId', value: 'NOWHERE' } } }), { message: /STATION_UNKNOWN/ });
});
