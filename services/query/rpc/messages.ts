import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { capacityOf, inBitOrder } from '../../../timetable/seats.ts';
import type { Station } from '../../../timetable/model.ts';
import type { NamedPlace } from '../../../timetable/search/stations.ts';
import { RunChangeState } from '#gen/rail/query/v1/query_pb.ts';
import type { ListedChange, TimetableVersion } from '../app/ports.ts';
import type { Transfer } from '../app/search_transfers.ts';
import { arrivalMs, departureMs, revisionOf, type Catalog, type Run } from '../domain/catalog.ts';
import { distanceOf, isStandbyAllowed, type ClassOffer, type Offer } from '../domain/offer.ts';
import { firstSaleStartMs, saleStartMs, type SaleState } from '../domain/sale.ts';
import type { Found } from '../domain/search.ts';
import { SALE_STATE, SEAT_CLASS, TRAIN_TYPE } from './words.ts';

/** The quiet coach of a high-speed set, as railways announce it (静音车厢: coach 3 of G trains with second class). */
const QUIET_COACH_NO = 3;

export function money(amount_fen: number) {
  return { amountFen: BigInt(amount_fen), currency: 'CNY' };
}

export function stationMessage(station: Station) {
  return {
    stationId: station.station_id, nameZh: station.name_zh, nameEn: station.name_en, pinyin: station.pinyin, pinyinInitials: station.pinyin_initials,
    cityZh: station.city_zh, cityEn: station.city_en, lat: station.lat, lon: station.lon,
  };
}

export function suggestionMessage(catalog: Catalog, suggested: NamedPlace) {
  const { city_zh, city_en } = 'city' in suggested ? suggested.city : suggested.station;
  const place = 'city' in suggested ? { case: 'cityZh' as const, value: city_zh } : { case: 'station' as const, value: stationMessage(suggested.station) };
  return { place, cityEn: city_en, stationCount: catalog.stations_of_city.get(city_zh)?.length ?? 0 };
}

export function journeyMessage(catalog: Catalog, found: Found) {
  const { run, from_index, to_index } = found;
  const [from, to] = [run.train.stops[from_index]!, run.train.stops[to_index]!];
  return {
    runId: run.run_id,
    trainNo: run.train.train_no,
    serviceDate: run.service_date,
    fromStationId: from.station_id,
    toStationId: to.station_id,
    fromIndex: from_index,
    toIndex: to_index,
    departureTime: timestampFromMs(departureMs(run, from_index)),
    arrivalTime: timestampFromMs(arrivalMs(run, to_index)),
    fromStationName: catalog.stations.get(from.station_id)!.name_zh,
    toStationName: catalog.stations.get(to.station_id)!.name_zh,
    distanceM: BigInt(distanceOf(found)),
  };
}

export function offerMessage(catalog: Catalog, offer: Offer) {
  const { train } = offer.run;
  return {
    journey: journeyMessage(catalog, offer),
    trainType: TRAIN_TYPE[train.train_type],
    originStationName: catalog.stations.get(train.stops[0]!.station_id)!.name_zh,
    terminalStationName: catalog.stations.get(train.stops.at(-1)!.station_id)!.name_zh,
    durationS: (offer.arrival_ms - offer.departure_ms) / 1000,
    classes: offer.classes.map((entry) => classMessage(catalog, offer, entry)),
    saleState: SALE_STATE[offer.sale_state],
    saleStartTime: timestampFromMs(offer.sale_start_ms),
    version: offer.version,
    stale: offer.stale,
  };
}

export function transferMessage(catalog: Catalog, { offers, first, second, connection_s, min_connection_s, fare_fen, available }: Transfer) {
  return {
    legs: offers.map((offer) => offerMessage(catalog, offer)),
    connectionS: connection_s,
    durationS: second.arrival_s - first.departure_s,
    lowestFare: money(fare_fen),
    minConnectionS: min_connection_s,
    available,
  };
}

function classMessage(catalog: Catalog, offer: Offer, entry: ClassOffer) {
  const { run } = offer;
  const { seat_class, remaining, fare_fen, fare_reduced, seat_change } = entry;
  return {
    seatClass: SEAT_CLASS[seat_class],
    remaining,
    fare: money(fare_fen),
    standbyAllowed: isStandbyAllowed(offer, entry),
    fareReduced: fare_reduced,
    sameTrainChangeRemaining: seat_change?.trips ?? 0,
    sameTrainChangeStops: seat_change?.stops.map((index) => {
      const { station_id } = run.train.stops[index]!;
      return { index, stationId: station_id, stationName: catalog.stations.get(station_id)!.name_zh };
    }),
  };
}

export function runMessage(catalog: Catalog, run: Run, sale_state: SaleState) {
  const { train } = run;
  const last = train.stops.length - 1;
  return {
    runId: run.run_id,
    trainId: train.train_id,
    trainNo: train.train_no,
    trainType: TRAIN_TYPE[train.train_type],
    serviceDate: run.service_date,
    stops: train.stops.map((stop, index) => ({
      index,
      station: stationMessage(catalog.stations.get(stop.station_id)!),
      arrivalTime: index === 0 ? undefined : timestampFromMs(arrivalMs(run, index)),
      departureTime: index === last ? undefined : timestampFromMs(departureMs(run, index)),
      distanceM: BigInt(stop.distance_m),
      saleStartTime: index === last ? undefined : timestampFromMs(saleStartMs(run, index)),
    })),
    coaches: inBitOrder(train.coaches).map((coach) => ({
      coachNo: String(coach.coach_no).padStart(2, '0'),
      seatClass: SEAT_CLASS[coach.seat_class],
      layoutId: coach.layout_id,
      seatCount: coach.seat_count,
      quiet: train.train_type === 'G' && coach.seat_class === 'second' && coach.coach_no === QUIET_COACH_NO,
    })),
    standingCapacity: capacityOf(train).get('standing') ?? 0,
    saleStartTime: timestampFromMs(firstSaleStartMs(run)),
    saleState: SALE_STATE[sale_state],
    timetableVersion: catalog.timetable.version,
    revision: BigInt(revisionOf(catalog, run)),
    changeReasonZh: run.overlay?.reason_zh ?? '',
    changeReasonEn: run.overlay?.reason_en ?? '',
  };
}

export function runChangeMessage({ change, revision, refused, received_ms }: ListedChange) {
  const { run_id, sequence, cancelled, stops, coaches, reason_zh, reason_en } = change;
  return {
    runId: run_id, revision: BigInt(revision), sequence: BigInt(sequence), state: refused === undefined ? RunChangeState.APPLIED : RunChangeState.REFUSED,
    cancelled, movedStops: stops.length, coachesChanged: coaches !== undefined, reasonZh: reason_zh, reasonEn: reason_en, problem: refused ?? '', receiveTime: timestampFromMs(received_ms),
  };
}

export function versionMessage(version: TimetableVersion) {
  return {
    version: version.version, checksum: version.checksum, source: version.source, importTime: timestampFromMs(version.import_time_ms), active: version.active,
    stationCount: version.station_count, trainCount: version.train_count,
  };
}
