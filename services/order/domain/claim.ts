/** A person can travel once at a time, whatever account buys: claims of a person's time by day (DESIGN §5). */
import { addDays, serviceDateAt } from '#kit/base/time.ts';

/** Half open: a journey that begins when another ends does not overlap it. */
export type TimeSpan = { start_ms: number; end_ms: number };

export type Claim = TimeSpan & {
  /** Blind index of the person, hex. */
  person: string;
  /** Day in Asia/Shanghai; a journey over midnight claims each day it touches. */
  travel_date: string;
  /** Item of the entry, then of the order. */
  item_no: number;
};

/** No journey of a train takes longer; a longer one is an error of the timetable. */
const MAX_DAYS = 8;

export function overlaps(left: TimeSpan, right: TimeSpan): boolean {
  return left.start_ms < right.end_ms && right.start_ms < left.end_ms;
}

/** The days in Asia/Shanghai that a span touches, in order. The moment of arrival belongs to no day of its own. */
export function daysOf({ start_ms, end_ms }: TimeSpan): string[] {
  if (end_ms <= start_ms) throw new RangeError('a journey takes time');
  const last = serviceDateAt(end_ms - 1);
  const days = [serviceDateAt(start_ms)];
  while (days.at(-1) !== last) {
    if (days.length >= MAX_DAYS) throw new RangeError('a journey of more than a week');
    days.push(addDays(days.at(-1)!, 1));
  }
  return days;
}

/** The claims of all travellers of a journey, in the one order in which everybody locks them. */
export function claimsOf(people: readonly { person: string; item_no: number }[], span: TimeSpan): Claim[] {
  const days = daysOf(span);
  return people
    .flatMap(({ person, item_no }) => days.map((travel_date) => ({ person, travel_date, item_no, ...span })))
    .toSorted(claimOrder);
}

/** The one order in which everybody locks days. */
export function claimOrder(left: Claim, right: Claim): number {
  return compare(left.person, right.person) || compare(left.travel_date, right.travel_date);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
