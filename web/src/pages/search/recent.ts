import { readPlace, samePlace, writePlace } from './place.ts';
import type { ChosenPlace } from './place.ts';

export type RecentJourney = { from: ChosenPlace; to: ChosenPlace };

/** The last few journeys looked for, newest first. Anything unreadable in the store is forgotten. */
export function readRecent(storage: Storage): RecentJourney[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem(KEY) ?? '[]');
    return Array.isArray(stored) ? stored.slice(0, RECENT_MAX).flatMap(readOne) : [];
  } catch {
    return [];
  }
}

export function addRecent(storage: Storage, journey: RecentJourney): void {
  const others = readRecent(storage).filter(({ from, to }) => !samePlace(from, journey.from) || !samePlace(to, journey.to));
  const kept = [journey, ...others].slice(0, RECENT_MAX);
  storage.setItem(KEY, JSON.stringify(kept.map(({ from, to }) => [writePlace(from), writePlace(to)])));
}

export function clearRecent(storage: Storage): void {
  storage.removeItem(KEY);
}

function readOne(stored: unknown): RecentJourney[] {
  if (!Array.isArray(stored)) return [];
  const [from, to] = stored.map((text) => (typeof text === 'string' ? readPlace(text) : undefined));
  return from === undefined || to === undefined ? [] : [{ from, to }];
}

const KEY = 'chunyun.recent';
const RECENT_MAX = 4;
