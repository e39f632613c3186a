import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { Basket } from './basket.ts';

/** A request for the rides of one that is over. Who travels is chosen again: the old request does not say as what. */
export function basketOf({ places }: Pick<Standby, 'places'>): Basket {
  const wishes = places.flatMap(({ wish }) => (wish === undefined ? [] : [{ run_id: wish.runId, from_station_id: wish.fromStationId, to_station_id: wish.toStationId, seat_classes: [...wish.seatClasses], accept_change: wish.acceptSameTrainChange }]));
  return { wishes, travellers: [] };
}
