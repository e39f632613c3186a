import { BERTH_LEVELS, SEAT_CLASSES, TRAIN_TYPES, type BerthLevel, type SeatClass, type TrainType } from '../model.ts';
import { seatClassesOf } from './coaches.ts';
import { isMultipleUnit } from './train_type.ts';

/** Part of the timetable's checksum: change it whenever a fare changes. */
export const FARES_RULE_VERSION = 'chunyun-fares-1';

export const PASSENGER_TYPES = ['adult', 'child', 'student', 'disabled_veteran'] as const;
export type PassengerType = (typeof PASSENGER_TYPES)[number];

export interface FareQuery {
  train_type: TrainType;
  seat_class: SeatClass;
  /** Sleepers only; without it the lower berth, the dearest, is priced. */
  berth?: BerthLevel;
  /** Along the line between boarding and alighting. */
  distance_m: number;
  passenger_type: PassengerType;
}

/** Nothing shorter is charged (起码里程): seats 20 km, berths of locomotive-hauled trains 400 km. */
export const MIN_SEAT_KM = 20;
export const MIN_BERTH_KM = 400;
/** Fares end in whole half yuan. */
export const FARE_STEP_FEN = 50;

/**
 * The fare of one passenger in integer fen.
 *
 * Distance: whole kilometres, a begun one counts (《铁路客运运价规则》1997, 里程不足 1 千米的尾数进整).
 * Rounding: to half a yuan, below 0.25 down, from 0.25 to 0.5, from 0.75 up (same rule), once at the end.
 *
 * Multiple units (G, D, C), source: 发改价格〔2015〕3070号 leaves these fares to the operator; base rates as published
 * when the lines opened: D and C second 0.2805 and first 0.3366 yuan/km, both + 10 %, not falling with distance;
 * G second 0.46, first 0.74, business 1.38 yuan/km, falling with distance (递远递减) by ten percent of the base for
 * each further 500 km, not below half. Berths on D: first-class rate × 1.6 above and × 1.8 below.
 *
 * Locomotive-hauled (Z, T, K, other), source: 《铁路客运运价规则》(铁运〔1997〕102号): hard seat 0.05861 yuan/km at the
 * tiers of `HAULED_TIERS`, soft seat twice that; air conditioning + 25 %; each speed step + 20 % (K one, T and Z two);
 * berths + 110/120/130 % (hard upper/middle/lower) and 175/195 % (soft upper/lower) of the hard seat; all of it + 50 %
 * for 25-type stock (新型空调列车上浮). `other` has neither speed step nor the + 50 %.
 *
 * Passengers: child and disabled veteran half; student three quarters of second class on multiple units and half of the
 * hard seat part otherwise, full in every other class; the berth part is never reduced (《铁路旅客运输规程》2022).
 * A standing place costs the seat it stands in for: second class, or the hard seat.
 *
 * Throws RangeError for a distance that is not a positive whole number or a class the train type does not carry.
 */
export function fareFen(query: FareQuery): number {
  if (!Number.isSafeInteger(query.distance_m) || query.distance_m <= 0) {
    throw new RangeError(`distance_m must be a positive integer, got ${query.distance_m}`);
  }
  if (!isSold(query.train_type, query.seat_class)) {
    throw new RangeError(`${query.train_type} trains carry no ${query.seat_class}`);
  }
  const km = Math.ceil(query.distance_m / 1000);
  const key = keyOf(query, km);
  const known = KNOWN.get(key);
  if (known !== undefined) return known;
  if (KNOWN.size >= MAX_KNOWN) KNOWN.clear();
  const fare_fen = fareOfKm(query, km);
  KNOWN.set(key, fare_fen);
  return fare_fen;
}

/** A fare depends on few things, and a search asks for several a train. */
const KNOWN = new Map<number, number>();
const MAX_KNOWN = 100_000;

function keyOf({ train_type, seat_class, berth, passenger_type }: FareQuery, km: number): number {
  const berth_number = berth === undefined ? 0 : BERTH_LEVELS.indexOf(berth) + 1;
  const words = (TRAIN_TYPES.indexOf(train_type) * SEAT_CLASSES.length + SEAT_CLASSES.indexOf(seat_class)) * PASSENGER_TYPES.length + PASSENGER_TYPES.indexOf(passenger_type);
  return (km * TRAIN_TYPES.length * SEAT_CLASSES.length * PASSENGER_TYPES.length + words) * (BERTH_LEVELS.length + 1) + berth_number;
}

