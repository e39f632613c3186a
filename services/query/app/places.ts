import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Station } from '../../../timetable/model.ts';
import { placesNamed, suggestStations, type NamedPlace } from '../../../timetable/search/stations.ts';
import type { Catalog } from '../domain/catalog.ts';

/** A station by id, a whole city by its Chinese name, or either as a person types it in full. */
export type PlaceQuery = { station_id?: string | undefined; city_zh?: string | undefined; name?: string | undefined };

/** Longer is no name of a place. */
export const MAX_NAME_LENGTH = 32;
/** What may have been meant, at most. */
const MAX_CANDIDATES = 8;

/** The stations a place stands for. STATION_UNKNOWN and STATION_AMBIGUOUS name the field, and what may have been meant. */
export function stationsOf(catalog: Catalog, { station_id, city_zh, name }: PlaceQuery, field: string): Result<readonly Station[]> {
  if (station_id !== undefined) {
    const station = catalog.stations.get(station_id);
    return station === undefined ? fail('STATION_UNKNOWN', { metadata: { field } }) : ok([station]);
  }
  if (city_zh !== undefined) {
    const stations = catalog.stations_of_city.get(city_zh);
    return stations === undefined ? unknownName(catalog, city_zh, field) : ok(stations);
  }
  return name === undefined ? fieldInvalid(field, 'must name a station or a city') : stationsNamed(catalog, name, field);
}

/** Stations that a search begins or ends at, of those its places stand for; any of them where empty. */
export type Narrowing = { from_station_ids: readonly string[]; to_station_ids: readonly string[] };

/** Both ends of a search. SAME_STATION when they meet in full; FIELD_INVALID for a narrowing to a station that is not of the place. */
export function endsOf(catalog: Catalog, { from, to }: { from: PlaceQuery; to: PlaceQuery }, narrowing: Narrowing): Result<{ from: readonly Station[]; to: readonly Station[] }> {
  const start = stationsOf(catalog, from, 'from');
  if (!start.ok) return start;
  const end = stationsOf(catalog, to, 'to');
  if (!end.ok) return end;
  const ids = new Set(start.value.map((station) => station.station_id));
  if (end.value.every((station) => ids.has(station.station_id))) return fail('SAME_STATION');
  const from_stations = narrowed(start.value, narrowing.from_station_ids, 'filter.from_station_ids');
  if (!from_stations.ok) return from_stations;
  const to_stations = narrowed(end.value, narrowing.to_station_ids, 'filter.to_station_ids');
  return to_stations.ok ? ok({ from: from_stations.value, to: to_stations.value }) : to_stations;
}

function narrowed(stations: readonly Station[], station_ids: readonly string[], field: string): Result<readonly Station[]> {
  if (station_ids.length === 0) return ok(stations);
  const wanted = new Set(station_ids);
  const kept = stations.filter((station) => wanted.has(station.station_id));
  return kept.length === wanted.size ? ok(kept) : fieldInvalid(field, 'names a station that is not of the place');
}

/** Stations, with the city of several stations before the first of its own, once. */
export function withCities(catalog: Catalog, stations: readonly Station[]): NamedPlace[] {
  const named = new Set<string>();
  return stations.flatMap((station): NamedPlace[] => {
    const { city_zh, city_en } = station;
    const of_city = catalog.stations_of_city.get(city_zh) ?? [];
    if (of_city.length < 2 || named.has(city_zh)) return [{ station }];
    named.add(city_zh);
    return [{ city: { city_zh, city_en, stations: [...of_city] } }, { station }];
  });
}

function stationsNamed(catalog: Catalog, name: string, field: string): Result<readonly Station[]> {
  if (name.length > MAX_NAME_LENGTH) return fieldInvalid(field, `a name has at most ${MAX_NAME_LENGTH} characters`);
  const places = placesNamed(catalog.index, name);
  const [place] = places;
  if (place === undefined) return unknownName(catalog, name, field);
  if (places.length > 1) return fail('STATION_AMBIGUOUS', { metadata: { field, candidates: candidatesOf(places) } });
  return ok('city' in place ? place.city.stations : [place.station]);
}

function unknownName(catalog: Catalog, name: string, field: string): Result<never> {
  const similar = suggestStations(catalog.index, name.slice(0, MAX_NAME_LENGTH), MAX_CANDIDATES).map(({ station }) => station);
  return fail('STATION_UNKNOWN', { metadata: { field, candidates: candidatesOf(withCities(catalog, similar)) } });
}

/** As the contract writes them. A name with a separator in it could not be read back, so it is left out. */
function candidatesOf(places: readonly NamedPlace[]): string {
  const words = places.map((place) => ('city' in place ? ['city', place.city.city_zh] : ['station', place.station.station_id, place.station.name_zh]));
  return words.filter((word) => word.every((part) => !/[:,]/.test(part))).slice(0, MAX_CANDIDATES).map((word) => word.join(':')).join(',');
}
