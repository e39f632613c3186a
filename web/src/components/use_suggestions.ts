import { useEffect, useState } from 'react';
import type { SuggestStationsResponse_Suggestion as Suggestion } from '#gen/rail/query/v1/query_pb.ts';
import { useApi } from '../app/api_context.ts';

/** Stations and cities for what is typed, a moment after the last key; until they are there, those of the text before. Undefined while nothing is known. */
export function useSuggestions(typed: string): Suggestion[] | undefined {
  const { query } = useApi();
  const [answered, setAnswered] = useState('');
  const text = typed.trim().slice(0, TEXT_MAX);
  useEffect(() => {
    if (text === '' || cache.has(text)) return;
    const abort = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        const { suggestions } = await query.suggestStations({ text, limit: LIMIT }, { signal: abort.signal });
        if (cache.size >= CACHE_MAX) cache.clear();
        cache.set(text, suggestions);
        setAnswered(text);
      } catch {
        // The next key asks again; until then the list stays as it is.
      }
    };
    const timer = setTimeout(() => void ask(), QUIET_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [query, text]);
  return text === '' ? undefined : (cache.get(text) ?? cache.get(answered));
}

const cache = new Map<string, Suggestion[]>();
const CACHE_MAX = 200;
const TEXT_MAX = 32;
const LIMIT = 8;
/** Fast typing must not use up the limit of three calls a second. */
const QUIET_MS = 220;
