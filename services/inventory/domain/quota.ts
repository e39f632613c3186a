import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { RunLayout } from './layout.ts';
import { CLASS_CODE, type NumberedSeatClass } from './seat_class.ts';
import { isStretch, type Stretch } from './stretch.ts';

/** Sales channels as quotas name them; the contract's, in lower case. */
export const CHANNELS = ['web', 'app', 'mini_program', 'counter', 'partner'] as const;
export type Channel = (typeof CHANNELS)[number];

export const PASSENGER_TYPES = ['adult', 'child', 'student', 'disabled_veteran'] as const;
export type PassengerType = (typeof PASSENGER_TYPES)[number];

/** Seats of a class that only some may buy until `release_ms`. Conditions that are empty (or 0) are none. */
export type Quota = {
  /** Never used for another quota of the run: a process that knows older quotas can't take one for the other. */
  number: number;
  name: string;
  seat_class: NumberedSeatClass;
  seats: number;
  channels: readonly Channel[];
  passenger_types: readonly PassengerType[];
  /** Trips of at least so many segments: long-haul before short-haul. */
  min_segments: number;
  /** Trips that cover at least this. */
  stretch?: Stretch;
  /** Epoch milliseconds; unset: until the sale ends. */
  release_ms?: number;
};

export type NewQuota = Omit<Quota, 'number'>;

/** Who asks for seats: what quotas look at beside the stretch. An unknown channel has no quota; an unknown type is an adult. */
export type Buyer = { channel?: Channel; passenger_type?: PassengerType };

/** Seats [first, first + count) of a class are kept for those who may buy from the run's quota `number`. */
export type ClosedQuota = { number: number; class_code: number; first: number; count: number };

/** Quotas of one run: each is a mask in the Function and a state that watchers are told of. */
export const MAX_QUOTAS = 8;

/** Whether the buyer of a trip may have seats that are kept by this quota. */
export function mayBuy(quota: Quota, { channel, passenger_type = 'adult' }: Buyer, stretch: Stretch): boolean {
  if (quota.channels.length > 0 && (channel === undefined || !quota.channels.includes(channel))) return false;
  if (quota.passenger_types.length > 0 && !quota.passenger_types.includes(passenger_type)) return false;
  if (stretch.to - stretch.from < quota.min_segments) return false;
  return quota.stretch === undefined || (stretch.from <= quota.stretch.from && quota.stretch.to <= stretch.to);
}

/** Numbers of the quotas the buyer of a trip may buy from. */
export function quotasFor(quotas: readonly Quota[], buyer: Buyer, stretch: Stretch): number[] {
  return quotas.filter((quota) => mayBuy(quota, buyer, stretch)).map(({ number }) => number);
}

export function isReleased(quota: Quota, now_ms: number): boolean {
  return quota.release_ms !== undefined && quota.release_ms <= now_ms;
}

/** When the next quota becomes everybody's; undefined when none does. */
export function nextRelease_ms(quotas: readonly Quota[], now_ms: number): number | undefined {
  const times = quotas.flatMap(({ release_ms }) => (release_ms === undefined || release_ms <= now_ms ? [] : [release_ms]));
  return times.length === 0 ? undefined : Math.min(...times);
}

/**
 * Which seats are kept at this time. A quota takes the last seats of its class that no earlier quota of the list has,
 * released or not, so the release of one moves no other.
 */
export function closedQuotas(quotas: readonly Quota[], layout: RunLayout, now_ms: number): ClosedQuota[] {
  const ends = new Map(layout.classes.map(({ seat_class, seats }) => [seat_class, seats.length]));
  const closed: ClosedQuota[] = [];
  for (const quota of quotas) {
    const end = ends.get(quota.seat_class) ?? 0;
    const count = Math.min(quota.seats, end);
    ends.set(quota.seat_class, end - count);
    if (count > 0 && !isReleased(quota, now_ms)) closed.push({ number: quota.number, class_code: CLASS_CODE[quota.seat_class], first: end - count, count });
  }
  return closed;
}

/** Checks quotas against the run they are for. FIELD_INVALID names the first that can't be. */
export function checkQuotas(quotas: readonly NewQuota[], layout: RunLayout, segments: number): Result<undefined> {
  if (quotas.length > MAX_QUOTAS) return fieldInvalid('quotas', `at most ${MAX_QUOTAS}`);
  const left = new Map(layout.classes.map(({ seat_class, seats }) => [seat_class, seats.length]));
  const names = new Set<string>();
  for (const [index, quota] of quotas.entries()) {
    const problem = quotaProblem(quota, names, left, segments);
    if (problem !== undefined) return fieldInvalid(`quotas[${index}]`, problem);
    names.add(quota.name);
    left.set(quota.seat_class, left.get(quota.seat_class)! - quota.seats);
  }
  return ok(undefined);
}

function quotaProblem(quota: NewQuota, names: ReadonlySet<string>, left: ReadonlyMap<NumberedSeatClass, number>, segments: number): string | undefined {
  if (!/^[a-z0-9_]{1,32}$/.test(quota.name)) return 'name: 1 to 32 of a-z, 0-9 and _';
  if (names.has(quota.name)) return 'name: used twice';
  const seats_left = left.get(quota.seat_class);
  if (seats_left === undefined) return 'seat_class: not on this run';
  if (quota.seats < 1 || quota.seats > seats_left) return `seats: 1 to ${seats_left}`;
  if (quota.min_segments > segments) return `min_segments: at most ${segments}`;
  if (quota.stretch !== undefined && !isStretch(quota.stretch, segments)) return `stretch: not on this run`;
  const conditions = quota.channels.length + quota.passenger_types.length + quota.min_segments + (quota.stretch === undefined ? 0 : 1);
  return conditions === 0 ? 'needs a condition' : undefined;
}
