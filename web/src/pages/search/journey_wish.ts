import { readPlace, writePlace } from './place.ts';
import type { ChosenPlace } from './place.ts';
import { isServiceDate } from '#kit/base/time.ts';

/** What a person is looking for. */
export type JourneyWish = { from: ChosenPlace; to: ChosenPlace; date: string; only_high_speed: boolean; student: boolean; /** Journeys with a change of train instead of direct trains. */ transfers?: boolean };

/** The address of its results: it can be kept, shared and reloaded. */
export function wishToSearch({ from, to, date, only_high_speed, student, transfers = false }: JourneyWish): string {
  const search = new URLSearchParams({ from: writePlace(from), to: writePlace(to), date });
  if (only_high_speed) search.set('fast', '1');
  if (student) search.set('student', '1');
  if (transfers) search.set('change', '1');
  return search.toString();
}

/** From an address; undefined when it names no journey. */
export function wishFromSearch(search: URLSearchParams): JourneyWish | undefined {
  const [from, to, date] = [readPlace(search.get('from')), readPlace(search.get('to')), search.get('date') ?? ''];
  if (from === undefined || to === undefined || !isServiceDate(date)) return undefined;
  return { from, to, date, only_high_speed: search.has('fast'), student: search.has('student'), ...(search.has('change') ? { transfers: true } : {}) };
}
