import { epochToServiceSeconds, serviceDateAt } from '#kit/base/time.ts';
import type { SeatClass, TrainType } from '../../../timetable/model.ts';
import type { Offer } from './offer.ts';

export type Sort = 'DEPARTURE' | 'ARRIVAL' | 'DURATION' | 'PRICE';

/** Minutes after midnight in Asia/Shanghai, `from` inclusive, `to` exclusive. */
export type Window = { from_min: number; to_min: number };

export type Filter = {
  train_types: readonly TrainType[];
  seat_classes: readonly SeatClass[];
  departure: Window | undefined;
  arrival: Window | undefined;
  only_available: boolean;
  from_station_ids: readonly string[];
  to_station_ids: readonly string[];
};

/** All set conditions must hold. */
export function matches(offer: Offer, filter: Filter): boolean {
  const { train, service_date: _ } = offer.run;
  const asked = offer.classes.filter(({ seat_class }) => filter.seat_classes.length === 0 || filter.seat_classes.includes(seat_class));
  return (
    oneOf(filter.train_types, train.train_type) &&
    asked.length > 0 &&
    within(filter.departure, offer.departure_ms) &&
    within(filter.arrival, offer.arrival_ms) &&
    oneOf(filter.from_station_ids, train.stops[offer.from_index]!.station_id) &&
    oneOf(filter.to_station_ids, train.stops[offer.to_index]!.station_id) &&
    (!filter.only_available || asked.some(({ remaining, seat_change }) => remaining > 0 || seat_change !== undefined))
  );
}

/** Ties end by departure and train, so that pages do not shift. */
export function compareOffers(sort: Sort): (a: Offer, b: Offer) => number {
  const key: Record<Sort, (offer: Offer) => number> = {
    DEPARTURE: (offer) => offer.departure_ms,
    ARRIVAL: (offer) => offer.arrival_ms,
    DURATION: (offer) => offer.arrival_ms - offer.departure_ms,
    PRICE: (offer) => Math.min(...offer.classes.map(({ fare_fen }) => fare_fen)),
  };
  return (a, b) => key[sort](a) - key[sort](b) || a.departure_ms - b.departure_ms || (a.run.run_id < b.run.run_id ? -1 : 1);
}

function oneOf<T>(allowed: readonly T[], value: T): boolean {
  return allowed.length === 0 || allowed.includes(value);
}

function within(window: Window | undefined, time_ms: number): boolean {
  if (window === undefined) return true;
  const minute = epochToServiceSeconds(serviceDateAt(time_ms), time_ms) / 60;
  return minute >= window.from_min && minute < window.to_min;
}
