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

/** A place that a name typed in full stands for: a station, or a city for all of its stations. */
export type NamedPlace = { station: Station } | { city: City };

export interface StationIndex {
  entries: readonly Entry[];
  /** By normalised Chinese name, reading and English name; busiest first. */
  places_by_name: ReadonlyMap<string, readonly NamedPlace[]>;
  places_by_initials: ReadonlyMap<string, readonly NamedPlace[]>;
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
const MIN_CHARACTERS_FOR_MISTAKES = 3;

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
  return { entries, ...placesByText(entries) };
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

/**
 * Every place that a name typed in full stands for, busiest first; none where it is no name. A city stands for its
 * stations, also for the one that bears its name. Initials count only where nothing is called so. No guessing: that is
 * what suggestions are for.
 */
export function placesNamed(index: StationIndex, text: string): readonly NamedPlace[] {
  const typed = normalise(text);
  return index.places_by_name.get(typed) ?? index.places_by_initials.get(typed) ?? [];
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
    if (typed.length >= MIN_CHARACTERS_FOR_MISTAKES && isPrefixWithOneMistake(typed, name_zh)) return 'one_mistake';
    return undefined;
  }
  if (station.pinyin.startsWith(typed)) return 'pinyin_prefix';
  if (station.pinyin_initials.startsWith(typed)) return 'initials';
  if (name_en.startsWith(typed)) return 'english';
  if (entry.city_pinyin.startsWith(typed) || normalise(station.city_en).startsWith(typed)) return 'city';
  if (typed.length < MIN_LENGTH_FOR_MISTAKES) return undefined;
  if ([station.pinyin, name_en, entry.city_pinyin].some((word) => isPrefixWithOneMistake(typed, word))) return 'one_mistake';
  return undefined;
}

/** Cities before stations, so that a station which shares a name with its own city is not listed beside it. */
function placesByText(entries: readonly Entry[]): Pick<StationIndex, 'places_by_name' | 'places_by_initials'> {
  const [by_name, by_initials] = [new Map<string, NamedPlace[]>(), new Map<string, NamedPlace[]>()];
  const add = (places: Map<string, NamedPlace[]>, texts: string[], place: NamedPlace): void => {
    for (const text of new Set(texts)) places.set(text, [...(places.get(text) ?? []), place]);
  };
  for (const [city_zh, of_city] of Map.groupBy(entries, (entry) => entry.city_zh)) {
    const { station, city_pinyin } = of_city[0]!;
    const city: City = { city_zh: station.city_zh, city_en: station.city_en, stations: of_city.map((entry) => entry.station) };
    add(by_name, [city_zh, city_pinyin, normalise(station.city_en)], { city });
    add(by_initials, [readingOf(station.city_zh).pinyin_initials], { city });
  }
  const isOfCity = (places: readonly NamedPlace[] | undefined, { station }: Entry): boolean => places?.some((place) => 'city' in place && place.city.stations.includes(station)) === true;
  for (const entry of entries) {
    const { station, name_zh, name_en } = entry;
    const names = [name_zh, station.pinyin, name_en].filter((text) => !isOfCity(by_name.get(text), entry));
    add(by_name, names, { station });
    if (!isOfCity(by_initials.get(station.pinyin_initials), entry)) add(by_initials, [station.pinyin_initials], { station });
  }
  return { places_by_name: by_name, places_by_initials: by_initials };
}

/** Full-width letters, case, spaces, apostrophes and a closing 站 make no difference; ü is v. */
function normalise(text: string): string {
  const plain = text.slice(0, 4 * MAX_QUERY_LENGTH).normalize('NFKC').toLowerCase().replaceAll('ü', 'v').replaceAll(/[\s'’·.-]/g, '');
  return plain.length > 2 && plain.endsWith('站') ? plain.slice(0, -1) : plain;
}

function hasChinese(text: string): boolean {
  return /\p{Script=Han}/u.test(text);
}
