import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { QueryService, type SearchTrainsRequest } from '#gen/rail/query/v1/query_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { suggestStations } from '../../../timetable/search/stations.ts';
import type { Actor } from '../app/ports.ts';
import { requireRun, requireStretch } from '../app/runs.ts';
import { searchTrains, type SearchAnswer } from '../app/search_trains.ts';
import type { Timetables } from '../app/timetables.ts';
import type { Buyer } from '../domain/buyer.ts';
import { findRun, runsOfDate, type Catalog, type Run } from '../domain/catalog.ts';
import { offerOf } from '../domain/offer.ts';
import { nextToken, pageOf } from '../domain/page.ts';
import type { RemainingTable } from '../domain/remaining.ts';
import { saleStateOf, type SaleState } from '../domain/sale.ts';
import { buyerOf } from './buyer.ts';
import { quotedFares } from './fares.ts';
import { offerMessage, runMessage, stationMessage, versionMessage } from './messages.ts';
import { searchOf } from './requests.ts';
import { changedOffers } from './watch.ts';

export type QueryDeps = { timetables: Timetables; remaining: RemainingTable; clock: Clock };

const SUGGESTIONS = { fallback: 8, max: 20, text: 32 };
const STATION_PAGES = { fallback: 200, max: 1000 };

export function queryService({ timetables, remaining, clock }: QueryDeps): Implementation {
  const catalogNow = (): Catalog => {
    const catalog = timetables.catalog();
    if (catalog === undefined) throw RpcError.of({ reason: 'DEPENDENCY_UNAVAILABLE', detail: 'no timetable is loaded yet', retry_after_ms: 1000 });
    return catalog;
  };
  const search = (catalog: Catalog, request: SearchTrainsRequest, call: Call): SearchAnswer =>
    unwrap(searchTrains({ catalog, remaining, now_ms: clock.now_ms() }, unwrap(searchOf(request, buyerOf(request, call)))));
  const context = (buyer: Buyer) => ({
    buyer, now_ms: clock.now_ms(), remainingOf: (run_id: string) => remaining.get(run_id), isStale: (bucket: number | undefined) => remaining.isStale(bucket),
  });

  const saleStateOfRun = (run: Run): SaleState => {
    const known = remaining.get(run.run_id);
    // Just started: "not on sale yet" would be a guess, and whoever submits would be refused for good.
    if (known === undefined && !remaining.isWarm()) throw RpcError.of({ reason: 'DEPENDENCY_UNAVAILABLE', detail: 'what is on sale is not known yet', retry_after_ms: 500 });
    return saleStateOf(run, lastDeparture(run), clock.now_ms(), known?.open);
  };

  return implement(QueryService, {
    suggestStations({ text, limit }) {
      if (limit > SUGGESTIONS.max || text.length > SUGGESTIONS.text) throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'text has at most 32 characters, limit is at most 20', metadata: { field: 'text' } });
      const catalog = catalogNow();
      const found = suggestStations(catalog.index, text, limit === 0 ? SUGGESTIONS.fallback : limit).map(({ station }) => station);
      return { suggestions: withCities(catalog, found) };
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
      return {
        offers: offers.map((offer) => offerMessage(catalog, offer)),
        nextPageToken: next_page_token, timetableVersion: catalog.timetable.version, asOf: timestampFromMs(clock.now_ms()), stale, checksum,
      };
    },
    searchTransfers() {
      throw RpcError.of({ reason: 'NOT_IMPLEMENTED', detail: 'journeys with a change are not searched yet' });
    },
    getTrainRun({ runId }) {
      const catalog = catalogNow();
      const run = unwrap(requireRun(catalog, runId));
      return { run: runMessage(catalog, run, saleStateOfRun(run)) };
    },
    quoteFares(request) {
      const catalog = catalogNow();
      return quotedFares(catalog, unwrap(requireStretch(catalog, request.runId, request.fromStationId, request.toStationId)), request);
    },
    getAvailability(request, call) {
      const catalog = catalogNow();
      const found = unwrap(requireStretch(catalog, request.runId, request.fromStationId, request.toStationId));
      const offer = offerOf(found, context(buyerOf(request, call)));
      return { classes: offerMessage(catalog, offer).classes, version: offer.version, stale: offer.stale };
    },
    watchAvailability: ({ search: wanted }, call) => {
      if (wanted === undefined) throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'search must be given', metadata: { field: 'search' } });
      const request = { ...wanted, pageToken: '' };
      return changedOffers({ remaining, clock, search: () => search(catalogNow(), request, call), message: (offer) => offerMessage(catalogNow(), offer) }, call.signal);
    },
    async *streamTrainRuns({ serviceDate, runIds, exceptRunIds }) {
      const catalog = catalogNow();
      const except = new Set(exceptRunIds);
      const runs = runIds.length === 0 ? runsOfDate(catalog, serviceDate) : runIds.flatMap((run_id) => findRun(catalog, run_id) ?? []);
      for (const run of runs) if (!except.has(run.run_id)) yield { run: runMessage(catalog, run, saleStateOf(run, lastDeparture(run), clock.now_ms(), remaining.get(run.run_id)?.open)) };
    },
    async syncTimetable({ requestId }, call) {
      const { active, changed } = unwrap(await timetables.sync(actorOf(call, requestId)));
      return { active: versionMessage(active), changed };
    },
    async listTimetableVersions() {
      return { versions: (await timetables.versions()).map(versionMessage) };
    },
    async rollbackTimetable({ requestId, version }, call) {
      return { active: versionMessage(unwrap(await timetables.rollBack(version, actorOf(call, requestId)))) };
    },
  });
}

/** A run is on sale while any of its stretches is: its last departure decides. */
function lastDeparture(run: Run): number {
  return run.train.stops.length - 2;
}

/** A city with several stations comes before its first station, once. */
function withCities(catalog: Catalog, stations: readonly ReturnType<typeof suggestStations>[number]['station'][]) {
  const named = new Set<string>();
  return stations.flatMap((station) => {
    const of_city = catalog.stations_of_city.get(station.city_zh) ?? [];
    const common = { cityEn: station.city_en, stationCount: of_city.length };
    const own = { place: { case: 'station' as const, value: stationMessage(station) }, ...common };
    if (of_city.length < 2 || named.has(station.city_zh)) return [own];
    named.add(station.city_zh);
    return [{ place: { case: 'cityZh' as const, value: station.city_zh }, ...common }, own];
  });
}

function actorOf(call: Call, request_id: string): Actor {
  const service = call.caller.kind === 'service' ? call.caller.service : 'query';
  return { account_id: call.account?.account_id ?? '', service, device_id: call.device_id, ip: call.peer_ip, request_id };
}
