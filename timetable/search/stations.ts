import { compareText } from '../checksum.ts';
import type { Station, Timetable } from '../model.ts';
import { readingOf } from '../rules/pinyin.ts';
import { isPrefixWithOneMistake } from './typing.ts';

/** How a station was found, best first; the order is the ranking. */
export const MATCHES = [
  'exact', 'name_prefix', 'pinyin_prefix', 'initials', 'english', 'city', 'name_part', 'sounds_alike', 'one_mistake',
] as const;
export type Match = (typeof MATCHES)[number];

export interface Suggestion {
  station: Station;
  match: Match;
}

/** A city and its stations, busiest first. */
export interface City {
  city_zh: string;
  city_en: string;
  stations: Station[];
}

/** What a place typed in full means: a station, a city, or both (北京 is a station and a city). */
export interface Place {
  station?: Station;
  city?: City;
}

export interface StationIndex {
  entries: readonly Entry[];
  /** By exact normalised text: Chinese name, reading, English name. */
  station_by_text: ReadonlyMap<string, Station>;
  city_by_text: ReadonlyMap<string, City>;
}

interface Entry {
  station: Station;
  /** Calls of trains at all stations of the city, and at this one. */
  city_calls: number;
  calls: number;
  name_zh: string;
  name_en: string;
  city_zh: string;
  city_pinyin: string;
}

export const DEFAULT_SUGGESTIONS = 10;
export const MAX_SUGGESTIONS = 50;
/** Longer input is no name of a place. */
export const MAX_QUERY_LENGTH = 48;
/** Shorter input is one mistake away from nearly everything. */
const MIN_LENGTH_FOR_MISTAKES = 4;

/** Built once per timetable version. Stations of busier cities, then busier stations, rank first among equals. */
export function buildStationIndex(timetable: Pick<Timetable, 'stations' | 'trains'>): StationIndex {
  const calls = new Map<string, number>();
  for (const train of timetable.trains) {
    for (const stop of train.stops) calls.set(stop.station_id, (calls.get(stop.station_id) ?? 0) + 1);
  }
  const city_calls = new Map<string, number>();
  for (const { station_id, city_zh } of timetable.stations) {
    city_calls.set(city_zh, (city_calls.get(city_zh) ?? 0) + (calls.get(station_id) ?? 0));
  }
  const entries = timetable.stations
    .map((station) => ({
      station,
      city_calls: city_calls.get(station.city_zh) ?? 0,
      calls: calls.get(station.station_id) ?? 0,
      name_zh: normalise(station.name_zh),
      name_en: normalise(station.name_en),
      city_zh: normalise(station.city_zh),
      city_pinyin: normalise(readingOf(station.city_zh).pinyin),
    }))
    .toSorted(busierFirst);
  return { entries, station_by_text: stationTexts(entries), city_by_text: cityTexts(entries) };
}

/**
 * Stations for what a traveller has typed so far: Chinese, reading, initials, English, a mix of Chinese and letters,
 * a homophone, or one typing error. Deterministic: by kind of match, then busier city, busier station, id.
 */
export function suggestStations(index: StationIndex, query: string, limit = DEFAULT_SUGGESTIONS): Suggestion[] {
  const typed = normalise(query);
  if (typed === '' || typed.length > MAX_QUERY_LENGTH) return [];
  const letters = hasChinese(typed) ? normalise(readingOf(typed).pinyin) : typed;
  const found: { entry: Entry; rank: number }[] = [];
  for (const entry of index.entries) {
    const match = matchOf(entry, typed, letters);
    if (match !== undefined) found.push({ entry, rank: MATCHES.indexOf(match) });
  }
  found.sort((a, b) => a.rank - b.rank || busierFirst(a.entry, b.entry));
  const size = Math.max(0, Math.min(limit, MAX_SUGGESTIONS));
  return found.slice(0, size).map(({ entry, rank }) => ({ station: entry.station, match: MATCHES[rank]! }));
}

/** What a name typed in full stands for; undefined when it is no name. No guessing: that is what suggestions are for. */
export function resolvePlace(index: StationIndex, text: string): Place | undefined {
  const typed = normalise(text);
  const station = index.station_by_text.get(typed);
  const city = index.city_by_text.get(typed);
  if (station === undefined && city === undefined) return undefined;
  return { ...(station === undefined ? {} : { station }), ...(city === undefined ? {} : { city }) };
}

function busierFirst(a: Entry, b: Entry): number {
  return b.city_calls - a.city_calls || b.calls - a.calls || compareText(a.station.station_id, b.station.station_id);
}

function matchOf(entry: Entry, typed: string, letters: string): Match | undefined {
  const { station, name_zh, name_en } = entry;
  if (typed === name_zh || typed === station.pinyin || typed === name_en) return 'exact';
  if (hasChinese(typed)) {
    if (name_zh.startsWith(typed)) return 'name_prefix';
    if (entry.city_zh.startsWith(typed)) return 'city';
    if (name_zh.includes(typed)) return 'name_part';
    if (letters !== '' && station.pinyin.startsWith(letters)) return 'sounds_alike';
    return undefined;
  }
  if (station.pinyin.startsWith(typed)) return 'pinyin_prefix';
  if (station.pinyin_initials.startsWith(typed)) return 'initials';
  if (name_en.startsWith(typed)) return 'english';
  if (entry.city_pinyin.startsWith(typed) || normalise(station.city_en).startsWith(typed)) return 'city';
  if (typed.length < MIN_LENGTH_FOR_MISTAKES) return undefined;
  if (isPrefixWithOneMistake(typed, station.pinyin) || isPrefixWithOneMistake(typed, name_en)) return 'one_mistake';
  return undefined;
}

/** Entries come busiest first, so the first to claim a text keeps it (福州 before 抚州 for "fuzhou"). */
function stationTexts(entries: readonly Entry[]): Map<string, Station> {
  const texts = new Map<string, Station>();
  for (const { station, name_zh } of entries) if (!texts.has(name_zh)) texts.set(name_zh, station);
  for (const { station, name_en } of entries) {
    for (const text of [station.pinyin, name_en]) if (!texts.has(text)) texts.set(text, station);
  }
  return texts;
}

function cityTexts(entries: readonly Entry[]): Map<string, City> {
  const cities = new Map<string, City>();
  for (const { station, city_zh } of entries) {
    const city = cities.get(city_zh) ?? { city_zh: station.city_zh, city_en: station.city_en, stations: [] };
    city.stations.push(station);
    cities.set(city_zh, city);
  }
  const texts = new Map(cities);
  for (const { station, city_zh, city_pinyin } of entries) {
    for (const text of [city_pinyin, normalise(station.city_en)]) if (!texts.has(text)) texts.set(text, cities.get(city_zh)!);
  }
  return texts;
}

/** Full-width letters, case, spaces, apostrophes and a closing 站 make no difference; ü is v. */
function normalise(text: string): string {
  const plain = text.slice(0, 4 * MAX_QUERY_LENGTH).normalize('NFKC').toLowerCase().replaceAll('ü', 'v').replaceAll(/[\s'’·.-]/g, '');
  return plain.length > 2 && plain.endsWith('站') ? plain.slice(0, -1) : plain;
}

function hasChinese(text: string): boolean {
  return /\p{Script=Han}/u.test(text);
}
