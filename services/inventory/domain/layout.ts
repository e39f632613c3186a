import { fnv1a64 } from '#kit/base/hash.ts';
import { coachProblem, seatsOfClass, type Seat } from '../../../timetable/seats.ts';
import { CLASS_CODE, type NumberedSeatClass } from './seat_class.ts';

/** A coach as a run carries it. */
export type RunCoach = {
  coach_no: number;
  seat_class: NumberedSeatClass;
  layout_id: string;
  seat_count: number;
  quiet: boolean;
  /** Which change of the run brought it; unset for those it was opened with. Its seats have the bits behind all earlier ones. */
  added?: number;
};

/** The seats of one class of a run; a seat's place in the list is its bit. */
export type ClassLayout = {
  seat_class: NumberedSeatClass;
  code: number;
  seats: readonly Seat[];
  quiet_coaches: ReadonlySet<number>;
};

/** All numbered seats of a run, by class. Runs with the same coaches share one. */
export type RunLayout = {
  layout_hash: string;
  coaches: readonly RunCoach[];
  classes: readonly ClassLayout[];
  seat_count: number;
};

/** Bounds one function call: bitmaps of a class are decoded whole. The largest set of the rules has 1,416 hard seats. */
export const MAX_SEATS_PER_CLASS = 2_400;

/** Why a list of coaches can't carry sales, or undefined when it can. */
export function layoutProblem(coaches: readonly RunCoach[]): string | undefined {
  for (const coach of coaches) {
    const problem = coachProblem(coach);
    if (problem !== undefined) return problem;
  }
  const counts = new Map<string, number>();
  for (const coach of coaches) counts.set(coach.seat_class, (counts.get(coach.seat_class) ?? 0) + coach.seat_count);
  const large = [...counts].find(([, count]) => count > MAX_SEATS_PER_CLASS);
  return large === undefined ? undefined : `${large[1]} seats of class ${large[0]}, at most ${MAX_SEATS_PER_CLASS}`;
}

/** The layout of a list of coaches. Throws for one that `layoutProblem` objects to. */
export function layoutOfCoaches(coaches: readonly RunCoach[]): RunLayout {
  const quiet_coaches = new Set(coaches.filter((coach) => coach.quiet).map((coach) => coach.coach_no));
  const names = new Set(coaches.map((coach) => coach.seat_class));
  const classes = [...names]
    .map((seat_class) => ({ seat_class, code: CLASS_CODE[seat_class], seats: seatsInOrder(coaches, seat_class), quiet_coaches }))
    .sort((left, right) => left.code - right.code);
  const seat_count = classes.reduce((sum, entry) => sum + entry.seats.length, 0);
  return { layout_hash: layoutHash(coaches), coaches, classes, seat_count };
}

/** Bit order: what the run was opened with, then what each change brought. A seat that is there already comes but once. */
function seatsInOrder(coaches: readonly RunCoach[], seat_class: NumberedSeatClass): Seat[] {
  const generations = [...new Set(coaches.map(({ added = 0 }) => added))].sort((left, right) => left - right);
  if (generations.length === 1) return seatsOfClass(coaches, seat_class);
  const seats = new Map<string, Seat>();
  for (const generation of generations) {
    for (const seat of seatsOfClass(coaches.filter(({ added = 0 }) => added === generation), seat_class)) {
      if (!seats.has(seat.seat_no)) seats.set(seat.seat_no, { ...seat, index: seats.size });
    }
  }
  return [...seats.values()];
}

/** Names the content: equal coaches give equal hashes, on every machine and for ever. */
export function layoutHash(coaches: readonly RunCoach[]): string {
  const text = coaches.map((coach) => `${coach.coach_no}:${coach.layout_id}${coach.quiet ? ':q' : ''}${coach.added === undefined ? '' : `:a${coach.added}`}`).join(',');
  return `l1-${fnv1a64(text).toString(16).padStart(16, '0')}`;
}

const FLAG = { window: 1, aisle: 2, lower: 4, middle: 8, upper: 16, quiet: 32 } as const;

/**
 * What the Redis Function must know of the seats, as JSON: per class the coach, the unit (row, or compartment of berths),
 * the letter and the flags of every bit.
 */
export function layoutForRedis(layout: RunLayout): string {
  const classes = layout.classes.map((entry) => [
    String(entry.code),
    {
      n: entry.seats.length,
      coach: entry.seats.map((seat) => seat.coach_no),
      unit: entry.seats.map((seat) => seat.coach_no * 1000 + (seat.compartment ?? seat.row)),
      letter: entry.seats.map((seat) => seat.letter).join(''),
      flag: entry.seats.map((seat) => flagsOf(seat, entry.quiet_coaches)),
    },
  ]);
  return JSON.stringify(Object.fromEntries(classes));
}

function flagsOf(seat: Seat, quiet: ReadonlySet<number>): number {
  return (
    (seat.window ? FLAG.window : 0) | (seat.aisle ? FLAG.aisle : 0) | (seat.berth === undefined ? 0 : FLAG[seat.berth]) | (quiet.has(seat.coach_no) ? FLAG.quiet : 0)
  );
}
