import type { Coach, NumberedSeatClass, StopTime, TrainType } from '../model.ts';
import { coach } from '../seats.ts';

/** A formation of coaches as one thing: what a train is made of. */
export interface Consist {
  consist_id: ConsistId;
  coaches: Coach[];
  standing_capacity: number;
}

export type ConsistId = 'G8' | 'G16' | 'D8' | 'D16' | 'D16S' | 'C8' | 'Z18' | 'T17' | 'K17' | 'P12';

/** Trains at least this long in distance get 16 cars: below it the traffic fits 8. */
const LONG_G_TRAIN_M = 900_000;
const LONG_D_TRAIN_M = 1_200_000;
const EVENING_S = 18 * 3600;
const NEXT_MORNING_S = 28 * 3600;

/**
 * The formation of a train whose feed names none, by type:
 * G and D have 8 cars, long ones 16; a D train that leaves in the evening and arrives after 04:00 has berths (动卧);
 * C has 8 cars and sells standing places; Z, T and K are locomotive-hauled 25-type sets with berths and hard seats;
 * everything else is a short set of hard seats.
 *
 * Source: our own rule, after the public seat plans of CR400AF (8 and 16 cars), CRH1E sleepers, CRH6A and 25G/25T
 * sets. Counts are of that size, not of any one train.
 */
export function consistFor(train_type: TrainType, stops: readonly StopTime[]): Consist {
  return CONSISTS[consistIdFor(train_type, stops)];
}

export function consistById(consist_id: ConsistId): Consist {
  return CONSISTS[consist_id];
}

/** The classes a train type can carry; fares exist for exactly these and `standing`. */
export function seatClassesOf(train_type: TrainType): readonly NumberedSeatClass[] {
  if (train_type === 'D') return ['business', 'first', 'second', 'soft_sleeper'];
  if (train_type === 'G' || train_type === 'C') return ['business', 'first', 'second'];
  return ['soft_sleeper', 'hard_sleeper', 'soft_seat', 'hard_seat'];
}

function consistIdFor(train_type: TrainType, stops: readonly StopTime[]): ConsistId {
  const distance_m = stops.at(-1)?.distance_m ?? 0;
  switch (train_type) {
    case 'G':
      return distance_m >= LONG_G_TRAIN_M ? 'G16' : 'G8';
    case 'D':
      if ((stops[0]?.departure_s ?? 0) >= EVENING_S && (stops.at(-1)?.arrival_s ?? 0) >= NEXT_MORNING_S) return 'D16S';
      return distance_m >= LONG_D_TRAIN_M ? 'D16' : 'D8';
    case 'C':
      return 'C8';
    case 'Z':
      return 'Z18';
    case 'T':
      return 'T17';
    case 'K':
      return 'K17';
    case 'other':
      return 'P12';
  }
}

const CONSISTS: Record<ConsistId, Consist> = {
  G8: {
    consist_id: 'G8',
    coaches: [coach(1, 'business', 9), coach(1, 'first', 28, 4), ...cars('second', 90, [2, 3, 4]), coach(5, 'second', 75), ...cars('second', 90, [6, 7]), coach(8, 'second', 75)],
    standing_capacity: 0,
  },
  G16: {
    consist_id: 'G16',
    coaches: [coach(1, 'business', 21), ...cars('first', 60, [2, 3]), ...cars('second', 90, [4, 5, 6, 7, 8]), coach(9, 'second', 55), ...cars('second', 90, [10, 11, 12, 13, 14, 15]), coach(16, 'second', 75)],
    standing_capacity: 0,
  },
  D8: {
    consist_id: 'D8',
    coaches: [coach(1, 'first', 48), ...cars('second', 90, [2, 3, 4]), coach(5, 'second', 55), ...cars('second', 90, [6, 7]), coach(8, 'second', 75)],
    standing_capacity: 80,
  },
  D16: {
    consist_id: 'D16',
    coaches: [...cars('first', 48, [1, 2]), ...cars('second', 90, [3, 4, 5, 6, 7, 8]), coach(9, 'second', 55), ...cars('second', 90, [10, 11, 12, 13, 14, 15]), coach(16, 'second', 75)],
    standing_capacity: 120,
  },
  D16S: {
    consist_id: 'D16S',
    coaches: [coach(1, 'second', 75), ...cars('soft_sleeper', 40, [2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]), coach(16, 'second', 75)],
    standing_capacity: 0,
  },
  C8: {
    consist_id: 'C8',
    coaches: [coach(1, 'first', 40), ...cars('second', 80, [2, 3, 4, 5, 6, 7]), coach(8, 'second', 70)],
    standing_capacity: 200,
  },
  Z18: {
    consist_id: 'Z18',
    coaches: [...cars('hard_seat', 118, [1, 2, 3]), ...cars('soft_sleeper', 36, [4, 5]), ...cars('hard_sleeper', 66, [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]), ...cars('hard_seat', 118, [17, 18])],
    standing_capacity: 150,
  },
  T17: {
    consist_id: 'T17',
    coaches: [...cars('hard_seat', 118, [1, 2, 3, 4]), coach(5, 'soft_seat', 64), coach(6, 'soft_sleeper', 36), ...cars('hard_sleeper', 66, [8, 9, 10, 11, 12, 13]), ...cars('hard_seat', 118, [14, 15, 16, 17])],
    standing_capacity: 250,
  },
  K17: {
    consist_id: 'K17',
    coaches: [...cars('hard_seat', 118, [1, 2, 3, 4, 5, 6]), coach(7, 'soft_sleeper', 36), ...cars('hard_sleeper', 66, [9, 10, 11, 12, 13]), ...cars('hard_seat', 118, [14, 15, 16, 17])],
    standing_capacity: 400,
  },
  P12: {
    consist_id: 'P12',
    coaches: cars('hard_seat', 118, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    standing_capacity: 300,
  },
};

function cars(seat_class: NumberedSeatClass, seat_count: number, coach_nos: readonly number[]): Coach[] {
  return coach_nos.map((coach_no) => coach(coach_no, seat_class, seat_count));
}
