import { changedLayout } from './coach_change.ts';
import { layoutHash, layoutProblem, type RunLayout } from './layout.ts';
import type { ClosedQuota } from './quota.ts';
import type { Reason, RunDifference, RunHeader, RunPlan, RunStop } from './run.ts';

/** What happens to a run in the eyes of travellers. */
export type DifferenceKind = 'cancelled' | 'restored' | 'times' | 'coaches';

/** A run's difference from how its sale was opened, whole, and what of it is new. */
export type NewDifference = {
  revision: number;
  kinds: readonly DifferenceKind[];
  reason: Reason;
  difference: RunDifference;
  stops: readonly RunStop[];
  layout: RunLayout;
};

/**
 * What a plan changes of a run on sale; undefined where it says what the ledger has. Segments are what seats are sold by, so a
 * train that calls at other stations can't be the same run any more: it is cancelled. Coaches that can't be sold stay as they are.
 */
export function differenceOf(run: RunHeader, plan: RunPlan): NewDifference | undefined {
  const other_stations = plan.stops.length !== run.stops.length || plan.stops.some(({ station_id }, index) => station_id !== run.stops[index]!.station_id);
  const cancelled = plan.cancelled === true || other_stations;
  const stops = other_stations ? run.stops : plan.stops;
  const before = run.change ?? { cancelled: false, gone: [] };
  const coaches = coachesOf(run, plan);
  const kinds: DifferenceKind[] = [];
  if (cancelled !== before.cancelled) kinds.push(cancelled ? 'cancelled' : 'restored');
  if (movedStops(stops, run.stops).length > 0) kinds.push('times');
  if (coaches.layout.layout_hash !== run.layout.layout_hash || !sameSpans(coaches.gone, before.gone)) kinds.push('coaches');
  if (kinds.length === 0) return undefined;
  const reason = plan.cancelled !== true && other_stations ? OTHER_STATIONS : (plan.reason ?? { zh: '', en: '' });
  return { revision: plan.revision ?? 0, kinds, reason, difference: { cancelled, gone: coaches.gone }, stops, layout: coaches.layout };
}

/** Numbers of the stops that have other times. */
export function movedStops(now: readonly RunStop[], before: readonly RunStop[]): number[] {
  return now.flatMap(({ arrival_ms, departure_ms }, index) => (arrival_ms === before[index]?.arrival_ms && departure_ms === before[index]?.departure_ms ? [] : [index]));
}

const OTHER_STATIONS: Reason = { zh: '列车停站调整', en: 'the train calls at other stations now' };

function coachesOf(run: RunHeader, { coaches }: RunPlan): { layout: RunLayout; gone: readonly ClosedQuota[] } {
  const gone = run.change?.gone ?? [];
  // Most runs of a review are as they were: names of a thousand seats need not be compared for each.
  if (gone.length === 0 && layoutHash(coaches) === run.layout.layout_hash) return { layout: run.layout, gone };
  return layoutProblem(coaches) === undefined ? changedLayout(run.layout, coaches) : { layout: run.layout, gone };
}

function sameSpans(left: readonly ClosedQuota[], right: readonly ClosedQuota[]): boolean {
  return left.length === right.length && left.every(({ class_code, first, count }, index) => class_code === right[index]!.class_code && first === right[index]!.first && count === right[index]!.count);
}
