import { useEffect, useState } from 'react';
import type { SuggestStationsResponse_Suggestion as Suggestion } from '#gen/rail/query/v1/query_pb.ts';
import { useApi } from '../app/api_context.ts';

/** Stations and cities for what is typed, a moment after the last key. Undefined while nothing is known. */
export function useSuggestions(typed: string): Suggestion[] | undefined {
  const { query } = useApi();
  const [found, setFound] = useState<{ text: string; suggestions: Suggestion[] }>();
  const text = typed.trim().slice(0, TEXT_MAX);
  useEffect(() => {
    if (text === '') return setFound(undefined);
    const known = cache.get(text);
    if (known !== undefined) return setFound({ text, suggestions: known });
    const abort = new AbortController();
    const timer = setTimeout(() => {
      query.suggestStations({ text, limit: LIMIT }, { signal: abort.signal }).then(
        ({ suggestions }) => {
          if (cache.size >= CACHE_MAX) cache.clear();
          cache.set(text, suggestions);
          setFound({ text, suggestions });
        },
        // The next key asks again; until then the list stays as it is.
        () => {},
      );
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [query, text]);
  return text === '' ? undefined : found?.suggestions;
}

const cache = new Map<string, Suggestion[]>();
const CACHE_MAX = 200;
const TEXT_MAX = 32;
const LIMIT = 8;
/** Fast typing must not use up the limit of three calls a second. */
const QUIET_MS = 220;
