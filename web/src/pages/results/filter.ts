import { timestampMs } from '@bufbuild/protobuf/wkt';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import type { ClassAvailability, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { TrainType } from '#gen/rail/type/v1/journey_pb.ts';
import type { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { clockTime } from '../../i18n/format.ts';

export type DepartureWindow = 'night' | 'morning' | 'afternoon' | 'evening';
export type Sort = 'departure' | 'arrival' | 'duration' | 'price';
export type Filter = { train_types: TrainType[]; windows: DepartureWindow[]; seat_classes: SeatClass[]; only_available: boolean };

export const NO_FILTER: Filter = { train_types: [], windows: [], seat_classes: [], only_available: false };
export const HIGH_SPEED: TrainType[] = [TrainType.G, TrainType.D, TrainType.C];
export const WINDOWS: DepartureWindow[] = ['night', 'morning', 'afternoon', 'evening'];
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

function fits(offer: TrainOffer, { train_types, windows, seat_classes, only_available }: Filter): boolean {
  if (train_types.length > 0 && !train_types.includes(offer.trainType)) return false;
  if (windows.length > 0 && !windows.includes(windowOf(offer))) return false;
  const wanted = seat_classes.length === 0 ? offer.classes : offer.classes.filter(({ seatClass }) => seat_classes.includes(seatClass));
  if (wanted.length === 0) return false;
  return !only_available || (offer.saleState === SaleState.OPEN && wanted.some(({ remaining, sameTrainChangeRemaining }) => remaining > 0 || sameTrainChangeRemaining > 0));
}

function windowOf({ journey }: TrainOffer): DepartureWindow {
  return WINDOWS[Math.floor(Number(clockTime(journey?.departureTime).slice(0, 2)) / 6)] ?? 'night';
}

function rank(offer: TrainOffer, sort: Sort): number {
  if (sort === 'duration') return offer.durationS;
  if (sort === 'price') return Math.min(...offer.classes.map(({ fare }) => (fare === undefined ? Infinity : Number(fare.amountFen))));
  const time = sort === 'arrival' ? offer.journey?.arrivalTime : offer.journey?.departureTime;
  return time === undefined ? Infinity : timestampMs(time);
}

const MANY = 100;
