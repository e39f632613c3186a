/** What an entry of the waiting queue wants of a run, without who wants it: small enough for its row's column and its token. */
import type { EntryBody } from './entry.ts';
import type { SeatClass } from './order.ts';

export type Demand = {
  from_index: number;
  to_index: number;
  /** Passengers with the same acceptable classes. */
  groups: readonly { classes: ClassSet; count: number }[];
  /** Wants certain seats, so that it may fail while others are free. */
  picky: boolean;
  /** 同车换座: seats of its parts will do. */
  parts: boolean;
};

/** Acceptable classes, each a digit, in ascending order: the same text for the same classes. */
export type ClassSet = string;

/** In rows and tokens: never renumbered. */
const DIGIT: Readonly<Record<SeatClass, string>> = { BUSINESS: '1', FIRST: '2', SECOND: '3', SOFT_SLEEPER: '4', HARD_SLEEPER: '5', SOFT_SEAT: '6', HARD_SEAT: '7', STANDING: '8' };

export function classSet(classes: readonly SeatClass[]): ClassSet {
  return classes.map((one) => DIGIT[one]).toSorted().join('');
}

/** Undefined for who has locked seats already: they want nothing that is free. */
export function demandOf({ journey, passengers, preference, accept_same_train_change, seat_lock_id }: EntryBody): Demand | undefined {
  if (seat_lock_id !== undefined) return undefined;
  const counts = new Map<ClassSet, number>();
  for (const { seat_classes } of passengers) counts.set(classSet(seat_classes), (counts.get(classSet(seat_classes)) ?? 0) + 1);
  return {
    from_index: journey.from_index,
    to_index: journey.to_index,
    groups: [...counts].map(([classes, count]) => ({ classes, count })),
    picky: preference?.required === true || passengers.some(({ seat }) => seat !== undefined),
    parts: accept_same_train_change,
  };
}

/** For example `0-3:3x2,38x1!`: at most 70 characters. */
export function demandText({ from_index, to_index, groups, picky, parts }: Demand): string {
  return `${from_index}-${to_index}:${groups.map(({ classes, count }) => `${classes}x${count}`).join()}${picky ? '!' : ''}${parts ? '~' : ''}`;
}

/** Undefined for a text of another version of this service. */
export function demandFrom(text: string): Demand | undefined {
  const [, from, to, groups, picky, parts] = SHAPE.exec(text) ?? [];
  if (from === undefined || to === undefined || groups === undefined) return undefined;
  return {
    from_index: Number(from),
    to_index: Number(to),
    groups: groups.split(',').map((group) => ({ classes: group.split('x')[0]!, count: Number(group.split('x')[1]) })),
    picky: picky === '!',
    parts: parts === '~',
  };
}

const SHAPE = /^(\d{1,3})-(\d{1,3}):(\d{1,8}x\d(?:,\d{1,8}x\d)*)(!?)(~?)$/;
