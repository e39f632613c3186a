// Answers of the running service against the oracle: random places, dates and filters, on a network of our own and on the real
// feed that CHUNYUN_FEED names. Without the feed its tests are skipped, which the report shows.
import { readFileSync } from 'node:fs';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import test, { type ExecutionContext } from 'ava';
import type { SearchTransfersResponse_Transfer as Transfer, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { generateTimetable } from '../../timetable/generate/generate.ts';
import { seededRandom } from '../../timetable/generate/random.ts';
import { writeGtfs } from '../../timetable/generate/write_gtfs.ts';
import { dayOf } from './days.ts';
import { openOracle, type Oracle } from './oracle.ts';
import { drawQuestion, requestOf, type Question } from './question.ts';
import { quoteDifferences } from './quotes.ts';
import { serveQuery, type Served } from './served.ts';
import { stockMessage, stockOf } from './stock.ts';
import { PASSENGERS } from './words.ts';

const SEED = Number(process.env['CHUNYUN_SEED'] ?? 20_261_121);
const MAX_SHOWN = 10;
const FEED = process.env['CHUNYUN_FEED'];
const TODAY = serviceDateAt(Date.now());
/** Tomorrow, a day of the middle and the last one, on which some stations have not begun to sell. */
const DATES = [1, 6, 14].map((days) => addDays(TODAY, days));

type World = { oracle: Oracle; served: Served; dates: readonly string[] };

const ours = worldOf(() => writeGtfs(generateTimetable({ seed: SEED, scale: 0.3 })), DATES);
const real = worldOf(async () => readFileSync(FEED!), DATES.slice(0, 2));
const realTest = FEED === undefined || FEED === '' ? test.skip : test;

test('[generated network] every direct search says what the oracle says', async (t) => checkTrains(t, await ours(t), 600));
test('[generated network] transfers are those that no other betters', async (t) => checkTransfers(t, await ours(t), 60));
test('[generated network] fares are quoted as the tariff has them', async (t) => checkFares(t, await ours(t), 300));
realTest('[real feed] every direct search says what the oracle says', async (t) => checkTrains(t, await real(t), 400));
realTest('[real feed] transfers are those that no other betters', async (t) => checkTransfers(t, await real(t), 25));
realTest('[real feed] fares are quoted as the tariff has them', async (t) => checkFares(t, await real(t), 100));

const started: Promise<World>[] = [];
test.after.always(async () => {
  for (const world of await Promise.allSettled(started)) if (world.status === 'fulfilled') await world.value.served.stop();
});

/** Started by the first test that needs it. */
function worldOf(feed: () => Promise<Uint8Array>, dates: readonly string[]): (t: ExecutionContext) => Promise<World> {
  let world: Promise<World> | undefined;
  return (t) => {
    t.timeout(600_000);
    world ??= openWorld(feed, dates);
    if (!started.includes(world)) started.push(world);
    return world;
  };
}

async function openWorld(feed: () => Promise<Uint8Array>, dates: readonly string[]): Promise<World> {
  const zip = await feed();
  const oracle = await openOracle(zip, (run_id, trip) => stockOf(SEED, run_id, trip));
  // Who boards a night train on a date may be on one of the day before, who changes trains on one of the day after.
  const days = new Set(dates.flatMap((date) => [-2, -1, 0, 1, 2].map((more) => addDays(date, more))));
  const runs = [...days].flatMap((date) => oracle.runsOf(date)).flatMap(({ run_id, trip }) => {
    const stock = stockOf(SEED, run_id, trip);
    return stock === undefined ? [] : [stockMessage(run_id, trip, stock)];
  });
  return { oracle, served: await serveQuery(zip, runs), dates };
}

async function checkTrains(t: ExecutionContext, { oracle, served, dates }: World, searches: number): Promise<void> {
  const random = seededRandom(`trains/${SEED}`);
  let found = 0;
  for (let search = 0; search < searches; search += 1) {
    const question = drawQuestion(random, oracle.feed, dates);
    const { offers, now_ms } = await allTrains(served, question, random.int(1, 40));
    found += offers.length;
    const wrong = oracle.judgeTrains(question, offers, now_ms);
    if (wrong.length > 0) return void t.deepEqual(wrong.slice(0, MAX_SHOWN), [], describe(question, search));
  }
  t.log(`${searches} searches found ${found} trains`);
  t.true(found > searches, 'most questions have an answer');
}

async function checkTransfers(t: ExecutionContext, { oracle, served, dates }: World, searches: number): Promise<void> {
  const random = seededRandom(`transfers/${SEED}`);
  let found = 0;
  for (let search = 0; search < searches; search += 1) {
    const question = drawJourney(drawQuestion(random, oracle.feed, dates), drawQuestion(random, oracle.feed, dates));
    const asked_min = random.chance(0.3) ? random.int(1, 120) : 0;
    const { transfers, now_ms } = await allTransfers(served, question, asked_min, random.int(5, 100));
    found += transfers.length;
    const wrong = oracle.judgeTransfers(question, transfers, now_ms, asked_min);
    if (wrong.length > 0) return void t.deepEqual(wrong.slice(0, MAX_SHOWN), [], `${describe(question, search)}, ${asked_min} min`);
  }
  t.log(`${searches} searches found ${found} transfers`);
  t.true(found > searches, 'most questions have an answer');
}

/** Any stretch of any run: in and out of the students' season, before and after midnight. */
async function checkFares(t: ExecutionContext, { oracle, served, dates }: World, quotes: number): Promise<void> {
  const random = seededRandom(`fares/${SEED}`);
  const passengerTypes = Object.values(PASSENGERS);
  for (let quote = 0; quote < quotes; quote += 1) {
    const runs = oracle.runsOf(dates[quote % dates.length]!);
    const { run_id, trip } = runs[random.int(0, runs.length - 1)]!;
    const from = random.int(0, trip.calls.length - 2);
    const to = random.int(from + 1, trip.calls.length - 1);
    const [fromStationId, toStationId] = [trip.calls[from]!.station_id, trip.calls[to]!.station_id];
    const { fares } = await served.query.quoteFares({ runId: run_id, fromStationId, toStationId, passengerTypes });
    const wrong = quoteDifferences({ trip, from, to, day: dayOf(dates[quote % dates.length]!) }, fares);
    if (wrong.length > 0) return void t.deepEqual(wrong.slice(0, MAX_SHOWN), [], `seed ${SEED}: ${run_id} ${fromStationId} ${toStationId}`);
  }
  t.pass();
}

/** From where one question begins to where another ends; one in three or so between places that a train connects. */
function drawJourney(one: Question, other: Question): Question {
  const is_same = JSON.stringify(one.from) === JSON.stringify(other.to);
  return { ...one, ...(is_same ? {} : { to: other.to, to_only: other.to_only }), letters: [] };
}

async function allTrains({ query }: Served, question: Question, pageSize: number): Promise<{ offers: TrainOffer[]; now_ms: number }> {
  const offers: TrainOffer[] = [];
  for (let pageToken = ''; ; ) {
    const answer = await query.searchTrains({ ...requestOf(question), pageSize, pageToken });
    offers.push(...answer.offers);
    pageToken = answer.nextPageToken;
    if (pageToken === '') return { offers, now_ms: timestampMs(answer.asOf!) };
  }
}

async function allTransfers({ query }: Served, question: Question, minConnectionMin: number, pageSize: number): Promise<{ transfers: Transfer[]; now_ms: number }> {
  const transfers: Transfer[] = [];
  for (let pageToken = ''; ; ) {
    const answer = await query.searchTransfers({ ...requestOf(question), minConnectionMin, pageSize, pageToken });
    transfers.push(...answer.transfers);
    pageToken = answer.nextPageToken;
    if (pageToken === '') return { transfers, now_ms: timestampMs(answer.asOf!) };
  }
}

function describe(question: Question, search: number): string {
  return `seed ${SEED}, search ${search}: ${JSON.stringify(question)}`;
}
