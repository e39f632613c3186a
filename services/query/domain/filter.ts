import { epochToServiceSeconds, serviceDateAt } from '#kit/base/time.ts';
import type { SeatClass, TrainType } from '../../../timetable/model.ts';
import type { ClassOffer, Offer } from './offer.ts';

export type Sort = 'DEPARTURE' | 'ARRIVAL' | 'DURATION' | 'PRICE';

/** Minutes after midnight in Asia/Shanghai, `from` inclusive, `to` exclusive. */
export type Window = { from_min: number; to_min: number };

export type Filter = {
  train_types: readonly TrainType[];
  seat_classes: readonly SeatClass[];
  departure: Window | undefined;
  arrival: Window | undefined;
  only_available: boolean;
};

/** All set conditions must hold. */
export function matches(offer: Offer, filter: Filter): boolean {
  return fitsTrain(offer, filter) && within(filter.departure, offer.departure_ms) && within(filter.arrival, offer.arrival_ms);
}

/** The conditions of the train itself, which each leg of a journey must meet. */
export function fitsTrain(offer: Offer, filter: Filter): boolean {
  return (filter.train_types.length === 0 || filter.train_types.includes(offer.run.train.train_type)) && offer.classes.some((entry) => isAsked(entry, filter));
}

/** The classes that answer the question: all where none is named, and only those left where that is asked for. */
export function askedClasses(offer: Pick<Offer, 'classes'>, filter: Pick<Filter, 'seat_classes' | 'only_available'>): ClassOffer[] {
  return offer.classes.filter((entry) => isAsked(entry, filter));
}

function isAsked(entry: ClassOffer, { seat_classes, only_available }: Pick<Filter, 'seat_classes' | 'only_available'>): boolean {
  return (seat_classes.length === 0 || seat_classes.includes(entry.seat_class)) && (!only_available || canBeBought(entry));
}

export function canBeBought({ remaining, seat_change }: ClassOffer): boolean {
  return remaining > 0 || seat_change !== undefined;
}

/** In fen; infinite where no class is asked for. */
export function lowestFare(classes: readonly ClassOffer[]): number {
  return classes.reduce((lowest, { fare_fen }) => Math.min(lowest, fare_fen), Infinity);
}

/** Ties end by departure and train, so that pages do not shift. The price is that of the cheapest class that is asked for. */
export function compareOffers(sort: Sort, filter: Pick<Filter, 'seat_classes' | 'only_available'>): (a: Offer, b: Offer) => number {
  const key: Record<Sort, (offer: Offer) => number> = {
    DEPARTURE: (offer) => offer.departure_ms,
    ARRIVAL: (offer) => offer.arrival_ms,
    DURATION: (offer) => offer.arrival_ms - offer.departure_ms,
    PRICE: (offer) => lowestFare(askedClasses(offer, filter)),
  };
  return (a, b) => key[sort](a) - key[sort](b) || a.departure_ms - b.departure_ms || (a.run.run_id < b.run.run_id ? -1 : 1);
}

export function within(window: Window | undefined, time_ms: number): boolean {
  if (window === undefined) return true;
  const minute = epochToServiceSeconds(serviceDateAt(time_ms), time_ms) / 60;
  return minute >= window.from_min && minute < window.to_min;
}
