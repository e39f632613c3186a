/** Rides, places and money as messages of the contracts, and back. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Journey as JourneyMessage, Seat as SeatMessage, SeatPartSchema, SeatPreference, SeatPreferenceSchema, SeatSchema } from '#gen/rail/type/v1/journey_pb.ts';
import type { Money } from '#gen/rail/type/v1/money_pb.ts';
import type { Journey } from '#kit/base/journey.ts';
import { fenFromInt64, fenToInt64 } from '#kit/base/money.ts';
import { journeyFrom } from '#kit/rpc/journey.ts';
import type { Place, PlacePart, Preference } from '../domain/change.ts';
import { berthLevels, seatClasses } from './words.ts';

export function moneyMessage(amount_fen: number) {
  return { amountFen: fenToInt64(amount_fen), currency: 'CNY' };
}

export function fenOf(money: Money | undefined): number {
  return fenFromInt64(money?.amountFen ?? 0n);
}

/** Throws for a ride without times: no peer sends one. */
export function journeyOf(message: JourneyMessage | undefined): Journey {
  if (message?.departureTime === undefined || message.arrivalTime === undefined) throw new Error('a journey has a departure and an arrival');
  return journeyFrom(message);
}

export function placeOf({ coachNo, seatNo, seatClass, berthLevel }: SeatMessage): Place {
  return { coach_no: coachNo, seat_no: seatNo, seat_class: seatClasses.of(seatClass), berth_level: berthLevels.of(berthLevel) };
}

export function seatMessage({ coach_no, seat_no, seat_class, berth_level }: Place): MessageInitShape<typeof SeatSchema> {
  return { coachNo: coach_no, seatNo: seat_no, seatClass: seatClasses.to(seat_class), berthLevel: berthLevels.to(berth_level) };
}

export function partMessage({ seat, from_index, to_index }: PlacePart): MessageInitShape<typeof SeatPartSchema> {
  return { seat: seatMessage(seat), fromIndex: from_index, toIndex: to_index };
}

export function preferenceOf(message: SeatPreference): Preference {
  const { window, aisle, letters, together, sameCoach, quietCoach, required, berthLevel } = message;
  return { window, aisle, letters: [...letters], together, same_coach: sameCoach, quiet_coach: quietCoach, required, berth_level: berthLevels.of(berthLevel) };
}

export function preferenceMessage({ same_coach, quiet_coach, berth_level, ...same }: Preference): MessageInitShape<typeof SeatPreferenceSchema> {
  return { ...same, sameCoach: same_coach, quietCoach: quiet_coach, berthLevel: berthLevels.to(berth_level) };
}
