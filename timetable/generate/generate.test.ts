import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { serviceDates } from '../calendar.ts';
import { MAX_SEGMENTS_PER_TRAIN, TRAIN_TYPES } from '../model.ts';
import { coachProblem } from '../seats.ts';
import { greatCircleM } from '../rules/distance.ts';
import { importFeed } from '../import/import.ts';
import { csvText } from './csv.ts';
import { generateTimetable } from './generate.ts';
import { main } from './main.ts';
import { seededRandom } from './random.ts';
import { rushDates } from './services.ts';
import { gtfsTime, writeGtfs } from './write_gtfs.ts';

const timetable = generateTimetable({ seed: 1 });

test('the network is national: 300 stations, 1,500 trains of every class, some past midnight', (t) => {
  t.true(timetable.stations.length >= 300);
  t.true(timetable.trains.length >= 1_500);
  for (const type of TRAIN_TYPES.filter((known) => known !== 'other')) t.true(timetable.trains.some((train) => train.train_type === type), type);
  t.true(timetable.trains.some((train) => train.stops.at(-1)!.arrival_s > 86_400));
  t.true(timetable.trains.some((train) => train.train_type === 'D' && train.coaches.some((c) => c.seat_class === 'soft_sleeper')));
  t.is(new Set(timetable.trains.map((train) => train.train_no)).size, timetable.trains.length);
  t.is(new Set(timetable.stations.map((station) => station.station_id)).size, timetable.stations.length);
});

test('the same seed gives the same bytes, another seed another network', async (t) => {
  const [a, b, c] = [await writeGtfs(timetable), await writeGtfs(generateTimetable({ seed: 1 })), await writeGtfs(generateTimetable({ seed: 2 }))];
  t.true(a.equals(b));
  t.false(a.equals(c));
});

test('every train can be run: times and distances grow, speeds are those of its kind, coaches can be laid out', (t) => {
  const places = new Map(timetable.stations.map((station) => [station.station_id, station]));
  const top_kmh = { G: 310, D: 215, C: 185, Z: 125, T: 115, K: 100, other: 80 };
  for (const train of timetable.trains) {
    t.true(train.stops.length >= 2 && train.stops.length - 1 <= MAX_SEGMENTS_PER_TRAIN, train.train_no);
    for (const entry of train.coaches) t.is(coachProblem(entry), undefined);
    for (let at = 1; at < train.stops.length; at += 1) {
      const [from, to] = [train.stops[at - 1]!, train.stops[at]!];
      const distance_m = to.distance_m - from.distance_m;
      const kmh = (distance_m / (to.arrival_s - from.departure_s)) * 3.6;
      const straight_m = greatCircleM(places.get(from.station_id)!, places.get(to.station_id)!);
      if (!(kmh > 10 && kmh <= top_kmh[train.train_type])) t.fail(`${train.train_no} runs ${kmh} km/h`);
      if (distance_m < straight_m * 0.99) t.fail(`${train.train_no} is shorter than the great circle`);
      if (to.departure_s < to.arrival_s || to.departure_s - to.arrival_s > 20 * 60) t.fail(`${train.train_no} stops too long`);
    }
    const last_s = train.stops.at(-1)!.arrival_s;
    const sleeps = train.coaches.some((c) => c.seat_class === 'soft_sleeper');
    if (!sleeps) t.true(last_s < 86_400, `${train.train_no} has no berths and arrives at ${gtfsTime(last_s)}`);
  }
});

test('trains of the rush run on its forty days only', (t) => {
  const train = timetable.trains.find((known) => known.service.service_id === 'chunyun')!;
  t.deepEqual(serviceDates(train.service, '2026-01-01', '2026-12-31'), rushDates('2026-01-01', '2026-12-31'));
  t.is(rushDates('2026-01-01', '2026-12-31').length, 40);
  t.deepEqual([rushDates('2026-01-01', '2026-12-31')[0], rushDates('2026-01-01', '2026-12-31').at(-1)], ['2026-02-02', '2026-03-13']);
});

test('the random stream depends on its seed and label alone', (t) => {
  const draw = (seed: string): number[] => Array.from({ length: 4 }, ((random) => () => random.next())(seededRandom(seed)));
  t.deepEqual(draw('a'), draw('a'));
  t.notDeepEqual(draw('a'), draw('b'));
  const parent = seededRandom(1);
  const child = parent.fork('x').next();
  parent.next();
  t.is(parent.fork('x').next(), child);
});

test('times run past midnight and cells are quoted where they must be', (t) => {
  t.is(gtfsTime(25 * 3600 + 600), '25:10:00');
  t.is(gtfsTime(59), '00:00:59');
  t.is(csvText(['a', 'b'], [['x,y', 'say "no"'], [1, ' z']]), 'a,b\n"x,y","say ""no"""\n1," z"\n');
  fc.assert(fc.property(fc.string(), (text) => csvText(['a'], [[text]]).endsWith('\n')));
});

test('the command writes a feed that can be imported, and says what is wrong with its arguments', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'chunyun-generate-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const out = join(folder, 'feed.zip');
  const printed: string[] = [];
  const run = (...args: string[]): Promise<number> => main(args, (text) => printed.push(text));
  t.is(await run('--seed', '4', '--scale', '0.05', '--out', out), 0);
  const result = await importFeed(await readFile(out));
  t.true(result.ok && printed[0]!.includes(result.value.version));
  t.is(await run('--help'), 0);
  t.is(await run('--seed', 'x', '--out', out), 2);
  t.is(await run('--scale', '99', '--out', out), 2);
  t.is(await run('--start', '2026-02-30', '--out', out), 2);
  t.is(await run('--nonsense'), 2);
  t.is(await run(), 2);
});
