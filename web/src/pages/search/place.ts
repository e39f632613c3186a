import { create } from '@bufbuild/protobuf';
import { PlaceSchema } from '#gen/rail/query/v1/query_pb.ts';
import type { Place, SuggestStationsResponse_Suggestion as Suggestion } from '#gen/rail/query/v1/query_pb.ts';

/** A chosen end of a journey: a station, or a city for all of its stations. */
export type ChosenPlace = { station_id?: string; name: string; /** As somebody typed it, to be understood by the service. */ typed?: true };

/** As it stands in the address of the results page: `BJP~北京南`, `~北京`, or a name alone, as somebody typed it. */
export function writePlace(place: ChosenPlace): string {
  return place.typed ? place.name : `${place.station_id ?? ''}~${place.name}`;
}

/** Reads what `writePlace` wrote; undefined where nothing is named. */
export function readPlace(text: string | null): ChosenPlace | undefined {
  const tilde = text?.indexOf('~') ?? -1;
  if (text === null || text.trim() === '' || tilde === text.length - 1) return undefined;
  if (tilde < 0) return { name: text.trim(), typed: true };
  const name = text.slice(tilde + 1);
  return tilde === 0 ? { name } : { station_id: text.slice(0, tilde), name };
}

export function samePlace(one: ChosenPlace, other: ChosenPlace): boolean {
  return one.station_id === other.station_id && one.name === other.name;
}

export function toPlace({ station_id, name, typed }: ChosenPlace): Place {
  if (typed) return create(PlaceSchema, { place: { case: 'name', value: name } });
  return create(PlaceSchema, { place: station_id === undefined ? { case: 'cityZh', value: name } : { case: 'stationId', value: station_id } });
}

/** What a refused name may have meant, as the service lists it (`station:BJP:北京南,city:北京`); what cannot be read is left out. */
export function fromCandidates(candidates: string): ChosenPlace[] {
  return candidates.split(',').flatMap((candidate): ChosenPlace[] => {
    const [kind, one, other] = candidate.split(':');
    if (kind === 'city' && one !== undefined && one !== '') return [{ name: one }];
    return kind === 'station' && one !== undefined && other !== undefined ? [{ station_id: one, name: other }] : [];
  });
}

export function fromSuggestion({ place }: Suggestion): ChosenPlace | undefined {
  if (place.case === 'station') return { station_id: place.value.stationId, name: place.value.nameZh };
  return place.case === 'cityZh' ? { name: place.value } : undefined;
}
