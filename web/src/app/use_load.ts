import { useCallback, useEffect, useRef, useState } from 'react';
import { readError } from '../api/errors.ts';
import type { ApiError } from '../api/errors.ts';

export type Loaded<T> = { value?: T; error?: ApiError; loading: boolean; reload: () => void; setValue: (value: T) => void };

/**
 * Reads something when a page opens and again when `key` changes. While it is read again after an error or by wish, the
 * last value stays visible; with another key it goes at once, since it answers another question.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: ApiError; loading: boolean }>({ key, loading: true });
  const [turn, setTurn] = useState(0);
  const newest = useRef(load);
  newest.current = load;
  useEffect(() => {
    const abort = new AbortController();
    setState((before) => ({ key, value: before.key === key ? before.value : undefined, loading: true }));
    newest.current(abort.signal).then(
      (value) => !abort.signal.aborted && setState({ key, value, loading: false }),
      (error: unknown) => !abort.signal.aborted && setState((before) => ({ key, value: before.value, error: readError(error), loading: false })),
    );
    return () => abort.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const setValue = useCallback((value: T) => setState((before) => ({ ...before, value })), []);
  const current = state.key === key ? state : { key, loading: true };
  return { ...current, reload, setValue };
}
