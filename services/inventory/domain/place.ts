import type { Seat } from '../../../timetable/seats.ts';
import type { RunLayout } from './layout.ts';
import { classOfCode, STANDING_CODE, type SeatClass } from './seat_class.ts';

/** A seat as the contracts name it: `05`, `12A`; both empty for a standing place. */
export type SeatName = { coach_no: string; seat_no: string; seat_class: SeatClass; berth?: 'lower' | 'middle' | 'upper' };

/** Index of standing places, which have no number. */
export const NO_SEAT = -1;

/** `05`. */
export function coachName(coach_no: number): string {
  return String(coach_no).padStart(2, '0');
}

/** `12A`, `098`, `07下`: what is printed behind the coach. */
export function seatNoOf(seat: Seat): string {
  return seat.seat_no.slice(seat.seat_no.indexOf('车') + 1).replace(/铺$/, '');
}

/** The name of a bit. Throws for a bit the layout doesn't have. */
export function seatNameOf(layout: RunLayout, class_code: number, index: number): SeatName {
  if (class_code === STANDING_CODE) return { coach_no: '', seat_no: '', seat_class: 'standing' };
  const seat = layout.classes.find((entry) => entry.code === class_code)?.seats[index];
  if (seat === undefined) throw new RangeError(`class ${classOfCode(class_code)} has no seat ${index}`);
  return { coach_no: coachName(seat.coach_no), seat_no: seatNoOf(seat), seat_class: seat.seat_class, berth: seat.berth };
}

type SeatBit = { class_code: number; index: number };

/**
 * Class and bit of a named seat; undefined when the run has no such seat. Where coaches were changed two classes may have had
 * a seat of the same name: the one that is there is meant.
 */
export function findSeat(layout: RunLayout, coach_no: string, seat_no: string, isGone: (bit: SeatBit) => boolean = () => false): SeatBit | undefined {
  return namesOf(layout).get(`${coach_no}/${seat_no}`)?.find((bit) => !isGone(bit));
}

const names_by_layout = new WeakMap<RunLayout, ReadonlyMap<string, readonly SeatBit[]>>();

function namesOf(layout: RunLayout): ReadonlyMap<string, readonly SeatBit[]> {
  const known = names_by_layout.get(layout);
  if (known !== undefined) return known;
  const names = new Map<string, SeatBit[]>();
  for (const entry of layout.classes) {
    for (const seat of entry.seats) {
      const name = `${coachName(seat.coach_no)}/${seatNoOf(seat)}`;
      names.set(name, [...(names.get(name) ?? []), { class_code: entry.code, index: seat.index }]);
    }
  }
  names_by_layout.set(layout, names);
  return names;
}
