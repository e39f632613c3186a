import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { QueryService, SearchTrainsResponseSchema, type SearchTrainsRequest } from '#gen/rail/query/v1/query_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { encodeMessage } from '#kit/rpc/messages.ts';
import type { Around, Prepared } from '#kit/rpc/prepared.ts';
import { suggestStations } from '../../../timetable/search/stations.ts';
import { Listings } from '../app/listings.ts';
import { withCities } from '../app/places.ts';
import { requireRun, requireStretch } from '../app/runs.ts';
import { searchTrains, type SearchAnswer } from '../app/search_trains.ts';
import { searchTransfers } from '../app/search_transfers.ts';
import type { Timetables } from '../app/timetables.ts';
import type { PageChange } from '../app/watched_page.ts';
import type { WatchedPages } from '../app/watched_pages.ts';
import type { Buyer } from '../domain/buyer.ts';
import type { Catalog, Run } from '../domain/catalog.ts';
import { offerOf } from '../domain/offer.ts';
import { nextToken, pageOf } from '../domain/page.ts';
import type { RemainingTable, RunRemaining } from '../domain/remaining.ts';
import { saleStateOfRun, type SaleState } from '../domain/sale.ts';
import { Written } from './answer_bytes.ts';
import { partsOfPage } from './answer_rules.ts';
import { buyerOf } from './buyer.ts';
import { quotedFares } from './fares.ts';
import { offerMessage, runMessage, stationMessage, suggestionMessage, transferMessage } from './messages.ts';
import { OfferBytes } from './offer_bytes.ts';
import { searchOf, transferSearchOf } from './requests.ts';
import { timetableMethods } from './timetable_methods.ts';
import { changeEncoder, pageKey } from './watch.ts';

export type QueryDeps = { timetables: Timetables; remaining: RemainingTable; clock: Clock; pages: (encode: (change: PageChange) => Prepared) => WatchedPages<Prepared>; around: Around };

const SUGGESTIONS = { fallback: 8, max: 20, text: 32 };
const STATION_PAGES = { fallback: 200, max: 1000 };

export function queryService({ timetables, remaining, clock, around, ...deps }: QueryDeps): Implementation {
  const catalogNow = (): Catalog => {
    const catalog = timetables.catalog();
    if (catalog === undefined) throw RpcError.of({ reason: 'DEPENDENCY_UNAVAILABLE', detail: 'no timetable is loaded yet', retry_after_ms: 1000 });
    return catalog;
  };
  const listings = new Listings(remaining);
  const offer_bytes = new OfferBytes();
  const pages = deps.pages(changeEncoder(catalogNow, clock));
  const search = (catalog: Catalog, request: SearchTrainsRequest, call: Pick<Call, 'account'>): SearchAnswer =>
    unwrap(searchTrains({ catalog, listings, now_ms: clock.now_ms() }, unwrap(searchOf(request, unwrap(buyerOf(request, call))))));
  const context = (buyer: Buyer) => ({
    buyer, now_ms: clock.now_ms(), remainingOf: (run_id: string) => remaining.get(run_id), isStale: (state: RunRemaining | undefined) => remaining.isStale(state),
  });

  const knownSaleState = (run: Run): SaleState => {
    const known = remaining.get(run.run_id);
    // Just started: "not on sale yet" would be a guess, and whoever submits would be refused for good.
    if (known === undefined && !remaining.isWarm()) throw RpcError.of({ reason: 'DEPENDENCY_UNAVAILABLE', detail: 'what is on sale is not known yet', retry_after_ms: 500 });
    return saleStateOfRun(run, clock.now_ms(), known?.open);
  };

  return implement(QueryService, {
    suggestStations({ text, limit }) {
      if (text === '' || text.length > SUGGESTIONS.text) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `text has 1 to ${SUGGESTIONS.text} characters`, metadata: { field: 'text' } });
      if (limit > SUGGESTIONS.max) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `limit is at most ${SUGGESTIONS.max}`, metadata: { field: 'limit' } });
      const catalog = catalogNow();
      const found = suggestStations(catalog.index, text, limit === 0 ? SUGGESTIONS.fallback : limit).map(({ station }) => station);
      return { suggestions: withCities(catalog, found).map((place) => suggestionMessage(catalog, place)) };
    },
    listStations({ pageSize, pageToken }) {
      const { timetable } = catalogNow();
      const page = unwrap(pageOf(pageSize, pageToken, timetable.version, STATION_PAGES));
      const stations = timetable.stations.slice(page.offset, page.offset + page.size).map(stationMessage);
      return { stations, nextPageToken: nextToken(page, timetable.stations.length, timetable.version), timetableVersion: timetable.version };
    },
    searchTrains(request, call) {
      const catalog = catalogNow();
      const { offers, next_page_token, checksum, stale } = search(catalog, request, call);
      const rest = encodeMessage(SearchTrainsResponseSchema, { nextPageToken: next_page_token, timetableVersion: catalog.timetable.version, stale, checksum });
      // A train that is not on the page may come to it when seats are given back.
      const parts = { ...partsOfPage(offers, clock.now_ms()), lasting: request.filter?.onlyAvailable !== true };
      return new Written(Buffer.concat([...offer_bytes.of(catalog, offers), rest]), { stale, parts });
    },
    searchTransfers(request, call) {
      const catalog = catalogNow();
      const answer = unwrap(searchTransfers({ catalog, remaining, now_ms: clock.now_ms() }, unwrap(transferSearchOf(request, unwrap(buyerOf(request, call))))));
      return {
        transfers: answer.transfers.map((transfer) => transferMessage(catalog, transfer)),
        nextPageToken: answer.next_page_token, timetableVersion: catalog.timetable.version, asOf: timestampFromMs(clock.now_ms()), stale: answer.stale, checksum: answer.checksum,
      };
    },
    getTrainRun({ runId }) {
      const catalog = catalogNow();
      const run = unwrap(requireRun(catalog, runId));
      return { run: runMessage(catalog, run, knownSaleState(run)) };
    },
    quoteFares(request) {
      const catalog = catalogNow();
      return quotedFares(catalog, unwrap(requireStretch(catalog, request.runId, request.fromStationId, request.toStationId)), request);
    },
    getAvailability(request, call) {
      const catalog = catalogNow();
      const found = unwrap(requireStretch(catalog, request.runId, request.fromStationId, request.toStationId));
      const offer = offerOf(found, context(unwrap(buyerOf(request, call))));
      return { classes: offerMessage(catalog, offer).classes, version: offer.version, stale: offer.stale };
    },
    watchAvailability: ({ search: wanted }, call) => {
      if (wanted === undefined) throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'search must be given', metadata: { field: 'search' } });
      const request = { ...wanted, pageToken: '' };
      const who = { account: call.account };
      return unwrap(pages.watch(pageKey(request, who), () => search(catalogNow(), request, who).offers, call.signal));
    },
    ...timetableMethods({ timetables, remaining, clock, catalogNow }),
  }, { around });
}
