import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { seatNameOf, type SeatName } from '../domain/place.ts';
import type { HeldPlace, Hold } from '../domain/hold.ts';
import type { RunHeader } from '../domain/run.ts';
import type { Parts } from './parts.ts';
import { voidPlaces } from './settle_notice.ts';

export type SeatConflict = { run_id: string; kind: 'RUN_CANCELLED' | 'SEAT_GONE'; hold: Hold; place: HeldPlace; seat: SeatName };

const PAGE = { fallback: 100, max: 500 };
const RUNS_PER_PAGE = 20;

/** Places of live holds that their runs can't give, from the ledger as it is now. Pages end between holds; they may be empty. */
export async function seatConflicts({ runs, ledger }: Pick<Parts, 'runs' | 'ledger'>, { run_id, size, token }: { run_id: string; size: number; token: string }): Promise<Result<{ conflicts: SeatConflict[]; next: string }>> {
  if (size > PAGE.max) return fieldInvalid('page_size', `at most ${PAGE.max}`);
  const after = positionOf(token);
  if (after === undefined) return fail('PAGE_TOKEN_INVALID');
  const limit = size === 0 ? PAGE.fallback : size;
  const page = await runsAfter(runs, run_id, after);
  const found: SeatConflict[] = [];
  for (const run of page) {
    const live = (await ledger.liveHolds([run])).filter((hold) => run.run_id !== after.run_id || hold.hold_id > after.hold_id).toSorted((left, right) => (left.hold_id < right.hold_id ? -1 : 1));
    for (const hold of live) {
      found.push(...conflictsOf(run, hold));
      if (found.length >= limit) return ok({ conflicts: found, next: `${run.run_id}/${hold.hold_id}` });
    }
  }
  return ok({ conflicts: found, next: page.length === RUNS_PER_PAGE ? `${page.at(-1)!.run_id}/~` : '' });
}

function conflictsOf(run: RunHeader, hold: Hold): SeatConflict[] {
  const kind = run.change?.cancelled === true ? 'RUN_CANCELLED' : 'SEAT_GONE';
  return voidPlaces(run, hold).map((place) => ({ run_id: run.run_id, kind, hold, place, seat: seatNameOf(run.layout, place.class_code, place.index) }));
}

async function runsAfter(runs: Parts['runs'], run_id: string, after: Position): Promise<RunHeader[]> {
  if (run_id !== '') {
    const run = await runs.reload(run_id);
    return run === undefined ? [] : [run];
  }
  const current = after.run_id === '' ? undefined : await runs.reload(after.run_id);
  const further = await runs.changedRuns(after.run_id, current === undefined ? RUNS_PER_PAGE : RUNS_PER_PAGE - 1);
  return current === undefined ? further : [current, ...further];
}

type Position = { run_id: string; hold_id: string };

/** Behind every hold of a run stands `~`, the last printable character. */
function positionOf(token: string): Position | undefined {
  if (token === '') return { run_id: '', hold_id: '' };
  const match = /^([A-Za-z0-9_.-]{1,48})\/([\x21-\x7e]{1,64})$/.exec(token);
  return match === null ? undefined : { run_id: match[1]!, hold_id: match[2]! };
}
