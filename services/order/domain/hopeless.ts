/**
 * From which place in a run's queue on waiting is hopeless (DESIGN §5.2): demand ahead reaches free + unpaid on some segment
 * of every acceptable class. It is advice, so it must never discourage wrongly; demand is counted only where it certainly
 * stands in the way, whatever those ahead choose and whatever seats they get. Somebody ahead counts against a later one if
 *
 *   either they surely get places: more are free on their stretch than everybody before them could take of it,
 *   or they need no more than the later one: the same classes, a stretch within, no larger group. Should they be refused,
 *   then so is the later one, who needs at least as much; and if not, they have taken places.
 *
 * Who has an alternative counts for all their classes together, never for one of them, until the others are gone. Who would
 * be refused counts for nothing: their places stay. Assumed is that nobody ahead leaves, that unpaid places come back before
 * or not at all, and that nobody gives back what is paid or locked; who is told so is served like everybody else, should it
 * turn out otherwise.
 */
import type { ClassSet, Demand } from './demand.ts';

type Stretch = { from_index: number; to_index: number };
export type Ahead = { score: number; demand: Demand };

/** Places of a run by class digit. */
export type Room = {
  /** On single segments and on the stretches that are wanted; what is missing counts as none. */
  free: readonly (Stretch & { classes: ClassSet; places: number })[];
  /** Held for orders that are not paid. */
  unpaid: readonly (Stretch & { classes: ClassSet })[];
  /** Taken from the queue: held already or about to be. Counted as unpaid and as in the way of others, so on the safe side of both. */
  in_flight: readonly Demand[];
};

/** By kind of demand: who has a higher score than this is too late. */
export type Marks = Readonly<Record<string, number>>;

/** Kinds of demand told apart for a run; of more there is no advice. */
const KINDS_MAX = 200;
/** 同车换座: seats one trip may take at most. */
const PARTS_MAX = 3;
const FROM_THE_START = -1;

export function isHopeless(marks: Marks, score: number, demand: Demand): boolean {
  return demand.groups.some(({ classes, count }) => {
    const mark = marks[keyOf({ ...demand, classes, count })];
    return mark !== undefined && mark < score;
  });
}

/** `waiting`: in the order of service. */
export function hopelessMarks(room: Room, waiting: readonly Ahead[]): Marks {
  const kinds = kindsOf(waiting, segmentsOf(room));
  const marks: Record<string, number> = {};
  for (const kind of kinds.values()) if (kind.left.some((places) => places < kind.count)) mark(marks, kind, FROM_THE_START, kinds);
  const taken = new Taken(room);
  for (const { score, demand } of waiting) {
    if (isHopeless(marks, score, demand)) continue;
    const sure = taken.surelyFits(demand);
    const open = openGroups(marks, score, demand);
    for (const kind of kinds.values()) {
      const [from, to] = [Math.max(kind.from_index, demand.from_index), Math.min(kind.to_index, demand.to_index)];
      const count = from >= to ? 0 : sure ? takenOf(kind, open) : neededOf(kind, demand, open);
      if (count === 0) continue;
      let enough = true;
      for (let at = from - kind.from_index; at < to - kind.from_index; at += 1) enough = (kind.left[at]! -= count) >= kind.count && enough;
      if (!enough) mark(marks, kind, score, kinds);
    }
    taken.add(demand);
  }
  return marks;
}

/** Passengers of an entry who want the same. */
type Kind = Stretch & {
  key: string;
  classes: ClassSet;
  bits: number;
  count: number;
  parts: boolean;
  /** Places on each segment that those ahead do not surely use up. */
  left: number[];
};

function keyOf({ classes, from_index, to_index, count, parts }: Pick<Kind, 'classes' | 'from_index' | 'to_index' | 'count' | 'parts'>): string {
  return `${classes}:${from_index}-${to_index}x${count}${parts ? '~' : ''}`;
}

/** Each kind among those who wait, and one passenger of each of its classes alone. */
function kindsOf(waiting: readonly Ahead[], places: (class_digit: string, segment: number) => number): Map<string, Kind> {
  const kinds = new Map<string, Kind>();
  const add = (kind: Omit<Kind, 'key' | 'left' | 'bits'>): void => {
    const key = keyOf(kind);
    if (kinds.has(key) || kinds.size >= KINDS_MAX) return;
    const left = Array.from({ length: kind.to_index - kind.from_index }, (_, index) => [...kind.classes].reduce((sum, digit) => sum + places(digit, kind.from_index + index), 0));
    kinds.set(key, { ...kind, key, left, bits: bitsOf(kind.classes) });
  };
  for (const { demand: { from_index, to_index, parts, groups } } of waiting) {
    for (const { classes, count } of groups) {
      add({ from_index, to_index, parts, classes, count });
      if (classes.length > 1) for (const digit of classes) add({ from_index, to_index, parts, classes: digit, count: 1 });
    }
  }
  return kinds;
}

