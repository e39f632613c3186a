import { fnv1a64 } from '#kit/base/hash.ts';
import { ok, type Result } from '#kit/base/result.ts';
import type { Buyer } from '../domain/buyer.ts';
import type { Catalog } from '../domain/catalog.ts';
import { compareOffers, matches, type Filter, type Sort } from '../domain/filter.ts';
import type { ClassOffer, Offer } from '../domain/offer.ts';
import { nextToken, pageOf } from '../domain/page.ts';
import { checkTravelDate } from '../domain/sale.ts';
import type { Listings } from './listings.ts';
import { endsOf, type Narrowing, type PlaceQuery } from './places.ts';

export type SearchDeps = { catalog: Catalog; listings: Listings; now_ms: number };

export type TrainSearch = {
  from: PlaceQuery;
  to: PlaceQuery;
  date: string;
  filter: Filter;
  narrowing: Narrowing;
  sort: Sort;
  buyer: Buyer;
  page_size: number;
  page_token: string;
};

export type SearchAnswer = { offers: Offer[]; next_page_token: string; checksum: string; stale: boolean };

const PAGES = { fallback: 200, max: 500 };

/** Direct trains with what can be bought, from memory alone. */
export function searchTrains({ catalog, listings, now_ms }: SearchDeps, search: TrainSearch): Result<SearchAnswer> {
  const date = checkTravelDate(search.date, now_ms);
  if (!date.ok) return date;
  const ends = endsOf(catalog, search, search.narrowing);
  if (!ends.ok) return ends;
  const identity = (): string => JSON.stringify([search.from, search.to, search.date, search.filter, search.narrowing, search.sort, search.buyer, catalog.timetable.version]);
  const page = pageOf(search.page_size, search.page_token, identity, PAGES);
  if (!page.ok) return page;
  const offers = listings
    .offersOf(catalog, { ...ends.value, date: search.date, buyer: search.buyer }, now_ms)
    .filter((offer) => matches(offer, search.filter))
    .toSorted(compareOffers(search.sort, search.filter));
  const { offset, size } = page.value;
  const shown = offers.slice(offset, offset + size);
  return ok({ offers: shown, next_page_token: nextToken(page.value, offers.length, identity), checksum: checksumOf(shown), stale: shown.some((offer) => offer.stale) });
}

/** Equal pages have equal checksums, whichever replica made them. */
export function checksumOf(offers: readonly Offer[]): string {
  let text = '';
  for (const offer of offers) text += wordsOf(offer);
  return fnv1a64(text).toString(16).padStart(16, '0');
}

function wordsOf({ run, from_index, to_index, sale_state, classes, made }: Offer): string {
  if (made.words !== undefined) return made.words;
  let words = `${run.run_id} ${from_index} ${to_index} ${sale_state}`;
  for (const entry of classes) words += wordsOfClass(entry);
  words += '\n';
  made.words = words;
  return words;
}

function wordsOfClass({ seat_class, remaining, fare_fen, seat_change }: ClassOffer): string {
  const words = ` ${seat_class} ${remaining} ${fare_fen}`;
  return seat_change === undefined ? words : `${words} change ${seat_change.trips} at ${seat_change.stops.join('/')}`;
}
