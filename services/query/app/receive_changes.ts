import { fromCompactDate } from '#kit/base/time.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { runsOn } from '../../../timetable/calendar.ts';
import { changedTrain, type RunChange } from '../../../timetable/run_change.ts';
import type { Catalog } from '../domain/catalog.ts';
import { trainIdOf } from '../domain/run_changes.ts';
import { OURSELVES } from './timetables.ts';
import type { Railway, ReceivedChange, RunChangeStore } from './ports.ts';

/** Pages of one round; the next round takes the rest. */
const PAGES = 20;

type Deps = { railway: Railway; changes: RunChangeStore; catalog: () => Catalog | undefined; log: Log };

/**
 * Fetches what the railway has changed of runs since the last time and keeps it. What a run can't run by is refused, with
 * an alarm, and the run stays as it was; what did not arrive as it was sent is asked for again. True when something was kept.
 */
export async function receiveChanges({ railway, changes, catalog, log }: Deps): Promise<boolean> {
  const known = catalog();
  if (known === undefined) return false;
  let kept = false;
  for (let page = 0; page < PAGES; page += 1) {
    const { changes: received, more, unfit } = await railway.fetchChanges(await changes.sequence());
    const judged = received.map((change): ReceivedChange => ({ change, refused: problemOf(known, change) }));
    if (judged.length > 0) await changes.keep(judged, OURSELVES);
    kept ||= judged.length > 0;
    for (const { change, refused } of judged) if (refused !== undefined) log.error({ alert: true, run_id: change.run_id, sequence: change.sequence, problem: refused }, 'a change of a run was refused');
    if (unfit !== undefined) log.error({ alert: true, problem: unfit }, 'a change of a run did not arrive as it was sent');
    if (!more || unfit !== undefined) break;
  }
  return kept;
}

function problemOf({ trains }: Catalog, change: RunChange): string | undefined {
  const train = trains.get(trainIdOf(change.run_id));
  const service_date = fromCompactDate(change.run_id.slice(-8));
  if (train === undefined || service_date === undefined || !runsOn(train.service, service_date)) return 'there is no such run';
  const changed = changedTrain(train, change);
  return changed.ok ? undefined : changed.problem;
}
