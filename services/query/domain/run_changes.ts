import { changedTrain, isNoChange, type RunChange } from '../../../timetable/run_change.ts';
import type { Timetable, Train } from '../../../timetable/model.ts';

/** A change of a run as it was kept: `revision` is ours and grows over all changes of the timetable. */
export type KeptChange = { change: RunChange; revision: number };

/** How a run differs from the timetable now. */
export type RunOverlay = { train: Train; cancelled: boolean; reason_zh: string; reason_en: string; revision: number };

/** The runs that differ, by run id. Runs as the timetable has them are not in it. */
export type RunOverlays = ReadonlyMap<string, RunOverlay>;

/**
 * The overlays of kept changes on a timetable. A change that fits the timetable no longer (another version became active)
 * only keeps its cancellation: its times and coaches were told of another train.
 */
export function overlaysOf(timetable: Timetable, kept: Iterable<KeptChange>): RunOverlays {
  const trains = new Map(timetable.trains.map((train) => [train.train_id, train]));
  const overlays = new Map<string, RunOverlay>();
  for (const { change, revision } of kept) {
    const train = trains.get(trainIdOf(change.run_id));
    if (train === undefined) continue;
    const changed = isNoChange(change) ? undefined : changedTrain(train, change);
    const { cancelled, reason_zh, reason_en } = change;
    overlays.set(change.run_id, { train: changed?.ok === true ? changed.train : train, cancelled, reason_zh, reason_en, revision });
  }
  return overlays;
}

/** `<train_id>.<yyyymmdd>` without the date. */
export function trainIdOf(run_id: string): string {
  return run_id.slice(0, Math.max(0, run_id.lastIndexOf('.')));
}
