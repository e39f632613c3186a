import type { Seat } from '../../../timetable/seats.ts';
import { layoutOfCoaches, layoutProblem, type RunCoach, type RunLayout } from './layout.ts';
import type { ClosedQuota } from './quota.ts';

/**
 * The number under which seats that are gone are kept from everybody, as if by a quota that nobody may buy from. Quotas are
 * numbered from 0 and never come here.
 */
export const GONE = 65_535;

export type ChangedLayout = {
  layout: RunLayout;
  /** Seats of the layout that the run does not have any more. */
  gone: ClosedQuota[];
  /** Seats that the run did not have before. */
  added: number;
};

/**
 * The layout of a run that has other coaches now. Seats keep their bits for ever, since holds and ledger name them by bit:
 * what is new comes behind, what is gone stays and is kept from everybody. When so many seats have come and gone that the
 * layout would be too large, nothing is added.
 */
export function changedLayout(layout: RunLayout, coaches: readonly RunCoach[]): ChangedLayout {
  const wanted = namesOf(coaches);
  const known = new Set(layout.classes.flatMap(({ code, seats }) => seats.map((seat) => nameOf(code, seat))));
  const generation = Math.max(0, ...layout.coaches.map(({ added = 0 }) => added)) + 1;
  const fresh = coaches.filter((coach) => [...namesOf([coach])].some((name) => !known.has(name))).map((coach) => ({ ...coach, added: generation }));
  const extended = [...layout.coaches, ...fresh];
  const fits = fresh.length > 0 && layoutProblem(extended) === undefined;
  const next = fits ? layoutOfCoaches(extended) : layout;
  return { layout: next, gone: goneOf(next, wanted), added: next.seat_count - layout.seat_count };
}

/** Spans of seats whose names are not wanted. */
function goneOf(layout: RunLayout, wanted: ReadonlySet<string>): ClosedQuota[] {
  const spans: ClosedQuota[] = [];
  for (const { code, seats } of layout.classes) {
    for (const seat of seats) {
      if (wanted.has(nameOf(code, seat))) continue;
      const last = spans.at(-1);
      if (last?.class_code === code && last.first + last.count === seat.index) last.count += 1;
      else spans.push({ number: GONE, class_code: code, first: seat.index, count: 1 });
    }
  }
  return spans;
}

export function isGone(gone: readonly ClosedQuota[], class_code: number, index: number): boolean {
  return gone.some((span) => span.class_code === class_code && index >= span.first && index < span.first + span.count);
}

function namesOf(coaches: readonly RunCoach[]): Set<string> {
  return new Set(layoutOfCoaches(coaches).classes.flatMap(({ code, seats }) => seats.map((seat) => nameOf(code, seat))));
}

function nameOf(class_code: number, { seat_no }: Seat): string {
  return `${class_code}/${seat_no}`;
}
