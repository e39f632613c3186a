import { useCallback, useEffect, useEffectEvent, useState } from 'react';
import { readError } from '../api/errors.ts';
import type { ApiError } from '../api/errors.ts';

export type Loaded<T> = { value?: T; error?: ApiError; loading: boolean; reload: () => void; setValue: (value: T) => void };

/**
 * Reads something when a page opens and again when `key` changes. While it is read again after an error or by wish, the
 * last value stays visible; with another key it goes at once, since it answers another question.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<{ key: string; turn: number; value?: T; error?: ApiError }>();
  const start = useEffectEvent(load);
  useEffect(() => {
    const abort = new AbortController();
    const read = async (): Promise<void> => {
      try {
        const value = await start(abort.signal);
        if (!abort.signal.aborted) setState({ key, turn, value });
      } catch (error) {
        if (!abort.signal.aborted) setState((before) => ({ key, turn, value: before?.key === key ? before.value : undefined, error: readError(error) }));
      }
    };
    void read();
    return () => abort.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const setValue = useCallback((value: T) => setState((before) => before && { ...before, value }), []);
  const current = state?.key === key ? state : undefined;
  const loading = current?.turn !== turn;
  return { value: current?.value, error: loading ? undefined : current?.error, loading, reload, setValue };
}
