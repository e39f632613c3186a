// Words of the oracle as numbers of the contract.
import { SaleState, SearchSort } from '#gen/rail/query/v1/query_pb.ts';
import { Channel, PassengerType, SeatClass, TrainType } from '#gen/rail/type/v1/journey_pb.ts';

export const CLASSES: Record<string, SeatClass> = {
  business: SeatClass.BUSINESS, first: SeatClass.FIRST, second: SeatClass.SECOND, soft_sleeper: SeatClass.SOFT_SLEEPER,
  hard_sleeper: SeatClass.HARD_SLEEPER, soft_seat: SeatClass.SOFT_SEAT, hard_seat: SeatClass.HARD_SEAT, standing: SeatClass.STANDING,
};
export const LETTERS: Record<string, TrainType> = { G: TrainType.G, D: TrainType.D, C: TrainType.C, Z: TrainType.Z, T: TrainType.T, K: TrainType.K, other: TrainType.OTHER };
export const CHANNELS: Record<string, Channel> = { web: Channel.WEB, app: Channel.APP, partner: Channel.PARTNER };
export const PASSENGERS: Record<string, PassengerType> = { adult: PassengerType.ADULT, child: PassengerType.CHILD, student: PassengerType.STUDENT, disabled_veteran: PassengerType.DISABLED_VETERAN };
export const SORTS: Record<string, SearchSort> = { departure: SearchSort.DEPARTURE, arrival: SearchSort.ARRIVAL, duration: SearchSort.DURATION, price: SearchSort.PRICE };
export const SALES: Record<string, SaleState> = { BEFORE: SaleState.BEFORE, OPEN: SaleState.OPEN, CLOSED: SaleState.CLOSED };
