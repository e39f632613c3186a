import { useEffect, useEffectEvent, useState } from 'react';
import { readError } from '../api/errors.ts';
import type { ApiError } from '../api/errors.ts';
import { watch } from '../api/watch.ts';
import type { WatchParts } from '../api/watch.ts';

/** `live` is undefined until it is known whether a stream can be had. */
export type Watched<T> = { value?: T; error?: ApiError; live?: boolean };

/** Follows something while the page is open; another key means another thing, anew. */
export function useWatch<T>(key: string, parts: Omit<WatchParts<T>, 'signal' | 'onLive'>): Watched<T> {
  const [state, setState] = useState<Watched<T> & { key: string }>();
  const newest = useEffectEvent(() => parts);
  useEffect(() => {
    const abort = new AbortController();
    const tell = (news: Partial<Watched<T>>): void => {
      if (!abort.signal.aborted) setState((before) => ({ ...(before?.key === key ? before : {}), ...news, key }));
    };
    const follow = async (): Promise<void> => {
      try {
        for await (const value of watch({ ...newest(), signal: abort.signal, onLive: (live) => tell({ live }) })) tell({ value, error: undefined });
      } catch (error) {
        tell({ live: false, error: readError(error) });
      }
    };
    void follow();
    return () => abort.abort();
  }, [key]);
  return state?.key === key ? state : {};
}
