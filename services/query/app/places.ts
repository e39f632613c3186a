import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Station } from '../../../timetable/model.ts';
import type { Catalog } from '../domain/catalog.ts';

/** A station by id, or a whole city by its Chinese name. */
export type PlaceQuery = { station_id?: string | undefined; city_zh?: string | undefined };

/** The stations a place stands for. STATION_UNKNOWN names the field. */
export function stationsOf(catalog: Catalog, place: PlaceQuery, field: string): Result<readonly Station[]> {
  if (place.station_id !== undefined) {
    const station = catalog.stations.get(place.station_id);
    return station === undefined ? unknown(field) : ok([station]);
  }
  if (place.city_zh === undefined) return fieldInvalid(field, 'must name a station or a city');
  const stations = catalog.stations_of_city.get(place.city_zh);
  return stations === undefined ? unknown(field) : ok(stations);
}

/** Both ends of a search. SAME_STATION when they meet in full. */
export function endsOf(catalog: Catalog, from: PlaceQuery, to: PlaceQuery): Result<{ from: readonly Station[]; to: readonly Station[] }> {
  const start = stationsOf(catalog, from, 'from');
  if (!start.ok) return start;
  const end = stationsOf(catalog, to, 'to');
  if (!end.ok) return end;
  const ids = new Set(start.value.map((station) => station.station_id));
  if (end.value.every((station) => ids.has(station.station_id))) return fail('SAME_STATION');
  return ok({ from: start.value, to: end.value });
}

function unknown(field: string): Result<never> {
  return fail('STATION_UNKNOWN', { metadata: { field } });
}
