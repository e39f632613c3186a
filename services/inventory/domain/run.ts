import { bucketOf } from '#kit/base/hash.ts';
import { MAX_SEGMENTS_PER_TRAIN } from '../../../timetable/model.ts';
import { layoutProblem, type RunCoach, type RunLayout } from './layout.ts';
import { closedQuotas, type ClosedQuota, type Quota } from './quota.ts';

export type RunStop = { station_id: string; departure_ms?: number; arrival_ms?: number };

/** A run as the timetable describes it, to be opened. */
export type RunPlan = {
  run_id: string;
  train_id: string;
  service_date: string;
  timetable_version: string;
  stops: readonly RunStop[];
  coaches: readonly RunCoach[];
  standing_capacity: number;
  sale_start_ms: number;
  /** The railway's newest word on the run, the greater the newer; 0 from a timetable that does not count. */
  revision?: number;
  cancelled?: boolean;
  /** Why it differs from the timetable. */
  reason?: Reason;
};

/** For travellers. */
export type Reason = { zh: string; en: string };

/** What the railway has changed of a run since its sale was opened. */
export type RunDifference = {
  cancelled: boolean;
  /** Seats of the layout that are not there any more, kept from everybody. */
  gone: readonly ClosedQuota[];
};

/** A run whose sale was opened: fixed, except `open` and what the railway changes. */
export type RunHeader = {
  run_no: bigint;
  run_id: string;
  bucket: number;
  service_date: string;
  timetable_version: string;
  stops: readonly RunStop[];
  segments: number;
  layout: RunLayout;
  standing_capacity: number;
  sale_start_ms: number;
  sale_end_ms: number;
  seats_at_opening: number;
  /** Their number in this list is what Redis knows them by. */
  quotas: readonly Quota[];
  /** Its sale was opened, nobody closed it, and it is not cancelled. */
  open: boolean;
  change?: RunDifference;
};

const MAX_STANDING = 10_000;
const MAX_RUN_ID = 48;

/** Set at opening from train and date and stored: changing the number of buckets later moves only runs opened later. */
export function runBucket(train_id: string, service_date: string, buckets: number): number {
  return bucketOf(`${train_id}|${service_date}`, buckets);
}

/** Why a run can't be sold with this inventory, or undefined when it can. */
export function planProblem(plan: RunPlan): string | undefined {
  if (plan.run_id.length > MAX_RUN_ID) return 'run id too long';
  const segments = plan.stops.length - 1;
  if (segments < 1) return 'fewer than two stops';
  if (plan.stops.slice(0, -1).some(({ departure_ms }) => departure_ms === undefined)) return 'a stop without departure time';
  if (segments > MAX_SEGMENTS_PER_TRAIN) return `${segments} segments, at most ${MAX_SEGMENTS_PER_TRAIN}`;
  if (plan.standing_capacity > MAX_STANDING) return `${plan.standing_capacity} standing places, at most ${MAX_STANDING}`;
  if (plan.coaches.length === 0 && plan.standing_capacity === 0) return 'no places';
  return layoutProblem(plan.coaches);
}

/** Shorter than the stores keep a run in Redis after its sale, so that no clock that is off makes us ask in vain. */
const IN_REDIS_AFTER_SALE_MS = 20 * 3_600_000;

/** A run so long past that Redis need not have it: its holds are changed in the ledger alone. */
export function isRetired(run: Pick<RunHeader, 'sale_end_ms'>, now_ms: number): boolean {
  return run.sale_end_ms + IN_REDIS_AFTER_SALE_MS <= now_ms;
}

/** The last stretch that can be bought begins at the last stop but one. */
export function saleEndMs({ stops, sale_start_ms }: Pick<RunPlan, 'stops' | 'sale_start_ms'>): number {
  return stops.at(-2)?.departure_ms ?? sale_start_ms;
}

/** Sale of a stretch ends with the departure at its first stop. */
export function departed(run: RunHeader, from: number, now_ms: number): boolean {
  const departure_ms = run.stops[from]?.departure_ms;
  return departure_ms !== undefined && departure_ms <= now_ms;
}

/** Seats that Redis gives to some or to nobody: of quotas, and those that are gone. */
export function closedSeats(run: Pick<RunHeader, 'quotas' | 'layout' | 'change'>, now_ms: number): ClosedQuota[] {
  return [...closedQuotas(run.quotas, run.layout, now_ms), ...(run.change?.gone ?? [])];
}
