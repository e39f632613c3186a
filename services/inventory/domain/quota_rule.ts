import type { RunLayout } from './layout.ts';
import type { Channel, NewQuota, PassengerType } from './quota.ts';
import type { NumberedSeatClass } from './seat_class.ts';

/** What operators say once for all runs (setting `inventory.quotas`): a share of a class instead of seats. */
export type QuotaRule = {
  name: string;
  /** First letters of train numbers; all where empty. */
  train_types: readonly string[];
  seat_class: NumberedSeatClass;
  share: number;
  channels: readonly Channel[];
  passenger_types: readonly PassengerType[];
  /** Trips over at least this share of the run's segments: long-haul before short-haul. */
  min_trip_share: number;
  /** Minutes before the run departs from its first stop; 0 for until the sale ends. */
  release_before_departure_min: number;
};

type Run = { train_id: string; segments: number; layout: RunLayout; departure_ms: number };

/** The quotas a run is opened with. A share that is no seat is none, and so is a condition that every trip of the run meets. */
export function quotasOfRules(rules: readonly QuotaRule[], { train_id, segments, layout, departure_ms }: Run): NewQuota[] {
  const left = new Map(layout.classes.map(({ seat_class, seats }) => [seat_class, seats.length]));
  const quotas: NewQuota[] = [];
  for (const rule of rules) {
    if (rule.train_types.length > 0 && !rule.train_types.includes(train_id.slice(0, 1))) continue;
    const all = layout.classes.find(({ seat_class }) => seat_class === rule.seat_class)?.seats.length ?? 0;
    const seats = Math.min(left.get(rule.seat_class) ?? 0, Math.floor(all * rule.share));
    const wanted_segments = Math.ceil(segments * rule.min_trip_share);
    const min_segments = wanted_segments <= 1 ? 0 : wanted_segments;
    if (seats < 1 || (rule.channels.length === 0 && rule.passenger_types.length === 0 && min_segments === 0)) continue;
    left.set(rule.seat_class, left.get(rule.seat_class)! - seats);
    const { name, seat_class, channels, passenger_types, release_before_departure_min } = rule;
    const release_ms = release_before_departure_min === 0 ? undefined : departure_ms - release_before_departure_min * 60_000;
    quotas.push({ name, seat_class, seats, channels, passenger_types, min_segments, release_ms });
  }
  return quotas;
}
