import { fail, ok, type Result } from '#kit/base/result.ts';
import { isFree, withoutSeats, type ClassBits } from '../domain/bitmap.ts';
import { keptFrom } from '../domain/quota_remaining.ts';
import { coachName, seatNameOf, type SeatName } from '../domain/place.ts';
import { isGone } from '../domain/coach_change.ts';
import type { RunCoach } from '../domain/layout.ts';
import type { RunHeader } from '../domain/run.ts';
import type { SeatClass } from '../domain/seat_class.ts';
import { stretchBetween, type Stretch } from '../domain/stretch.ts';
import type { Seat } from '../../../timetable/seats.ts';
import { accessSeats } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { refusal } from './refusals.ts';

export type MapSeat = { name: SeatName; free: boolean; window: boolean; aisle: boolean; row: number; column: number };
export type MapCoach = { coach_no: string; seat_class: SeatClass; layout_id: string; seats: MapSeat[] };

/** Seats of a coach (of all coaches where none is named) and whether each is free on the stretch now for anybody. */
export async function getSeatMap(parts: Parts, wish: { run_id: string; from_station_id: string; to_station_id: string; coach_no: string }): Promise<Result<{ coaches: MapCoach[]; version: bigint }>> {
  const access = await accessSeats(parts, wish.run_id);
  if (!access.ok) return access;
  const { run, epoch } = access.value;
  const stretch = stretchBetween(run.stops.map(({ station_id }) => station_id), wish.from_station_id, wish.to_station_id);
  if (stretch === undefined) return fail('STOPS_NOT_ON_RUN');
  const wanted = coachesOf(run).filter(({ coach_no }) => wish.coach_no === '' || coachName(coach_no) === wish.coach_no).filter((coach) => seatsOf(run, coach).length > 0);
  if (wanted.length === 0) return fail('SEAT_MALFORMED', { detail: 'no such coach' });
  const [reply] = await parts.seats.snapshots([{ run, epoch }]);
  if (reply?.status !== 'OK') {
    parts.buckets.suspect(run.bucket, reply?.status ?? 'LOST');
    return refusal(reply?.status ?? 'LOST');
  }
  const { version, closed_quotas } = reply.snapshot;
  const kept = keptFrom(closed_quotas, run.quotas, {}, stretch);
  const classes = new Map([...reply.snapshot.classes].map(([class_code, bits]) => [class_code, withoutSeats(bits, kept.filter((quota) => quota.class_code === class_code))]));
  return ok({ coaches: wanted.map((coach) => mapCoach(run, coach, classes, stretch)), version });
}

/** A coach that was changed has an entry for each change: the newest says what it is now. */
function coachesOf({ layout }: RunHeader): RunCoach[] {
  return [...new Map(layout.coaches.map((coach) => [`${coach.coach_no}/${coach.seat_class}`, coach])).values()];
}

function seatsOf({ layout, change }: RunHeader, { coach_no, seat_class }: RunCoach): Seat[] {
  const entry = layout.classes.find((candidate) => candidate.seat_class === seat_class)!;
  return entry.seats.filter((seat) => seat.coach_no === coach_no && !isGone(change?.gone ?? [], entry.code, seat.index));
}

function mapCoach(run: RunHeader, coach: RunCoach, classes: ReadonlyMap<number, ClassBits>, stretch: Stretch): MapCoach {
  const { coach_no, seat_class, layout_id } = coach;
  const { code } = run.layout.classes.find((candidate) => candidate.seat_class === seat_class)!;
  const bits = classes.get(code)!;
  const seats = seatsOf(run, coach).map((seat) => mapSeat(run, code, seat, freeOn(bits, seat.index, stretch)));
  return { coach_no: coachName(coach_no), seat_class, layout_id, seats };
}

function mapSeat(run: RunHeader, class_code: number, seat: Seat, free: boolean): MapSeat {
  const { window, aisle } = seat;
  return { name: seatNameOf(run.layout, class_code, seat.index), free, window, aisle, row: seat.compartment ?? seat.row, column: COLUMN[seat.letter] ?? 0 };
}

/** Seats by letter, with the aisle between C and D; berths from below. */
const COLUMN: Readonly<Record<string, number>> = { A: 0, B: 1, C: 2, D: 4, F: 5, L: 0, M: 1, U: 2 };

function freeOn(bits: ClassBits, seat: number, { from, to }: Stretch): boolean {
  for (let segment = from; segment < to; segment += 1) if (!isFree(bits, seat, segment)) return false;
  return true;
}
