import { BerthLevel, Channel, PassengerType, SeatClass, TrainType } from '#gen/rail/type/v1/journey_pb.ts';
import { SaleState, SearchSort } from '#gen/rail/query/v1/query_pb.ts';
import type { BerthLevel as Berth, SeatClass as Class, TrainType as Type } from '../../../timetable/model.ts';
import type { PassengerType as Passenger } from '../../../timetable/rules/fares.ts';
import type { Channel as ChannelWord } from '../domain/buyer.ts';
import type { Sort } from '../domain/filter.ts';
import type { SaleState as State } from '../domain/sale.ts';

/** Words of the domain as numbers of the contract, and back. */
export const SEAT_CLASS: Record<Class, SeatClass> = {
  business: SeatClass.BUSINESS, first: SeatClass.FIRST, second: SeatClass.SECOND, soft_sleeper: SeatClass.SOFT_SLEEPER,
  hard_sleeper: SeatClass.HARD_SLEEPER, soft_seat: SeatClass.SOFT_SEAT, hard_seat: SeatClass.HARD_SEAT, standing: SeatClass.STANDING,
};
export const TRAIN_TYPE: Record<Type, TrainType> = {
  G: TrainType.G, D: TrainType.D, C: TrainType.C, Z: TrainType.Z, T: TrainType.T, K: TrainType.K, other: TrainType.OTHER,
};
export const PASSENGER_TYPE: Record<Passenger, PassengerType> = {
  adult: PassengerType.ADULT, child: PassengerType.CHILD, student: PassengerType.STUDENT, disabled_veteran: PassengerType.DISABLED_VETERAN,
};
export const BERTH: Record<Berth, BerthLevel> = { lower: BerthLevel.LOWER, middle: BerthLevel.MIDDLE, upper: BerthLevel.UPPER };
export const SALE_STATE: Record<State, SaleState> = { BEFORE: SaleState.BEFORE, OPEN: SaleState.OPEN, CLOSED: SaleState.CLOSED, CANCELLED: SaleState.CANCELLED };
const CHANNEL: Record<ChannelWord, Channel> = { web: Channel.WEB, app: Channel.APP, mini_program: Channel.MINI_PROGRAM, counter: Channel.COUNTER, partner: Channel.PARTNER };
const SORT: Record<Sort, SearchSort> = { DEPARTURE: SearchSort.DEPARTURE, ARRIVAL: SearchSort.ARRIVAL, DURATION: SearchSort.DURATION, PRICE: SearchSort.PRICE };

export const seatClassOf = reverse(SEAT_CLASS);
export const trainTypeOf = reverse(TRAIN_TYPE);
export const passengerTypeOf = reverse(PASSENGER_TYPE);
export const channelOf = reverse(CHANNEL);
export const sortOf = reverse(SORT);

/** Undefined for UNSPECIFIED and for numbers of a newer contract. */
function reverse<W extends string, N extends number>(table: Record<W, N>): (number: N | 0) => W | undefined {
  const words = new Map<number, W>(Object.entries(table).map(([word, number]) => [number as number, word as W]));
  return (number) => words.get(number);
}
