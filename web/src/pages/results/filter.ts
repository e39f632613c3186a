import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import type { ClassAvailability, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { TrainType } from '#gen/rail/type/v1/journey_pb.ts';
import type { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { clockTime } from '../../i18n/format.ts';

/** Six hours of the day. */
export type DayWindow = 'night' | 'morning' | 'afternoon' | 'evening';
export type Sort = 'departure' | 'arrival' | 'duration' | 'price';
export type Filter = {
  train_types: TrainType[];
  /** Of departure, and of arrival. */
  windows: DayWindow[];
  arrival_windows: DayWindow[];
  from_station_ids: string[];
  to_station_ids: string[];
  seat_classes: SeatClass[];
  only_available: boolean;
};

export const NO_FILTER: Filter = { train_types: [], windows: [], arrival_windows: [], from_station_ids: [], to_station_ids: [], seat_classes: [], only_available: false };
export const HIGH_SPEED: TrainType[] = [TrainType.G, TrainType.D, TrainType.C];
export const WINDOWS: DayWindow[] = ['night', 'morning', 'afternoon', 'evening'];
export const SORTS: Sort[] = ['departure', 'arrival', 'duration', 'price'];

/** The offers that fit, in order. All set conditions must hold; an empty list of a condition means any. */
export function arrange(offers: TrainOffer[], filter: Filter, sort: Sort): TrainOffer[] {
  return offers.filter((offer) => fits(offer, filter)).sort((one, other) => rank(one, sort) - rank(other, sort) || rank(one, 'departure') - rank(other, 'departure'));
}

/** The classes that somebody on this page sells, in the order of the contract (best first). */
export function classesOf(offers: TrainOffer[]): SeatClass[] {
  return [...new Set(offers.flatMap(({ classes }) => classes.map(({ seatClass }) => seatClass)))].sort((one, other) => one - other);
}

export function trainTypesOf(offers: TrainOffer[]): TrainType[] {
  return [...new Set(offers.map(({ trainType }) => trainType))].sort((one, other) => one - other);
}

/** The stations at one end of the trains of a page, by id; a city has several. */
export function stationsAt(offers: TrainOffer[], end: 'from' | 'to'): Map<string, string> {
  return new Map(offers.flatMap(({ journey }) => (journey === undefined ? [] : end === 'from' ? [[journey.fromStationId, journey.fromStationName]] : [[journey.toStationId, journey.toStationName]])));
}

/** How many conditions are set. */
export function conditionsOf({ only_available, ...lists }: Filter): number {
  return Object.values(lists).reduce((sum, list) => sum + list.length, Number(only_available));
}

/** Whether an instant lies in one of the windows; any where none is chosen. */
export function inWindows(windows: DayWindow[], time: Timestamp | undefined): boolean {
  return windows.length === 0 || windows.includes(WINDOWS[Math.floor(Number(clockTime(time).slice(0, 2)) / WINDOW_HOURS)] ?? 'night');
}

/** What a cell says: `many` hides numbers nobody decides by. */
export function cellState({ remaining, standbyAllowed }: ClassAvailability): 'many' | 'few' | 'standby' | 'none' {
  if (remaining >= MANY) return 'many';
  if (remaining > 0) return 'few';
  return standbyAllowed ? 'standby' : 'none';
}

/** Where seats would be changed, as one reads it: `济南西 / 南京南`. */
export function changeStops({ sameTrainChangeStops }: ClassAvailability): string {
  return sameTrainChangeStops.map(({ stationName }) => stationName).join(' / ');
}

function fits(offer: TrainOffer, { train_types, windows, arrival_windows, from_station_ids, to_station_ids, seat_classes, only_available }: Filter): boolean {
  const { journey } = offer;
  if (train_types.length > 0 && !train_types.includes(offer.trainType)) return false;
  if (!inWindows(windows, journey?.departureTime) || !inWindows(arrival_windows, journey?.arrivalTime)) return false;
  if (from_station_ids.length > 0 && !from_station_ids.includes(journey?.fromStationId ?? '')) return false;
  if (to_station_ids.length > 0 && !to_station_ids.includes(journey?.toStationId ?? '')) return false;
  const wanted = seat_classes.length === 0 ? offer.classes : offer.classes.filter(({ seatClass }) => seat_classes.includes(seatClass));
  if (wanted.length === 0) return false;
  return !only_available || (offer.saleState === SaleState.OPEN && wanted.some(({ remaining, sameTrainChangeRemaining }) => remaining > 0 || sameTrainChangeRemaining > 0));
}

function rank(offer: TrainOffer, sort: Sort): number {
  if (sort === 'duration') return offer.durationS;
  if (sort === 'price') return Math.min(...offer.classes.map(({ fare }) => (fare === undefined ? Infinity : Number(fare.amountFen))));
  const time = sort === 'arrival' ? offer.journey?.arrivalTime : offer.journey?.departureTime;
  return time === undefined ? Infinity : timestampMs(time);
}

const MANY = 100;
/** Hours of a `DayWindow`. */
export const WINDOW_HOURS = 6;
