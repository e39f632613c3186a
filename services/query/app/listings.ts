import type { Station } from '../../../timetable/model.ts';
import type { Buyer } from '../domain/buyer.ts';
import type { Catalog } from '../domain/catalog.ts';
import { compareOffers } from '../domain/filter.ts';
import { offerOf, type Offer, type OfferContext } from '../domain/offer.ts';
import type { RemainingTable, RunRemaining } from '../domain/remaining.ts';
import { searchDirect } from '../domain/search.ts';

/** All direct trains of a question, before filters, with what can be bought. */
type Listing = { catalog: Catalog; offers: Offer[]; states: (RunRemaining | undefined)[]; changes: number; freshness: number; ends_ms: number };

export type Question = { from: readonly Station[]; to: readonly Station[]; date: string; buyer: Buyer };

/** Offers that are remembered, about 1 KiB each with what is made of them. */
const MAX_OFFERS = 150_000;
/** Questions that were asked once. */
const MAX_ASKED = 50_000;

/**
 * What was offered to a question is made again only where its numbers have changed: an offer is the same object for as
 * long as it says the same, so what others make of it may be kept by it. Nothing here is ever behind the table.
 */
export class Listings {
  readonly #remaining: RemainingTable;
  /** Two generations: what is not asked for while one fills is forgotten with the next. */
  #young = new Map<string, Listing>();
  #old = new Map<string, Listing>();
  #young_offers = 0;
  readonly #asked = new Set<string>();

  constructor(remaining: RemainingTable) {
    this.#remaining = remaining;
  }

  /** By departure, then by train. */
  offersOf(catalog: Catalog, question: Question, now_ms: number): readonly Offer[] {
    const key = keyOf(question);
    const listing = this.#known(key, catalog);
    if (listing === undefined) return this.#make(key, catalog, question, now_ms).offers;
    this.#refresh(listing, question, now_ms);
    return listing.offers;
  }

  #known(key: string, catalog: Catalog): Listing | undefined {
    const young = this.#young.get(key);
    const listing = young ?? this.#old.get(key);
    if (listing === undefined || listing.catalog !== catalog) return undefined;
    if (young === undefined) this.#keep(key, listing);
    return listing;
  }

  #make(key: string, catalog: Catalog, question: Question, now_ms: number): Listing {
    const context = this.#context(question, now_ms);
    const offers = searchDirect(catalog, question.from, question.to, question.date).map((found) => offerOf(found, context)).toSorted(BY_DEPARTURE);
    const listing = { catalog, offers, states: offers.map(({ run }) => this.#remaining.get(run.run_id)), ...this.#now(offers, now_ms) };
    if (this.#wasAsked(key)) this.#keep(key, listing);
    return listing;
  }

  /** Most questions are asked once: what is made for them should not outlive its answer. */
  #wasAsked(key: string): boolean {
    if (this.#asked.has(key)) return true;
    if (this.#asked.size >= MAX_ASKED) this.#asked.clear();
    this.#asked.add(key);
    return false;
  }

  #refresh(listing: Listing, question: Question, now_ms: number): void {
    const { changes, freshness } = this.#remaining;
    const all = listing.freshness !== freshness || now_ms >= listing.ends_ms;
    if (!all && listing.changes === changes) return;
    const context = this.#context(question, now_ms);
    const { offers, states } = listing;
    let made: Offer[] | undefined;
    for (const [index, { run, from_index, to_index }] of offers.entries()) {
      const state = this.#remaining.get(run.run_id);
      if (!all && state === states[index]) continue;
      made ??= [...offers];
      made[index] = offerOf({ run, from_index, to_index }, context);
      states[index] = state;
    }
    if (made !== undefined) listing.offers = made;
    Object.assign(listing, this.#now(listing.offers, now_ms));
  }

  #now(offers: readonly Offer[], now_ms: number): Pick<Listing, 'changes' | 'freshness' | 'ends_ms'> {
    const { changes, freshness } = this.#remaining;
    return { changes, freshness, ends_ms: endOf(offers, now_ms) };
  }

  #keep(key: string, listing: Listing): void {
    this.#young.set(key, listing);
    this.#young_offers += listing.offers.length + 1;
    if (this.#young_offers <= MAX_OFFERS / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#young_offers = 0;
  }

  #context({ buyer }: Question, now_ms: number): OfferContext {
    const remaining = this.#remaining;
    return { buyer, now_ms, remainingOf: (run_id) => remaining.get(run_id), isStale: (state) => remaining.isStale(state) };
  }
}

const BY_DEPARTURE = compareOffers('DEPARTURE', { seat_classes: [], only_available: false });

/** The next moment at which time alone changes an offer: a sale begins, or a train leaves. */
export function endOf(offers: readonly Offer[], now_ms: number): number {
  let ends_ms = Infinity;
  for (const { sale_start_ms, departure_ms } of offers) {
    if (sale_start_ms > now_ms && sale_start_ms < ends_ms) ends_ms = sale_start_ms;
    if (departure_ms > now_ms && departure_ms < ends_ms) ends_ms = departure_ms;
  }
  return ends_ms;
}

function keyOf({ from, to, date, buyer }: Question): string {
  return `${date} ${buyer.channel} ${buyer.passenger_type} ${idsOf(from)} ${idsOf(to)}`;
}

function idsOf(stations: readonly Station[]): string {
  return stations.length === 1 ? stations[0]!.station_id : stations.map(({ station_id }) => station_id).join();
}
