import { create } from '@bufbuild/protobuf';
import { PlaceSchema } from '#gen/rail/query/v1/query_pb.ts';
import type { Place, SuggestStationsResponse_Suggestion as Suggestion } from '#gen/rail/query/v1/query_pb.ts';

/** A chosen end of a journey: a station, or a city for all of its stations. */
export type ChosenPlace = { station_id?: string; name: string };

/** As it stands in the address of the results page: `BJP~北京南` or `~北京`. */
export function writePlace(place: ChosenPlace): string {
  return `${place.station_id ?? ''}~${place.name}`;
}

/** Reads what `writePlace` wrote; undefined for anything else. */
export function readPlace(text: string | null): ChosenPlace | undefined {
  const tilde = text?.indexOf('~') ?? -1;
  if (text === null || tilde < 0 || tilde === text.length - 1) return undefined;
  const name = text.slice(tilde + 1);
  return tilde === 0 ? { name } : { station_id: text.slice(0, tilde), name };
}

export function samePlace(one: ChosenPlace, other: ChosenPlace): boolean {
  return one.station_id === other.station_id && one.name === other.name;
}

export function toPlace({ station_id, name }: ChosenPlace): Place {
  return create(PlaceSchema, { place: station_id === undefined ? { case: 'cityZh', value: name } : { case: 'stationId', value: station_id } });
}

export function fromSuggestion({ place }: Suggestion): ChosenPlace | undefined {
  if (place.case === 'station') return { station_id: place.value.stationId, name: place.value.nameZh };
  return place.case === 'cityZh' ? { name: place.value } : undefined;
}
