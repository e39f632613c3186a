import { useState } from 'react';
import { useLoad } from './use_load.ts';
import type { ApiError } from '../api/errors.ts';

type Page<T> = { items: T[]; next: string };
export type Pages<T> = { items?: T[]; error?: ApiError; loading: boolean; reload: () => void; more?: () => void };

/** A list that comes in pages; `more` is there while there is more. */
export function usePages<T>(key: string, load: (page_token: string, signal: AbortSignal) => Promise<Page<T>>): Pages<T> {
  const [wanted, setWanted] = useState(1);
  const { value, ...rest } = useLoad(`${key} ${wanted}`, async (signal) => {
    // Read from the start: a list that grew meanwhile must not show an entry twice.
    const items: T[] = [];
    let next = '';
    for (let page = 0; page < wanted; page += 1) {
      const answer = await load(next, signal);
      items.push(...answer.items);
      next = answer.next;
      if (next === '') break;
    }
    return { items, next };
  });
  const [shown, setShown] = useState<Page<T>>();
  if (value !== undefined && value !== shown) setShown(value);
  const current = value ?? shown;
  return { ...rest, items: current?.items, more: current === undefined || current.next === '' ? undefined : () => setWanted(wanted + 1) };
}