/** There is no room for the kind any more, nor for those whose last class that was: they need not be counted on. */
function mark(marks: Record<string, number>, kind: Kind, score: number, kinds: Map<string, Kind>): void {
  marks[kind.key] = score;
  kinds.delete(kind.key);
  if (kind.classes.length > 1 || kind.count > 1) return;
  const isGone = (digit: string): boolean => marks[keyOf({ ...kind, classes: digit, count: 1 })] !== undefined;
  for (const other of kinds.values()) {
    const same_trip = other.from_index === kind.from_index && other.to_index === kind.to_index && other.parts === kind.parts;
    // In parts, a trip may be in one class here and in another there.
    if (kind.parts && other.classes.length > 1) continue;
    if (!same_trip || ![...other.classes].every(isGone)) continue;
    marks[other.key] = score;
    kinds.delete(other.key);
  }
}

/** Passengers: their classes, and those of them that are not gone before it is their turn. */
type OpenGroup = { bits: number; open_bits: number; count: number };

function openGroups(marks: Marks, score: number, demand: Demand): OpenGroup[] {
  const isOpen = (digit: string): boolean => demand.parts || !((marks[keyOf({ ...demand, classes: digit, count: 1 })] ?? Infinity) < score);
  return demand.groups.map(({ classes, count }) => ({ bits: bitsOf(classes), open_bits: bitsOf([...classes].filter(isOpen).join('')), count }));
}

/** What an entry that surely gets its places takes of those the kind could have. */
function takenOf(kind: Kind, groups: readonly OpenGroup[]): number {
  let taken = 0;
  for (const { open_bits, count } of groups) if ((open_bits & ~kind.bits) === 0) taken += count;
  return taken;
}

/** What an entry takes that can't be refused unless the kind is refused as well. */
function neededOf(kind: Kind, { picky, parts, from_index, to_index }: Demand, [only, another]: readonly OpenGroup[]): number {
  if (picky || only === undefined || another !== undefined || only.count > kind.count) return 0;
  const same_classes = (only.open_bits & ~kind.bits) === 0 && (kind.bits & ~only.bits) === 0;
  return same_classes && from_index >= kind.from_index && to_index <= kind.to_index && (parts || !kind.parts) ? only.count : 0;
}

function bitsOf(classes: ClassSet): number {
  let bits = 0;
  for (const digit of classes) bits |= 1 << Number(digit);
  return bits;
}

/** Free and unpaid places of a class on a segment. */
function segmentsOf({ free, unpaid, in_flight }: Room): (class_digit: string, segment: number) => number {
  const places = new Map<string, number>();
  const add = (classes: ClassSet, { from_index, to_index }: Stretch, count: number): void => {
    for (const digit of classes) for (let segment = from_index; segment < to_index; segment += 1) places.set(`${digit}@${segment}`, (places.get(`${digit}@${segment}`) ?? 0) + count);
  };
  for (const one of free) if (one.to_index === one.from_index + 1) add(one.classes, one, one.places);
  for (const one of unpaid) add(one.classes, one, 1);
  for (const demand of in_flight) for (const { classes, count } of demand.groups) add(classes, demand, count);
  return (digit, segment) => places.get(`${digit}@${segment}`) ?? 0;
}

/** The most that everybody so far can have taken of what is free now. */
class Taken {
  readonly #free = new Map<string, number>();
  readonly #taken = new Map<string, Map<string, Stretch & { places: number }>>();

  constructor({ free, in_flight }: Room) {
    for (const { classes, from_index, to_index, places } of free) this.#free.set(`${classes}:${from_index}-${to_index}`, places);
    for (const demand of in_flight) this.add(demand);
  }

  surelyFits({ from_index, to_index, groups, picky }: Demand): boolean {
    const all = groups.reduce((sum, { count }) => sum + count, 0);
    return !picky && groups.every(({ classes }) => [...classes].some((digit) => {
      const free = this.#free.get(`${digit}:${from_index}-${to_index}`) ?? 0;
      return free >= all && free - this.#overlapping(digit, { from_index, to_index }) >= all;
    }));
  }

  add({ from_index, to_index, groups, parts }: Demand): void {
    for (const { classes, count } of groups) {
      for (const digit of classes) {
        const stretches = this.#taken.get(digit) ?? new Map<string, Stretch & { places: number }>();
        const key = `${from_index}-${to_index}`;
        const known = stretches.get(key)?.places ?? 0;
        this.#taken.set(digit, stretches.set(key, { from_index, to_index, places: known + count * (parts ? PARTS_MAX : 1) }));
      }
    }
  }

  #overlapping(digit: string, { from_index, to_index }: Stretch): number {
    let places = 0;
    for (const one of this.#taken.get(digit)?.values() ?? []) if (one.from_index < to_index && from_index < one.to_index) places += one.places;
    return places;
  }
}
