import type { Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import type { SubmitOrderRequest } from '#gen/rail/order/v1/order_pb.ts';
import type { QuoteFaresResponse_Fare as Fare } from '#gen/rail/query/v1/query_pb.ts';
import { BerthLevel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SubmitOrderRequestSchema } from '#gen/rail/order/v1/order_pb.ts';

/** What a person has chosen on the booking page. */
export type Draft = {
  seat_class: SeatClass;
  /** Passenger id and the fare type to travel with, in the order chosen. */
  travellers: { passenger: Passenger; type: PassengerType }[];
  letters: string[];
  berth_level: BerthLevel;
  together: boolean;
  quiet: boolean;
  accept_standing: boolean;
  accept_standby: boolean;
};

export type DraftProblem = 'choose_passenger' | 'too_many' | 'child_needs_adult';

export const PASSENGERS_PER_ORDER_MAX = 5;

/** Why the order cannot be submitted, or undefined. */
export function draftProblem({ travellers }: Draft): DraftProblem | undefined {
  if (travellers.length === 0) return 'choose_passenger';
  if (travellers.length > PASSENGERS_PER_ORDER_MAX) return 'too_many';
  return travellers.every(({ type }) => type === PassengerType.CHILD) ? 'child_needs_adult' : undefined;
}

/** What one traveller pays at least and at most: berths of a sleeper differ. Undefined when no fare is known. */
export function fareRange(fares: readonly Fare[], seat_class: SeatClass, type: PassengerType): { min_fen: bigint; max_fen: bigint } | undefined {
  const amounts = fares.filter((fare) => fare.seatClass === seat_class && fare.passengerType === type).map(({ fare }) => fare?.amountFen ?? 0n);
  if (amounts.length === 0) return undefined;
  return amounts.reduce((range, fen) => ({ min_fen: fen < range.min_fen ? fen : range.min_fen, max_fen: fen > range.max_fen ? fen : range.max_fen }), { min_fen: amounts[0]!, max_fen: amounts[0]! });
}

/** The sum over all travellers; undefined when a fare is missing. */
export function totalRange(fares: readonly Fare[], { seat_class, travellers }: Draft): { min_fen: bigint; max_fen: bigint } | undefined {
  let sum = { min_fen: 0n, max_fen: 0n };
  for (const { type } of travellers) {
    const range = fareRange(fares, seat_class, type);
    if (range === undefined) return undefined;
    sum = { min_fen: sum.min_fen + range.min_fen, max_fen: sum.max_fen + range.max_fen };
  }
  return sum;
}

/** Letters of a row, with the aisle as undefined, as coaches of China's high-speed trains have them. */
export function rowLetters(seat_class: SeatClass): (string | undefined)[] {
  if (seat_class === SeatClass.BUSINESS) return ['A', undefined, 'C', 'F'];
  if (seat_class === SeatClass.FIRST) return ['A', 'C', undefined, 'D', 'F'];
  return seat_class === SeatClass.SECOND ? ['A', 'B', 'C', undefined, 'D', 'F'] : [];
}

export function isSleeper(seat_class: SeatClass): boolean {
  return seat_class === SeatClass.SOFT_SLEEPER || seat_class === SeatClass.HARD_SLEEPER;
}

export const WINDOW_LETTERS = ['A', 'F'];
export const AISLE_LETTERS = ['C', 'D'];

type Ride = { request_id: string; run_id: string; from_station_id: string; to_station_id: string; fares: readonly Fare[]; captcha_token: string };

/** The order as it is sent. The total agreed to travels with it, so that a fare that rose meanwhile is asked about again. */
export function toSubmitOrder(draft: Draft, ride: Ride): MessageInitShape<typeof SubmitOrderRequestSchema> & Pick<SubmitOrderRequest, 'requestId'> {
  const adult = draft.travellers.find(({ type }) => type !== PassengerType.CHILD);
  const total = totalRange(ride.fares, draft);
  const letters = rowLetters(draft.seat_class).length > 0 ? draft.letters : [];
  return {
    requestId: ride.request_id,
    runId: ride.run_id,
    fromStationId: ride.from_station_id,
    toStationId: ride.to_station_id,
    passengers: draft.travellers.map(({ passenger, type }) => ({
      passengerId: passenger.passengerId,
      passengerType: type,
      seatClasses: [draft.seat_class],
      withPassengerId: type === PassengerType.CHILD ? (adult?.passenger.passengerId ?? '') : '',
    })),
    preference: {
      letters,
      window: letters.length > 0 && letters.every((letter) => WINDOW_LETTERS.includes(letter)),
      aisle: letters.length > 0 && letters.every((letter) => AISLE_LETTERS.includes(letter)),
      together: draft.together && draft.travellers.length > 1,
      berthLevel: isSleeper(draft.seat_class) ? draft.berth_level : BerthLevel.UNSPECIFIED,
      quietCoach: draft.quiet,
    },
    acceptStanding: draft.accept_standing,
    acceptStandby: draft.accept_standby,
    captchaToken: ride.captcha_token,
    maxTotal: total === undefined ? undefined : { amountFen: total.max_fen, currency: 'CNY' },
  };
}
