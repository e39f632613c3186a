import type { SeatClass } from './seat_class.ts';
import type { Stretch } from './stretch.ts';

/** Sales channels as quotas name them; the contract's, in lower case. */
export const CHANNELS = ['web', 'app', 'mini_program', 'counter', 'partner'] as const;
export type Channel = (typeof CHANNELS)[number];

export const PASSENGER_TYPES = ['adult', 'child', 'student', 'disabled_veteran'] as const;
export type PassengerType = (typeof PASSENGER_TYPES)[number];

/** Seats of a class that only some may buy until `release_ms`. Conditions that are empty (or 0) are none. */
export type Quota = {
  name: string;
  seat_class: SeatClass;
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

/** Who asks for seats: what quotas look at beside the stretch. Unknown channels and types have no quota. */
export type Buyer = { channel?: Channel; passenger_type?: PassengerType };

/** Seats [first, first + count) of a class are kept for those who may buy from the run's quota `number`. */
export type ClosedQuota = { number: number; class_code: number; first: number; count: number };
