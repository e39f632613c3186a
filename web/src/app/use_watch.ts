import { useEffect, useRef, useState } from 'react';
import { readError } from '../api/errors.ts';
import type { ApiError } from '../api/errors.ts';
import { watch } from '../api/watch.ts';
import type { WatchParts } from '../api/watch.ts';

export type Watched<T> = { value?: T; error?: ApiError; live: boolean };

/** Follows something while the page is open; `key` undefined means nothing yet, another key another thing, anew. */
export function useWatch<T>(key: string | undefined, parts: Omit<WatchParts<T>, 'signal' | 'onLive'>): Watched<T> {
  const [state, setState] = useState<Watched<T> & { key?: string }>({ live: false });
  const newest = useRef(parts);
  newest.current = parts;
  useEffect(() => {
    if (key === undefined) return;
    const abort = new AbortController();
    setState({ key, live: false });
    const follow = async (): Promise<void> => {
      const onLive = (live: boolean): void => {
        if (!abort.signal.aborted) setState((before) => (before.live === live ? before : { ...before, live }));
      };
      for await (const value of watch({ ...newest.current, signal: abort.signal, onLive })) {
        if (!abort.signal.aborted) setState((before) => ({ ...before, value, error: undefined }));
      }
    };
    follow().catch((error: unknown) => !abort.signal.aborted && setState((before) => ({ ...before, live: false, error: readError(error) })));
    return () => abort.abort();
  }, [key]);
  return state.key === key ? state : { live: false };
}
