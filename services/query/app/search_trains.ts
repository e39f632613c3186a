import { fnv1a64 } from '#kit/base/hash.ts';
import { ok, type Result } from '#kit/base/result.ts';
import type { Buyer } from '../domain/buyer.ts';
import type { Catalog } from '../domain/catalog.ts';
import { compareOffers, matches, type Filter, type Sort } from '../domain/filter.ts';
import { offerOf, type ClassOffer, type Offer } from '../domain/offer.ts';
import { nextToken, pageOf } from '../domain/page.ts';
import type { RemainingTable } from '../domain/remaining.ts';
import { checkTravelDate } from '../domain/sale.ts';
import { searchDirect } from '../domain/search.ts';
import { endsOf, type PlaceQuery } from './places.ts';

export type SearchDeps = { catalog: Catalog; remaining: RemainingTable; now_ms: number };

export type TrainSearch = {
  from: PlaceQuery;
  to: PlaceQuery;
  date: string;
  filter: Filter;
  sort: Sort;
  buyer: Buyer;
  page_size: number;
  page_token: string;
};

export type SearchAnswer = { offers: Offer[]; next_page_token: string; checksum: string; stale: boolean };

const PAGES = { fallback: 200, max: 500 };

/** Direct trains with what can be bought, from memory alone. */
export function searchTrains({ catalog, remaining, now_ms }: SearchDeps, search: TrainSearch): Result<SearchAnswer> {
  const date = checkTravelDate(search.date, now_ms);
  if (!date.ok) return date;
  const ends = endsOf(catalog, search.from, search.to);
  if (!ends.ok) return ends;
  const identity = JSON.stringify([search.from, search.to, search.date, search.filter, search.sort, search.buyer, catalog.timetable.version]);
  const page = pageOf(search.page_size, search.page_token, identity, PAGES);
  if (!page.ok) return page;
  const context = { buyer: search.buyer, now_ms, remainingOf: (run_id: string) => remaining.get(run_id), isStale: (bucket: number | undefined) => remaining.isStale(bucket) };
  const offers = searchDirect(catalog, ends.value.from, ends.value.to, search.date)
    .map((found) => offerOf(found, context))
    .filter((offer) => matches(offer, search.filter))
    .toSorted(compareOffers(search.sort));
  const { offset, size } = page.value;
  const shown = offers.slice(offset, offset + size);
  return ok({ offers: shown, next_page_token: nextToken(page.value, offers.length, identity), checksum: checksumOf(shown), stale: shown.some((offer) => offer.stale) });
}

/** Equal pages have equal checksums, whichever replica made them. */
function checksumOf(offers: readonly Offer[]): string {
  const lines = offers.map((offer) => [offer.run.run_id, offer.from_index, offer.to_index, offer.sale_state, ...offer.classes.flatMap(wordsOfClass)].join(' '));
  return fnv1a64(lines.join('\n')).toString(16).padStart(16, '0');
}

function wordsOfClass({ seat_class, remaining, fare_fen, seat_change }: ClassOffer): unknown[] {
  return [seat_class, remaining, fare_fen, ...(seat_change === undefined ? [] : [`change ${seat_change.trips} at ${seat_change.stops.join('/')}`])];
}
