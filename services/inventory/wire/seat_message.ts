import { create } from '@bufbuild/protobuf';
import { BerthLevel, SeatClass, SeatSchema, type Seat, type SeatPreference as PreferenceMessage } from '#gen/rail/type/v1/journey_pb.ts';
import { NO_PREFERENCE, type SeatPreference } from '../domain/hold.ts';
import type { SeatName } from '../domain/place.ts';
import { CLASS_CODE, classOfCode, type SeatClass as SeatClassName } from '../domain/seat_class.ts';

type BerthName = NonNullable<SeatName['berth']>;

const BERTH: Record<BerthName, BerthLevel> = { lower: BerthLevel.LOWER, middle: BerthLevel.MIDDLE, upper: BerthLevel.UPPER };

/** The contract's enum and the stored numbers are the same by choice (domain/seat_class.ts). */
export function classMessage(seat_class: SeatClassName): SeatClass {
  return classCodeMessage(CLASS_CODE[seat_class]);
}

export function classCodeMessage(class_code: number): SeatClass {
  return class_code as SeatClass;
}

/** Undefined for UNSPECIFIED and for classes of a newer contract. */
export function classFromMessage(seat_class: SeatClass): SeatClassName | undefined {
  return Object.values(CLASS_CODE).includes(seat_class) ? classOfCode(seat_class) : undefined;
}

export function seatMessage({ coach_no, seat_no, seat_class, berth }: SeatName): Seat {
  return create(SeatSchema, { coachNo: coach_no, seatNo: seat_no, seatClass: classMessage(seat_class), berthLevel: berth === undefined ? BerthLevel.UNSPECIFIED : BERTH[berth] });
}

export function preferenceFromMessage(message: PreferenceMessage | undefined): SeatPreference {
  if (message === undefined) return NO_PREFERENCE;
  const { window, aisle, letters, together, sameCoach: same_coach, quietCoach: quiet_coach, required } = message;
  const berth = (Object.keys(BERTH) as BerthName[]).find((name) => BERTH[name] === message.berthLevel);
  return { window, aisle, letters, together, same_coach, berth, quiet_coach, required };
}
