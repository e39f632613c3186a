/** What a stack needs to be of use once its services run: a timetable, and seats on sale. */
import type { Say } from '../say.ts';

export type SeedInput = {
  /** The environment of a tool of the stack: every <NAME>_ADDRESS, <NAME>_URL and PUBLIC_URL, and CALLER_KEY. */
  env: Readonly<Record<string, string>>;
  /** A GTFS zip to import instead of the network that the product generates. */
  feed: string | undefined;
  tell: Say;
  signal: AbortSignal;
};

/** Puts the timetable in place; one that is there already, from the same feed, stays. */
export async function importTimetable(_input: SeedInput): Promise<void> {}

/** Opens the runs of the sale window for sale; those that are open stay. */
export async function openSales(_input: SeedInput): Promise<void> {}
