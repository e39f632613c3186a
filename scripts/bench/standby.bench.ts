/** Standby on a hot run: how soon a released seat is matched, in what order, and how long seats are idle, while others buy. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { inTurns } from '#kit/base/in_turns.ts';
import { integerBetween, systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { Bench } from '../bench.ts';
import { say, step, Told } from '../say.ts';
import { quantile, round } from './inventory/measure.ts';
import { HOLD_TTL_MS, runIdOf, SEGMENTS, SERVICE_DATE, stationOf, trainName } from './inventory/mix.ts';
import { matchedSeats, overtaken, oversold, requestsOf } from './standby/judge.ts';
import { startWorld, type World } from './standby/world.ts';

type Options = { requests: number; releases: number; rate_per_s: number };

export const bench: Bench = {
  about: 'standby on a hot run: 10,000 requests, 2,000 releases, open sale beside (--requests N --releases N --rate N)',
  about_zh: '热门车次候补：一万个请求、两千次退票，同时开放售票（--requests N --releases N --rate N）',
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { requests: { type: 'string', default: '10000' }, releases: { type: 'string', default: '2000' }, rate: { type: 'string', default: '20' }, help: { type: 'boolean', short: 'h', default: false } } });
    if (values.help) {
      console.log(HELP);
      return {};
    }
    const options = { requests: whole('--requests', values.requests), releases: Math.min(SEATS * 2, whole('--releases', values.releases)), rate_per_s: whole('--rate', values.rate) };
    const world = await startWorld(TRAINS);
    try {
      const result = await measure(world, options);
      for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(24)} ${JSON.stringify(value)}`);
      return result;
    } finally {
      await world.stop();
    }
  },
};

const HELP = `npm run bench -- standby [options]
  --requests N   who wait (10000)
  --releases N   halves of seats that are given back (2000)
  --rate N       releases a second (20)`;

/** The hot run, and others that are named as alternatives and never have a seat. */
const TRAINS = Array.from({ length: 4 }, (_, number) => trainName('S', number));
const HOT = runIdOf(TRAINS[0]!);
const SEATS = 1000;
const HALF = SEGMENTS / 2;
const AT_ONCE = 16;
const BUYERS_PAUSE_MS = 20;
/** After the last release: kept seats are matched or on sale by then. */
const SETTLE_MS = 6000;
/** Stations that people board and leave at; all pairs would be as many queues as a small country has. */
const STOPS = [0, 5, 10, 15, 20];

async function measure(world: World, options: Options): Promise<Record<string, unknown>> {
  await world.ops.openRuns({ serviceDate: SERVICE_DATE, runIds: TRAINS.map(runIdOf) });
  await step(say, 'selling every seat', '正在售完所有席位', () => sellOut(world));
  await step(say, `${options.requests} requests`, `${options.requests} 个候补请求`, () => inTurns(Array(options.requests).keys(), AT_ONCE, (index) => ask(world, index)));
  await untilKnown(world);

  const given = new Map<string, number>();
  const sale = { on: true, bought: 0, refused: 0 };
  const buyers = buy(world, sale);
  const began_ms = Date.now();
  await step(say, `${options.releases} releases at ${options.rate_per_s} a second`, `${options.releases} 次退票，每秒 ${options.rate_per_s} 次`, () => giveBack(world, options, given));
  const took_s = (Date.now() - began_ms) / 1000;
  await sleep(SETTLE_MS);
  sale.on = false;
  await buyers;

  const requests = await requestsOf(world.db.aftersales, HOT);
  const served = requests.filter(({ served_ms }) => served_ms !== undefined);
  const [delays_ms, idle] = delaysOf(await matchedSeats(world.db.inventory), new Map(served.map(({ standby_id, served_ms }) => [standby_id, served_ms!])), given);
  const passed = overtaken(requests);
  return {
    match_p50_ms: round(quantile(delays_ms, 0.5)), match_p95_ms: round(quantile(delays_ms, 0.95)), matches_per_s: round(served.length / took_s, 1), overtakes: passed.length, idle_seat_seconds_p95: round(quantile(idle, 0.95) / 1000, 3),
    oversold: await oversold(world.db.inventory), requests: requests.length, served: served.length, releases: given.size, bought_in_open_sale: sale.bought, refused_in_open_sale: sale.refused, ...(passed.length > 0 ? { passed: passed.slice(0, 3) } : {}),
  };
}

/** Two holds a seat, so that what is given back is half of the way. */
async function sellOut({ inventory }: World): Promise<void> {
  for (const [half, from] of [0, HALF].entries()) {
    await inTurns(Array(SEATS).keys(), AT_ONCE, (index) => inventory.holdSeats({ holdId: `sold-${half}-${index}`, runId: HOT, fromStationId: stationOf(from), toStationId: stationOf(from + HALF), items: [item(1)], owner: HoldOwner.ORDER, holdTtlMs: HOLD_TTL_MS }));
  }
  for (const train of TRAINS.slice(1)) await inTurns(Array(SEATS).keys(), AT_ONCE, (index) => inventory.holdSeats({ holdId: `sold-${train}-${index}`, runId: runIdOf(train), fromStationId: stationOf(0), toStationId: stationOf(SEGMENTS), items: [item(1)], owner: HoldOwner.ORDER, holdTtlMs: HOLD_TTL_MS }));
}

