import type { Place, SearchTrainsRequest, SearchTransfersRequest } from '#gen/rail/query/v1/query_pb.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { PlaceQuery } from '../app/places.ts';
import type { TrainSearch } from '../app/search_trains.ts';
import type { TransferSearch } from '../app/search_transfers.ts';
import type { Buyer } from '../domain/buyer.ts';
import type { Window } from '../domain/filter.ts';
import { seatClassOf, sortOf, trainTypeOf } from './words.ts';

const DAY_MIN = 1440;
const MAX_NAMES = 50;

/** A search as the domain knows it. FIELD_INVALID for absurd filters, SEAT_CLASS_UNKNOWN for unknown classes. */
export function searchOf(request: Omit<SearchTrainsRequest | SearchTransfersRequest, '$typeName'>, buyer: Buyer): Result<TrainSearch> {
  const { filter } = request;
  const train_types = (filter?.trainTypes ?? []).map(trainTypeOf);
  const seat_classes = (filter?.seatClasses ?? []).map(seatClassOf);
  const from_station_ids = filter?.fromStationIds ?? [];
  const to_station_ids = filter?.toStationIds ?? [];
  const sort = request.sort === 0 ? 'DEPARTURE' : sortOf(request.sort);
  if (train_types.includes(undefined)) return fieldInvalid('filter.train_types', 'names an unknown type');
  if (seat_classes.includes(undefined)) return fail('SEAT_CLASS_UNKNOWN', { metadata: { field: 'filter.seat_classes' } });
  if ([train_types, seat_classes, from_station_ids, to_station_ids].some((names) => names.length > MAX_NAMES)) return fieldInvalid('filter', `names more than ${MAX_NAMES}`);
  if (sort === undefined) return fieldInvalid('sort', 'is unknown');
  const departure = windowOf(filter?.departureFromMin ?? 0, filter?.departureToMin ?? 0);
  const arrival = windowOf(filter?.arrivalFromMin ?? 0, filter?.arrivalToMin ?? 0);
  if (departure === 'absurd' || arrival === 'absurd') return fieldInvalid('filter', 'windows lie within 0 and 1440 minutes, from before to');
  return ok({
    from: placeOf(request.from),
    to: placeOf(request.to),
    date: request.date,
    filter: { train_types: train_types as never[], seat_classes: seat_classes as never[], departure, arrival, only_available: filter?.onlyAvailable ?? false },
    narrowing: { from_station_ids, to_station_ids },
    sort,
    buyer,
    page_size: request.pageSize,
    page_token: request.pageToken,
  });
}

export function transferSearchOf(request: SearchTransfersRequest, buyer: Buyer): Result<TransferSearch> {
  const search = searchOf(request, buyer);
  return search.ok ? ok({ ...search.value, min_connection_min: request.minConnectionMin }) : search;
}

function placeOf(place: Place | undefined): PlaceQuery {
  if (place?.place.case === 'stationId') return { station_id: place.place.value };
  if (place?.place.case === 'name') return { name: place.place.value };
  return place?.place.case === 'cityZh' ? { city_zh: place.place.value } : {};
}

function windowOf(from_min: number, to_min: number): Window | undefined | 'absurd' {
  if (from_min === 0 && to_min === 0) return undefined;
  return from_min < to_min && to_min <= DAY_MIN ? { from_min, to_min } : 'absurd';
}
