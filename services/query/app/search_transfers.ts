import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { MAX_CONNECTION_MIN } from '../../../timetable/rules/connection.ts';
import { compareTransfers, undominated, type Candidate } from '../domain/best_transfers.ts';
import type { Catalog } from '../domain/catalog.ts';
import { askedClasses, canBeBought, fitsTrain, lowestFare, within, type Filter } from '../domain/filter.ts';
import { offerOf, type Offer, type OfferContext } from '../domain/offer.ts';
import { nextToken, pageOf } from '../domain/page.ts';
import type { RemainingTable, RunRemaining } from '../domain/remaining.ts';
import { checkTravelDate } from '../domain/sale.ts';
import { connectionsOf, firstLegs, secondLegs, type Connection, type Ends, type Leg } from '../domain/transfers.ts';
import { endsOf } from './places.ts';
import { checksumOf, type TrainSearch } from './search_trains.ts';

export type TransferSearch = TrainSearch & {
  /** How long one wants to have between the trains at least; 0 for what the stations need. */
  min_connection_min: number;
};

export type Transfer = Candidate & { offers: [Offer, Offer] };

export type TransferAnswer = { transfers: Transfer[]; next_page_token: string; checksum: string; stale: boolean };

/** A ride with what can be bought on it; undefined where it is not what is asked for. */
type PricedLeg = Leg & { priced: () => Priced | undefined };
type Priced = { offer: Offer; fare_fen: number; available: boolean };

const PAGES = { fallback: 20, max: 100 };

/** Journeys with one change of train that no other betters, with what can be bought on both trains; from memory alone. */
export function searchTransfers({ catalog, remaining, now_ms }: { catalog: Catalog; remaining: RemainingTable; now_ms: number }, search: TransferSearch): Result<TransferAnswer> {
  const date = checkTravelDate(search.date, now_ms);
  if (!date.ok) return date;
  if (search.min_connection_min > MAX_CONNECTION_MIN) return fieldInvalid('min_connection_min', `is at most ${MAX_CONNECTION_MIN}`);
  const places = endsOf(catalog, search, search.narrowing);
  if (!places.ok) return places;
  const identity = (): string => JSON.stringify([search.from, search.to, search.date, search.filter, search.narrowing, search.sort, search.buyer, search.min_connection_min, catalog.timetable.version]);
  const page = pageOf(search.page_size, search.page_token, identity, PAGES);
  if (!page.ok) return page;
  const context = { buyer: search.buyer, now_ms, remainingOf: (run_id: string) => remaining.get(run_id), isStale: (state: RunRemaining | undefined) => remaining.isStale(state) };
  const best = bestTransfers(catalog, { ...places.value, date: search.date }, search, context);
  const { offset, size } = page.value;
  const transfers = best.slice(offset, offset + size);
  const offers = transfers.flatMap((transfer) => transfer.offers);
  return ok({ transfers, next_page_token: nextToken(page.value, best.length, identity), checksum: checksumOf(offers), stale: offers.some((offer) => offer.stale) });
}

/** The best after each first ride, and of these the best: a pair that is not among the former is not among the latter. */
function bestTransfers(catalog: Catalog, ends: Ends, { filter, sort, min_connection_min }: TransferSearch, context: OfferContext): Transfer[] {
  const midnight_ms = serviceTimeToEpoch_ms(ends.date, 0);
  const firsts = firstLegs(catalog, ends).filter(({ departure_s }) => within(filter.departure, midnight_ms + departure_s * 1000));
  const priced = (leg: Leg): PricedLeg => pricedLeg(leg, filter, context);
  const seconds = new Map([...secondLegs(catalog, ends, firsts)].map(([city, legs]) => [city, legs.filter(({ arrival_s }) => within(filter.arrival, midnight_ms + arrival_s * 1000)).map(priced)]));
  const best = firsts.map(priced).flatMap((first) => undominated(connectionsOf(catalog, first, seconds, min_connection_min).flatMap(judged)));
  return undominated(best).toSorted(compareTransfers(sort)).map((candidate) => ({ ...candidate, offers: [candidate.first.priced()!.offer, candidate.second.priced()!.offer] }));
}

function judged(connection: Connection<PricedLeg>): Candidate<PricedLeg>[] {
  const [first, second] = [connection.first.priced(), connection.second.priced()];
  if (first === undefined || second === undefined) return [];
  return [{ ...connection, fare_fen: first.fare_fen + second.fare_fen, available: first.available && second.available }];
}

/** Priced when a pair is first looked at, and once for all pairs. */
function pricedLeg(leg: Leg, filter: Filter, context: OfferContext): PricedLeg {
  let known: { priced: Priced | undefined } | undefined;
  return { ...leg, priced: () => (known ??= { priced: pricedNow(leg, filter, context) }).priced };
}

function pricedNow(leg: Leg, filter: Filter, context: OfferContext): Priced | undefined {
  const { run, from_index, to_index } = leg;
  const offer = offerOf({ run, from_index, to_index }, context);
  if (!fitsTrain(offer, filter)) return undefined;
  const classes = askedClasses(offer, filter);
  return { offer, fare_fen: lowestFare(classes), available: classes.some(canBeBought) };
}