async function ask({ standbys }: World, index: number): Promise<void> {
  const [one, other] = [integerBetween(systemRandom, 0, STOPS.length - 1), integerBetween(systemRandom, 0, STOPS.length - 2)];
  const [from, to] = [Math.min(one, other >= one ? other + 1 : other), Math.max(one, other >= one ? other + 1 : other)];
  const wish = (run_id: string) => ({ runId: run_id, fromStationId: stationOf(STOPS[from]!), toStationId: stationOf(STOPS[to]!), seatClasses: [SeatClass.SECOND] });
  const size = index % 10 < 7 ? 1 : index % 10 < 9 ? 2 : 4;
  const alternatives = index % 3 === 0 ? [wish(runIdOf(TRAINS[1 + (index % 3)]!))] : [];
  const account = { kind: 'account' as const, account_id: String(1_000_000 + index), tenant: 'rail', channel: 'web', device_id: 'bench', session_id: 'bench', roles: ['traveller'], member_level: index % 20 === 0 ? 5 : 0 };
  await standbys.createStandby({
    requestId: uuid7(systemClock, systemRandom), wishes: [wish(HOT), ...alternatives], passengerIds: Array.from({ length: size }, (_, passenger) => String(2_000_000 + index * 10 + passenger)),
    deadline: { seconds: BigInt(Math.floor(Date.now() / 1000) + 86_400), nanos: 0 },
  }, { caller: account });
}

async function untilKnown({ db }: World): Promise<void> {
  while ((await db.aftersales.query('SELECT 1 FROM standby_run WHERE version <> told')).length > 0) await sleep(100);
}

/** At a constant rate, whatever becomes of those before. Notes when each half of a seat was given back. */
async function giveBack({ inventory, db }: World, { releases, rate_per_s }: Options, given: Map<string, number>): Promise<void> {
  const holds = await db.inventory.query<{ hold_id: string; places: string }>("SELECT hold_id, places FROM seat_hold WHERE hold_id LIKE 'sold-0-%' OR hold_id LIKE 'sold-1-%' ORDER BY created_at LIMIT ?", [releases]);
  const calls: Promise<unknown>[] = [];
  for (const { hold_id, places } of holds) {
    const [, , seat, from] = (JSON.parse(places) as [string, number, number, number, number][])[0]!;
    given.set(`${seat} ${from}`, Date.now());
    calls.push(inventory.releaseHold({ holdId: hold_id, runId: HOT, owner: HoldOwner.ORDER }));
    await sleep(1000 / rate_per_s);

  }
  await Promise.all(calls);
}

/** Open sale goes on: somebody always tries the whole way and a part of it. */
async function buy({ inventory }: World, sale: { on: boolean; bought: number; refused: number }): Promise<void> {
  for (let tried = 0; sale.on; tried += 1) {
    const to = tried % 2 === 0 ? SEGMENTS : HALF;
    const bought = await inventory.holdSeats({ holdId: `rival-${tried}`, runId: HOT, fromStationId: stationOf(0), toStationId: stationOf(to), items: [item(1)], owner: HoldOwner.ORDER, holdTtlMs: HOLD_TTL_MS }).then(() => true, () => false);
    if (bought) sale.bought += 1;
    else sale.refused += 1;
    await sleep(BUYERS_PAUSE_MS);
  }
}

/** From the last release that a match needed to the match; and for each half seat that was matched, how long it was idle. */
function delaysOf(matched: ReadonlyMap<string, readonly { seat: number; from: number; to: number }[]>, served: ReadonlyMap<string, number>, given: ReadonlyMap<string, number>): [delays_ms: number[], idle_ms: number[]] {
  const delays: number[] = [];
  const first = new Map<string, number>();
  for (const [standby_id, seats] of matched) {
    const at_ms = served.get(standby_id);
    if (at_ms === undefined) continue;
    const halves = seats.flatMap(({ seat, from, to }) => [0, HALF].filter((half) => from < half + HALF && half < to).map((half) => `${seat} ${half}`));
    // A part of a seat that was matched before waits for nobody: what is measured is the seat's first match.
    const fresh = halves.filter((half) => !first.has(half) || first.get(half)! > at_ms);
    for (const half of fresh) first.set(half, at_ms);
    const newest = halves.toSorted((left, right) => (given.get(right) ?? 0) - (given.get(left) ?? 0))[0]!;
    if (fresh.includes(newest) && given.has(newest)) delays.push(at_ms - given.get(newest)!);
  }
  return [delays, [...first].flatMap(([half, at_ms]) => (given.has(half) ? [at_ms - given.get(half)!] : []))];
}

function item(number: number) {
  return { itemId: String(number), seatClasses: [SeatClass.SECOND] };
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 100_000) throw new Told(`${name} takes 1 to 100000, not ${text}`, `${name} 取 1 到 100000，不能是 ${text}`);
  return number;
}
