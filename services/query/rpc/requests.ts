import type { Place, SearchTrainsRequest } from '#gen/rail/query/v1/query_pb.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { TrainSearch } from '../app/search_trains.ts';
import type { PlaceQuery } from '../app/places.ts';
import type { Buyer } from '../domain/buyer.ts';
import type { Window } from '../domain/filter.ts';
import { seatClassOf, sortOf, trainTypeOf } from './words.ts';

const DAY_MIN = 1440;
const MAX_NAMES = 50;

/** A search as the domain knows it. FIELD_INVALID for absurd filters, SEAT_CLASS_UNKNOWN for unknown classes. */
export function searchOf(request: SearchTrainsRequest, buyer: Buyer): Result<TrainSearch> {
  const { filter } = request;
  const train_types = (filter?.trainTypes ?? []).map(trainTypeOf);
  const seat_classes = (filter?.seatClasses ?? []).map(seatClassOf);
  const from_station_ids = filter?.fromStationIds ?? [];
  const to_station_ids = filter?.toStationIds ?? [];
  if (train_types.includes(undefined)) return fieldInvalid('filter.train_types', 'names an unknown type');
  if (seat_classes.includes(undefined)) return fail('SEAT_CLASS_UNKNOWN', { metadata: { field: 'filter.seat_classes' } });
  if ([train_types, seat_classes, from_station_ids, to_station_ids].some((names) => names.length > MAX_NAMES)) return fieldInvalid('filter', `names more than ${MAX_NAMES}`);
  const departure = windowOf(filter?.departureFromMin ?? 0, filter?.departureToMin ?? 0);
  const arrival = windowOf(filter?.arrivalFromMin ?? 0, filter?.arrivalToMin ?? 0);
  if (departure === 'absurd' || arrival === 'absurd') return fieldInvalid('filter', 'windows lie within 0 and 1440 minutes, from before to');
  return ok({
    from: placeOf(request.from),
    to: placeOf(request.to),
    date: request.date,
    filter: { train_types: train_types as never[], seat_classes: seat_classes as never[], departure, arrival, only_available: filter?.onlyAvailable ?? false, from_station_ids, to_station_ids },
    sort: sortOf(request.sort) ?? 'DEPARTURE',
    buyer,
    page_size: request.pageSize,
    page_token: request.pageToken,
  });
}

function placeOf(place: Place | undefined): PlaceQuery {
  if (place?.place.case === 'stationId') return { station_id: place.place.value };
  return place?.place.case === 'cityZh' ? { city_zh: place.place.value } : {};
}

function windowOf(from_min: number, to_min: number): Window | undefined | 'absurd' {
  if (from_min === 0 && to_min === 0) return undefined;
  return from_min < to_min && to_min <= DAY_MIN ? { from_min, to_min } : 'absurd';
}