function fareOfKm(query: FareQuery, km: number): number {
  const exact = isMultipleUnit(query.train_type) ? multipleUnitFare(query, km) : hauledFare(query, km);
  // Exact values are in millionths of a fen, so one rounding is all there is.
  return Math.round(exact / (FARE_STEP_FEN * 1_000_000)) * FARE_STEP_FEN;
}

/** Whether the type of train can carry the class at all. */
export function isSold(train_type: TrainType, seat_class: SeatClass): boolean {
  return seat_class === 'standing' || seatClassesOf(train_type).includes(seat_class);
}

interface Tier {
  /** Up to and including this kilometre; the last tier has no end. */
  to_km: number;
  percent: number;
}

export const HAULED_TIERS: readonly Tier[] = [
  { to_km: 200, percent: 100 },
  { to_km: 500, percent: 90 },
  { to_km: 1000, percent: 80 },
  { to_km: 1500, percent: 70 },
  { to_km: 2500, percent: 60 },
  { to_km: Infinity, percent: 50 },
];

export const HIGH_SPEED_TIERS: readonly Tier[] = [
  { to_km: 500, percent: 100 },
  { to_km: 1000, percent: 90 },
  { to_km: 1500, percent: 80 },
  { to_km: 2000, percent: 70 },
  { to_km: 2500, percent: 60 },
  { to_km: Infinity, percent: 50 },
];

const FLAT: readonly Tier[] = [{ to_km: Infinity, percent: 100 }];

/** In ten-thousandths of a fen per kilometre. */
const HARD_SEAT_RATE = 58_610;
const G_RATES: Record<string, number> = { second: 460_000, first: 740_000, business: 1_380_000 };
const D_RATES: Record<string, number> = { second: 308_550, first: 370_260, business: 925_650 };

function multipleUnitFare(query: FareQuery, distance_km: number): number {
  const seat_class = query.seat_class === 'standing' ? 'second' : query.seat_class;
  const km = Math.max(distance_km, MIN_SEAT_KM);
  const reduced = passengerPercent(query.passenger_type, seat_class === 'second' ? 75 : 100);
  if (query.train_type === 'G') return (tiered(G_RATES[seat_class]!, km, HIGH_SPEED_TIERS) * reduced) / 100;
  if (seat_class === 'soft_sleeper') {
    const berth_percent = query.berth === 'upper' ? 160 : 180;
    return (tiered(D_RATES['first']!, km, FLAT) * berth_percent * reduced) / 10_000;
  }
  return (tiered(D_RATES[seat_class]!, km, FLAT) * reduced) / 100;
}

function hauledFare(query: FareQuery, distance_km: number): number {
  const { seat_class, train_type } = query;
  const is_berth = seat_class === 'soft_sleeper' || seat_class === 'hard_sleeper';
  const base = tiered(HARD_SEAT_RATE, Math.max(distance_km, is_berth ? MIN_BERTH_KM : MIN_SEAT_KM), HAULED_TIERS);
  // Soft berths add their supplement to a hard seat ticket, so only soft seats double the seat part.
  const seat_percent = (seat_class === 'soft_seat' ? 200 : 100) + 25 + SPEED_PERCENT[train_type];
  const student_percent = seat_class === 'soft_seat' || seat_class === 'soft_sleeper' ? 100 : 50;
  const reduced = passengerPercent(query.passenger_type, student_percent);
  const stock_percent = train_type === 'other' ? 100 : 150;
  const total_percent = (seat_percent * reduced) / 100 + berthPercent(seat_class, query.berth);
  return (base * total_percent * stock_percent) / 10_000;
}

const SPEED_PERCENT: Record<TrainType, number> = { G: 0, D: 0, C: 0, Z: 40, T: 40, K: 20, other: 0 };

function berthPercent(seat_class: SeatClass, berth: BerthLevel | undefined): number {
  if (seat_class === 'hard_sleeper') return berth === 'upper' ? 110 : berth === 'middle' ? 120 : 130;
  if (seat_class === 'soft_sleeper') return berth === 'upper' ? 175 : 195;
  return 0;
}

function passengerPercent(passenger_type: PassengerType, student_percent: number): number {
  switch (passenger_type) {
    case 'adult':
      return 100;
    case 'child':
    case 'disabled_veteran':
      return 50;
    case 'student':
      return student_percent;
  }
}

/** Sum over tiers of kilometres × rate × percent: millionths of a fen, an exact integer. */
function tiered(rate: number, km: number, tiers: readonly Tier[]): number {
  let total = 0;
  let from_km = 0;
  for (const tier of tiers) {
    const part_km = Math.min(km, tier.to_km) - from_km;
    if (part_km <= 0) break;
    total += part_km * rate * tier.percent;
    from_km = tier.to_km;
  }
  return total;
}
