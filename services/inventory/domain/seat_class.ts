import { SEAT_CLASSES, type NumberedSeatClass, type SeatClass } from '../../../timetable/model.ts';

export type { NumberedSeatClass, SeatClass };

/**
 * The number a class has in Redis fields and ledger rows. Stored, so never renumbered; equal to the contract's enum, for
 * people who read rows.
 */
export const CLASS_CODE: Readonly<Record<SeatClass, number>> = {
  business: 1,
  first: 2,
  second: 3,
  soft_sleeper: 4,
  hard_sleeper: 5,
  soft_seat: 6,
  hard_seat: 7,
  standing: 8,
};

export const STANDING_CODE = CLASS_CODE.standing;

const BY_CODE: ReadonlyMap<number, SeatClass> = new Map(SEAT_CLASSES.map((seat_class) => [CLASS_CODE[seat_class], seat_class]));

/** The class of a stored number. Throws for a number nobody ever stored: that is a bug, not an input. */
export function classOfCode(code: number): SeatClass {
  const seat_class = BY_CODE.get(code);
  if (seat_class === undefined) throw new RangeError(`no seat class has the number ${code}`);
  return seat_class;
}
