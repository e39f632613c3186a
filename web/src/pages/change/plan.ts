import { isServiceDate } from '#kit/base/time.ts';
import type { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { readPlace, writePlace } from '../search/place.ts';
import type { ChosenPlace } from '../search/place.ts';

/** What somebody has chosen on the way to a quote; it stands in the address, so that a reload or the back button loses nothing. */
export type Plan = {
  step: PlanStep;
  item_ids: string[];
  /** Of the search; those of the old ride where undefined. */
  date?: string;
  to?: ChosenPlace;
  ride?: ChosenRide;
};
export type PlanStep = 'tickets' | 'ride' | 'quote';
export type ChosenRide = { run_id: string; from_station_id: string; to_station_id: string; seat_class: SeatClass };

/** The address of a step. */
export function planPath(order_id: string, { step, item_ids, date, to, ride }: Plan): string {
  const search = new URLSearchParams({ step });
  if (item_ids.length > 0) search.set('items', item_ids.join());
  if (date !== undefined) search.set('date', date);
  if (to !== undefined) search.set('to', writePlace(to));
  if (ride !== undefined) {
    search.set('run', ride.run_id);
    search.set('on', ride.from_station_id);
    search.set('off', ride.to_station_id);
    search.set('class', String(ride.seat_class));
  }
  return `/orders/${order_id}/change?${search.toString()}`;
}

/** From an address; a step whose choices are not made yet is the one where they are made. */
export function planFromSearch(search: URLSearchParams): Plan {
  const item_ids = (search.get('items') ?? '').split(',').filter((item_id) => item_id !== '');
  const [date, to, ride] = [search.get('date') ?? '', readPlace(search.get('to')), rideFrom(search)];
  const wanted = search.get('step');
  const step = item_ids.length === 0 || (wanted !== 'ride' && wanted !== 'quote') ? 'tickets' : wanted === 'quote' && ride !== undefined ? 'quote' : 'ride';
  return { step, item_ids, ...(isServiceDate(date) ? { date } : {}), ...(to === undefined ? {} : { to }), ...(ride === undefined ? {} : { ride }) };
}

function rideFrom(search: URLSearchParams): ChosenRide | undefined {
  const [run_id, from_station_id, to_station_id, seat_class] = [search.get('run') ?? '', search.get('on') ?? '', search.get('off') ?? '', Number(search.get('class'))];
  if (run_id === '' || from_station_id === '' || to_station_id === '' || !Number.isInteger(seat_class) || seat_class <= 0) return undefined;
  return { run_id, from_station_id, to_station_id, seat_class: seat_class as SeatClass };
}
