/**
 * Who gets what is free on a run, without looking at everybody who waits. What requests of one kind (the same stretch, classes,
 * number of passengers) can be served with is the same, so only the first ones of each kind have to be looked at, as many as there
 * are seats for, and of those the first that fits is who is served next. That is the order in which all of them would be tried one
 * after the other: seats only become fewer while they are given out, so who did not fit before does not fit later.
 */
export type StandbyKind = {
  /** Acceptable classes, best first. */
  classes: readonly string[];
  /** Segments from … to-1 of the run. */
  from: number;
  to: number;
  /** Passengers, all or none. */
  size: number;
  /** Two or three seats that together cover the trip are acceptable. */
  changes: boolean;
};

/** One of the first that wait of a kind; the lower the rank the earlier. `wish_no`: which of its wishes that is, the best first. */
export type Head = { kind: string; rank: number; wish_no: number };

/** How many single tickets of a class are free on a stretch, what is kept for standby included. */
export type FreePlaces = (seat_class: string, from: number, to: number) => number;

/** The most that are served in one step. */
export const SERVED_AT_ONCE = 32;
/** Seats that one passenger may change between. */
const PARTS_MAX = 3;

/**
 * The next who are served, in their order: the first in rank of those whom the free places fit, and those behind it for whom there are
 * seats whichever those before them get. Where that depends on it, the rest is for the next time, and also where one that is served
 * has another wish that might fit: it stands in `waiting` in place of somebody behind it. `waiting`: of each kind as many as
 * `mostServed` says, at least; `tried`: kinds that had no seat in fact.
 */
export function nextToServe<H extends Head>(waiting: readonly H[], free: FreePlaces, tried: ReadonlySet<string> = new Set()): H[] {
  const next: H[] = [];
  const before: StandbyKind[] = [];
  for (const one of waiting.toSorted((left, right) => left.rank - right.rank || left.wish_no - right.wish_no)) {
    if (tried.has(one.kind)) continue;
    const kind = kindFromText(one.kind);
    if (!mayFit(kind, atMost(free, before))) continue;
    if (next.at(-1)?.rank === one.rank) break;
    const sure = count(kind.classes, atLeast(free, before), kind.from, kind.to) >= kind.size;
    if (!sure && next.length > 0) break;
    next.push(one);
    before.push(kind);
    if (!sure || next.length === SERVED_AT_ONCE) break;
  }
  return next;
}

/** What may be left when those before have got their seats: surely taken is what lies within the stretch of who takes one of that class. */
function atMost(free: FreePlaces, before: readonly StandbyKind[]): FreePlaces {
  return (seat_class, from, to) => {
    const taken = before.filter((kind) => !kind.changes && kind.classes.length === 1 && kind.classes[0] === seat_class && kind.from <= from && to <= kind.to);
    return free(seat_class, from, to) - taken.reduce((sum, { size }) => sum + size, 0);
  };
}

/** What surely is left: whoever takes a seat on a part of the stretch may take one that was free on all of it. */
function atLeast(free: FreePlaces, before: readonly StandbyKind[]): FreePlaces {
  return (seat_class, from, to) => {
    const taken = before.filter((kind) => kind.classes.includes(seat_class) && kind.from < to && from < kind.to);
    return free(seat_class, from, to) - taken.reduce((sum, { size, changes }) => sum + size * (changes ? PARTS_MAX : 1), 0);
  };
}

/**
 * False: surely no seat for all of the group. True is sure, too, unless seats may be changed on the way: then whether two or
 * three seats reach is decided by who takes them.
 */
export function mayFit(kind: StandbyKind, free: FreePlaces): boolean {
  return mostServed(kind, free) > 0;
}

/** How many requests of a kind the free places can serve at most. */
export function mostServed({ classes, from, to, size, changes }: StandbyKind, free: FreePlaces): number {
  const stretches = changes ? Array.from({ length: to - from }, (_, index) => [from + index, from + index + 1] as const) : [[from, to] as const];
  return Math.floor(Math.min(...stretches.map(([first, end]) => count(classes, free, first, end))) / size);
}

function count(classes: readonly string[], free: FreePlaces, from: number, to: number): number {
  return classes.reduce((sum, seat_class) => sum + free(seat_class, from, to), 0);
}

/** `SECOND,FIRST|0|5|2|1`: equal for requests that the same seats fit. */
export function kindText({ classes, from, to, size, changes }: StandbyKind): string {
  return [classes.join(','), from, to, size, changes ? 1 : 0].join('|');
}

export function kindFromText(text: string): StandbyKind {
  const [classes = '', from = '', to = '', size = '', changes = ''] = text.split('|');
  return { classes: classes.split(','), from: Number(from), to: Number(to), size: Number(size), changes: changes === '1' };
}
