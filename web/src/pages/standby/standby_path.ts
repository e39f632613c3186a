import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import type { WishDraft } from './basket.ts';

/** The tickets of an order that are to be changed when a better train opens. */
export type UpgradeOf = { order_id: string; item_ids: string[] };

/** The address that puts a ride into the request in the making: it survives signing in and can be opened anywhere. */
export function standbyPath({ runId, fromStationId, toStationId }: Pick<Journey, 'runId' | 'fromStationId' | 'toStationId'>, seat_class: SeatClass, change = false): string {
  const search = new URLSearchParams({ run: runId, from: fromStationId, to: toStationId, class: String(seat_class) });
  if (change) search.set('change', '1');
  return `/standbys/new?${search.toString()}`;
}

/** The same for tickets that are held; without a ride the request as it is so far. */
export function upgradePath({ order_id, item_ids }: UpgradeOf, ride?: { journey: Pick<Journey, 'runId' | 'fromStationId' | 'toStationId'>; seat_class: SeatClass }): string {
  const tickets = new URLSearchParams({ upgrade: order_id, items: item_ids.join() }).toString();
  return ride === undefined ? `/standbys/new?${tickets}` : `${standbyPath(ride.journey, ride.seat_class)}&${tickets}`;
}

/** The tickets an address names; undefined where it is a standby for who has none. What is no number of an order must not become a key of what the tab keeps. */
export function upgradeFromAddress(search: URLSearchParams): UpgradeOf | undefined {
  const order_id = search.get('upgrade') ?? '';
  return !/^\d+$/.test(order_id) ? undefined : { order_id, item_ids: (search.get('items') ?? '').split(',').filter((item_id) => item_id !== '') };
}

/** The wish such an address names; undefined when it names none. Nobody waits for a standing place. */
export function wishFromAddress(search: URLSearchParams): WishDraft | undefined {
  const [run_id, from_station_id, to_station_id] = ['run', 'from', 'to'].map((name) => search.get(name) ?? '') as [string, string, string];
  if (run_id === '' || from_station_id === '' || to_station_id === '') return undefined;
  const seat_class = Number(search.get('class'));
  const seats = seat_class >= SeatClass.BUSINESS && seat_class <= SeatClass.HARD_SEAT;
  return { run_id, from_station_id, to_station_id, seat_classes: seats ? [seat_class as SeatClass] : [], accept_change: search.has('change') };
}

/** The same ride as a booking's address names it (booking_path.ts); undefined when that is no booking. */
export function standbyPathFromBooking(booking: string): string | undefined {
  const [path = '', query = ''] = booking.split('?');
  const run = /^\/book\/([^/]+)$/.exec(path)?.[1];
  const search = new URLSearchParams(query);
  if (run === undefined) return undefined;
  const journey = { runId: decodeURIComponent(run), fromStationId: search.get('from') ?? '', toStationId: search.get('to') ?? '' };
  return standbyPath(journey, Number(search.get('class')) as SeatClass, search.has('change'));
}
