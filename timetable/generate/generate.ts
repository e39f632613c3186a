import { timetableOf } from '../checksum.ts';
import type { ServiceCalendar, Station, Timetable, Train, TrainType } from '../model.ts';
import { GAZETTEER } from '../rules/city.ts';
import { consistById, consistFor, type Consist } from '../rules/coaches.ts';
import { stationNames } from '../rules/station_names.ts';
import { dailyFlows, type Flow } from './demand.ts';
import { reversed } from './network.ts';
import { seededRandom, type Random } from './random.ts';
import { chooseStops, departureOf, schedule } from './schedule.ts';
import { services, type ServiceName } from './services.ts';

export interface GenerateOptions {
  seed: number;
  /** First and last date of the timetable, `YYYY-MM-DD`. */
  start_date?: string;
  end_date?: string;
  /** Multiplies the traffic: 1 is about two thousand trains, 5 the size of the whole country, tests use little. */
  scale?: number;
}

export const DEFAULT_START_DATE = '2026-01-01';
export const DEFAULT_END_DATE = '2028-12-31';
export const PUBLISHER_NAME = 'Chunyun timetable generator';
export const PUBLISHER_URL = 'https://chunyun.example.com';

/** A national network of our own. The same options give the same timetable, to the last minute, on any machine. */
export function generateTimetable(options: GenerateOptions): Timetable {
  const start_date = options.start_date ?? DEFAULT_START_DATE;
  const end_date = options.end_date ?? DEFAULT_END_DATE;
  const scale = options.scale ?? 1;
  const random = seededRandom(options.seed);
  const station_ids = stationIds();
  const numbers = new TrainNumbers();
  const calendars = services(start_date, end_date);
  const trains = dailyFlows(random.fork('demand'), scale).flatMap((flow, at) =>
    trainsOfFlow(flow, random.fork(`flow ${at}`), { station_ids, numbers, calendars }),
  );
  const feed = {
    publisher_name: PUBLISHER_NAME,
    publisher_url: PUBLISHER_URL,
    lang: 'zh',
    feed_version: `seed-${options.seed}${scale === 1 ? '' : `-scale-${scale}`}`,
    start_date,
    end_date,
  };
  return timetableOf(feed, stationsServed(trains, station_ids), trains);
}

interface Parts {
  station_ids: ReadonlyMap<string, string>;
  numbers: TrainNumbers;
  calendars: Record<ServiceName, ServiceCalendar>;
}

/** Every train of a flow, out and back in turn, so that the two directions get an odd and an even number. */
function trainsOfFlow(flow: Flow, random: Random, parts: Parts): Train[] {
  const trains: Train[] = [];
  const paths = [flow.path, reversed(flow.path)];
  for (let n = 0; n < flow.trains_a_day; n += 1) {
    const service = parts.calendars[serviceOf(random)];
    const pair_no = parts.numbers.nextPair(flow.train_type);
    for (const [direction, path] of paths.entries()) {
      const stops_at = chooseStops(path, flow.train_type, flow.sleeper, random);
      const at = (departure_s: number) =>
        schedule(path, stops_at, flow.train_type, departure_s, (name) => parts.station_ids.get(name)!, random.fork(`run ${n} ${direction}`));
      const duration_s = at(0).at(-1)!.arrival_s;
      const departure_s = departureOf(flow.train_type, flow.sleeper, duration_s, n, flow.trains_a_day, random);
      if (departure_s === undefined) continue;
      const stops = at(departure_s);
      const train_no = `${flow.train_type}${pair_no + direction}`;
      const { coaches, standing_capacity } = consistOf(flow, stops, random);
      trains.push({ train_id: train_no, train_no, train_type: flow.train_type, stops, coaches, standing_capacity, service });
    }
  }
  return trains;
}

/** Mostly what the rule says; some short trains run doubled, as on busy days. */
function consistOf(flow: Flow, stops: Train['stops'], random: Random): Consist {
  if (flow.sleeper) return consistById('D16S');
  if (flow.train_type === 'G' && random.chance(0.15)) return consistById('G16');
  if (flow.train_type === 'D' && random.chance(0.1)) return consistById('D16');
  return consistFor(flow.train_type, stops);
}

function serviceOf(random: Random): ServiceName {
  const draw = random.next();
  if (draw < 0.88) return 'daily';
  if (draw < 0.93) return 'weekend';
  return draw < 0.96 ? 'weekday' : 'chunyun';
}

/** Odd out, even back, counted up within each letter. */
class TrainNumbers {
  readonly #next = new Map<TrainType, number>();

  nextPair(train_type: TrainType): number {
    const odd = this.#next.get(train_type) ?? 1;
    this.#next.set(train_type, odd + 2);
    return odd;
  }
}

function stationsServed(trains: readonly Train[], station_ids: ReadonlyMap<string, string>): Station[] {
  const served = new Set(trains.flatMap((train) => train.stops.map((stop) => stop.station_id)));
  const stations: Station[] = [];
  for (const [name_zh, station_id] of station_ids) {
    if (!served.has(station_id)) continue;
    const { lat, lon } = GAZETTEER.get(name_zh)!;
    stations.push({ station_id, ...stationNames(name_zh), lat, lon });
  }
  return stations;
}

/** The reading, with a number where two places are read alike (福州 and 抚州). */
function stationIds(): Map<string, string> {
  const ids = new Map<string, string>();
  const taken = new Set<string>();
  for (const name_zh of GAZETTEER.keys()) {
    const { pinyin } = stationNames(name_zh);
    let station_id = pinyin;
    for (let n = 2; taken.has(station_id); n += 1) station_id = `${pinyin}${n}`;
    taken.add(station_id);
    ids.set(name_zh, station_id);
  }
  return ids;
}
