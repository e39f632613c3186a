import type { Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import type { SubmitOrderRequest } from '#gen/rail/order/v1/order_pb.ts';
import type { QuoteFaresResponse_Fare as Fare } from '#gen/rail/query/v1/query_pb.ts';
import { BerthLevel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SubmitOrderRequestSchema } from '#gen/rail/order/v1/order_pb.ts';

/** What a person has chosen on the booking page. */
export type Draft = {
  seat_class: SeatClass;
  /** Passenger id and the fare type to travel with, in the order chosen. */
  travellers: { passenger: Passenger; type: PassengerType }[];
  letters: string[];
  /** Where rows have no letters to choose. */
  window: boolean;
  aisle: boolean;
  berth_level: BerthLevel;
  together: boolean;
  same_coach: boolean;
  quiet: boolean;
  /** Rather no ticket than another place. */
  required: boolean;
  accept_standing: boolean;
  accept_standby: boolean;
  /** Two or three seats, one after another, where none goes through. */
  accept_change: boolean;
};

/** Nothing wished for yet. */
export function emptyDraft(seat_class: SeatClass, accept_change: boolean): Draft {
  return {
    seat_class, accept_change, travellers: [], letters: [], window: false, aisle: false, berth_level: BerthLevel.UNSPECIFIED,
    together: true, same_coach: false, quiet: false, required: false, accept_standing: false, accept_standby: true,
  };
}

export type DraftProblem = 'choose_passenger' | 'too_many' | 'child_needs_adult';

export const PASSENGERS_PER_ORDER_MAX = 5;

/** Why the order cannot be submitted, or undefined. */
export function draftProblem({ travellers }: Draft): DraftProblem | undefined {
  if (travellers.length === 0) return 'choose_passenger';
  if (travellers.length > PASSENGERS_PER_ORDER_MAX) return 'too_many';
  return travellers.every(({ type }) => type === PassengerType.CHILD) ? 'child_needs_adult' : undefined;
}

/** What one traveller pays at least and at most: berths of a sleeper differ until one is chosen. Undefined when no fare is known. */
export function fareRange(fares: readonly Fare[], seat_class: SeatClass, type: PassengerType, seat?: Seat): { min_fen: bigint; max_fen: bigint } | undefined {
  const fitting = fares.filter((fare) => fare.seatClass === seat_class && fare.passengerType === type);
  const chosen = fitting.filter(({ berthLevel }) => berthLevel === seat?.berthLevel);
  const amounts = (chosen.length > 0 ? chosen : fitting).map(({ fare }) => fare?.amountFen ?? 0n);
  if (amounts.length === 0) return undefined;
  return amounts.reduce((range, fen) => ({ min_fen: fen < range.min_fen ? fen : range.min_fen, max_fen: fen > range.max_fen ? fen : range.max_fen }), { min_fen: amounts[0]!, max_fen: amounts[0]! });
}

/** The sum over all travellers, with the seats they chose; undefined when a fare is missing. */
export function totalRange(fares: readonly Fare[], { seat_class, travellers }: Draft, seats: readonly Seat[] = []): { min_fen: bigint; max_fen: bigint } | undefined {
  let sum = { min_fen: 0n, max_fen: 0n };
  for (const [index, { type }] of travellers.entries()) {
    const range = fareRange(fares, seat_class, type, seats[index]);
    if (range === undefined) return undefined;
    sum = { min_fen: sum.min_fen + range.min_fen, max_fen: sum.max_fen + range.max_fen };
  }
  return sum;
}

/** Letters of a row, with the aisle as undefined, as coaches of China's high-speed trains have them. */
export function rowLetters(seat_class: SeatClass): (string | undefined)[] {
  if (seat_class === SeatClass.BUSINESS) return ['A', 'C', undefined, 'F'];
  if (seat_class === SeatClass.FIRST) return ['A', 'C', undefined, 'D', 'F'];
  return seat_class === SeatClass.SECOND ? ['A', 'B', 'C', undefined, 'D', 'F'] : [];
}

export function isSleeper(seat_class: SeatClass): boolean {
  return seat_class === SeatClass.SOFT_SLEEPER || seat_class === SeatClass.HARD_SLEEPER;
}

/** From below; soft sleepers have no middle. */
export function berthLevels(seat_class: SeatClass): BerthLevel[] {
  if (seat_class === SeatClass.SOFT_SLEEPER) return [BerthLevel.LOWER, BerthLevel.UPPER];
  return seat_class === SeatClass.HARD_SLEEPER ? [BerthLevel.LOWER, BerthLevel.MIDDLE, BerthLevel.UPPER] : [];
}

export const WINDOW_LETTERS = ['A', 'F'];
export const AISLE_LETTERS = ['C', 'D'];

type Ride = {
  request_id: string;
  run_id: string;
  from_station_id: string;
  to_station_id: string;
  fares: readonly Fare[];
  captcha_token: string;
  /** Seats locked on the map, one for each traveller in order. */
  lock?: { lock_id: string; seats: readonly Seat[] };
};

/** The wishes that mean something in the class chosen: what was ticked for another class is left behind. */
export function preferenceOf(draft: Draft): Wishes & { required: boolean } {
  const { seat_class, letters: wished, travellers } = draft;
  const letters = rowLetters(seat_class).length > 0 ? wished : [];
  const unlettered = rowLetters(seat_class).length === 0 && !isSleeper(seat_class);
  const wishes: Wishes = {
    letters,
    window: unlettered ? draft.window : letters.length > 0 && letters.every((letter) => WINDOW_LETTERS.includes(letter)),
    aisle: unlettered ? draft.aisle : letters.length > 0 && letters.every((letter) => AISLE_LETTERS.includes(letter)),
    together: draft.together && travellers.length > 1,
    sameCoach: draft.same_coach && travellers.length > 1,
    berthLevel: berthLevels(seat_class).find((level) => level === draft.berth_level) ?? BerthLevel.UNSPECIFIED,
    quietCoach: draft.quiet,
  };
  // A condition without a wish would be none, and one on seats that are changed on the way can't be kept.
  return { ...wishes, required: draft.required && hasWish(wishes) && !draft.accept_change };
}

type Wishes = { letters: string[]; window: boolean; aisle: boolean; together: boolean; sameCoach: boolean; berthLevel: BerthLevel; quietCoach: boolean };

function hasWish({ letters, window, aisle, together, sameCoach, berthLevel, quietCoach }: Wishes): boolean {
  return letters.length > 0 || window || aisle || together || sameCoach || quietCoach || berthLevel !== BerthLevel.UNSPECIFIED;
}

/** The order as it is sent. The total agreed to travels with it, so that a fare that rose meanwhile is asked about again. */
export function toSubmitOrder(draft: Draft, ride: Ride): MessageInitShape<typeof SubmitOrderRequestSchema> & Pick<SubmitOrderRequest, 'requestId'> {
  const adult = draft.travellers.find(({ type }) => type !== PassengerType.CHILD);
  const { lock } = ride;
  const total = totalRange(ride.fares, draft, lock?.seats);
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
    // Chosen seats are seats, not wishes.
    preference: lock === undefined ? preferenceOf(draft) : undefined,
    seatLockId: lock?.lock_id ?? '',
    acceptStanding: draft.accept_standing && lock === undefined,
    acceptStandby: draft.accept_standby,
    acceptSameTrainChange: draft.accept_change && lock === undefined,
    captchaToken: ride.captcha_token,
    maxTotal: total === undefined ? undefined : { amountFen: total.max_fen, currency: 'CNY' },
  };
}
