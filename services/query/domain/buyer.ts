import type { SeatClass } from '../../../timetable/model.ts';
import type { PassengerType } from '../../../timetable/rules/fares.ts';
import type { RunRemaining } from './remaining.ts';

export type Channel = 'web' | 'app' | 'mini_program' | 'counter' | 'partner';

/** For whom seats are counted: quotas keep some for channels or types of passengers. */
export type Buyer = { channel: Channel; passenger_type: PassengerType };

/** What buyers of a channel or type can buy in all, by pair of stops; a condition that is left out holds for any. */
export type QuotaCounts = { channel?: Channel; passenger_type?: PassengerType; counts: readonly number[] | Uint16Array };

/** How much of a class is left to a buyer, by pair of stops. The most that any quota of theirs gives counts. */
export function leftTo(buyer: Buyer, state: RunRemaining, seat_class: SeatClass): (pair: number) => number {
  const everybody = state.classes.get(seat_class);
  const own = state.quotas?.get(seat_class)?.filter((quota) => isFor(buyer, quota)) ?? [];
  return (pair) => own.reduce((most, { counts }) => Math.max(most, counts[pair] ?? 0), everybody?.[pair] ?? 0);
}

function isFor(buyer: Buyer, { channel, passenger_type }: QuotaCounts): boolean {
  return (channel === undefined || channel === buyer.channel) && (passenger_type === undefined || passenger_type === buyer.passenger_type);
}
