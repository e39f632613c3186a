/** What becomes of an entry for which there is no place, where its traveller agreed to wait in the standby list instead (候补). */
import type { QueueEntry } from './entry.ts';
import type { Channel, PassengerType, SeatClass } from './order.ts';

/** Why an entry ends that a standby may help: the queue or the train is full. Others would be refused there, too. */
const WANT_OF_PLACES: ReadonlySet<string> = new Set(['QUEUE_FULL', 'SOLD_OUT', 'STANDBY_REQUIRED']);

export function isWantOfPlaces(reason: string | undefined): boolean {
  return reason !== undefined && WANT_OF_PLACES.has(reason);
}

export type StandbyRequest = {
  account_id: string;
  tenant: string;
  channel: Channel;
  member_level: number;
  run_id: string;
  from_station_id: string;
  to_station_id: string;
  seat_classes: SeatClass[];
  accept_same_train_change: boolean;
  passengers: { passenger_id: string; passenger_type: PassengerType }[];
  deadline_ms: number;
  /** Seats are for those in the queue until then. */
  match_after_ms?: number;
};

/** Undefined without consent, and where the passengers accept no class together: a standby has the same for all. Says the same whenever it is asked. */
export function standbyRequestOf({ account_id, tenant, channel, body, enter_ms, standby_after_ms }: Pick<QueueEntry, 'account_id' | 'tenant' | 'channel' | 'body' | 'enter_ms' | 'standby_after_ms'>): StandbyRequest | undefined {
  const { journey, passengers, standby, accept_same_train_change } = body;
  const seat_classes = passengers[0]!.seat_classes.filter((one) => one !== 'STANDING' && passengers.every((passenger) => passenger.seat_classes.includes(one)));
  if (standby === undefined || seat_classes.length === 0) return undefined;
  const { run_id, from_station_id, to_station_id, departure_ms } = journey;
  return {
    account_id, tenant, channel, run_id, from_station_id, to_station_id, seat_classes, accept_same_train_change,
    member_level: standby.member_level,
    passengers: passengers.map(({ passenger_id, passenger_type }) => ({ passenger_id, passenger_type })),
    deadline_ms: standbyDeadline_ms(enter_ms, departure_ms),
    ...(standby_after_ms === undefined ? {} : { match_after_ms: standby_after_ms }),
  };
}

/** There must be time to pay and to come to the station. */
const BEFORE_DEPARTURE_MS = 60 * 60_000;

/** An hour before departure, or half of the time that is left where departure is nearer than two hours. */
export function standbyDeadline_ms(enter_ms: number, departure_ms: number): number {
  return Math.max(departure_ms - BEFORE_DEPARTURE_MS, enter_ms + Math.floor((departure_ms - enter_ms) / 2));
}
