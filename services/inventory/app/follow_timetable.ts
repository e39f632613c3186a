import type { Log } from '#kit/telemetry/log.ts';
import { differenceOf, type NewDifference } from '../domain/difference.ts';
import { layoutProblem } from '../domain/layout.ts';
import type { RunHeader, RunPlan } from '../domain/run.ts';
import type { Parts } from './parts.ts';
import type { RunWord, TimetableSource } from './ports.ts';

/** Runs asked for in one call. */
const BATCH = 200;

type Followed = { revision: number; timetable_revision: number };
export type FollowParts = Pick<Parts, 'runs' | 'buckets' | 'log'> & {
  timetable: TimetableSource;
  followed: { get(): Promise<Followed>; advance(to: Followed): Promise<void> };
  /** Something is owed for a run. */
  onChange: () => void;
};

/**
 * Takes over what the railway has changed of runs on sale since the last time: single runs that query names, and all of them
 * after another timetable became active. Several processes may do so at once: the ledger takes each word once, and never an older one.
 */
export async function followTimetable(parts: FollowParts): Promise<'again' | void> {
  const { timetable, followed } = parts;
  const done = await followed.get();
  const { runs, revision, timetable_revision } = await timetable.changes(done.revision);
  const other_timetable = timetable_revision > done.timetable_revision;
  if (revision <= done.revision && !other_timetable) return;
  if (runs.size > 0) await takeOver(parts, [...runs.keys()], { runs, timetable_revision });
  if (other_timetable) await reviewAll(parts, { runs, timetable_revision });
  await followed.advance({ revision: Math.max(revision, done.revision), timetable_revision });
  if (runs.size > 0) return 'again';
}

/** What was told of: a replica of query that answers with less is behind, and another round asks again. */
type Told = { runs: ReadonlyMap<string, number>; timetable_revision: number };

async function reviewAll(parts: FollowParts, told: Told): Promise<void> {
  let after_run_no = 0n;
  for (;;) {
    const page = await parts.runs.liveIds(after_run_no, BATCH);
    if (page.length === 0) return;
    await takeOver(parts, page.map(({ run_id }) => run_id), told);
    after_run_no = page.at(-1)!.run_no;
  }
}

async function takeOver(parts: FollowParts, run_ids: readonly string[], told: Told): Promise<void> {
  const runs = await parts.runs.find(run_ids);
  // What is not on sale takes its plan from the timetable when it is opened.
  if (runs.size === 0) return;
  for await (const word of parts.timetable.plans([...runs.keys()])) {
    requireNew(word, told);
    const run = runs.get('missing' in word ? word.missing : word.run_id);
    if (run !== undefined) await changeOne(parts, run, word);
  }
}

function requireNew(word: RunWord, { runs, timetable_revision }: Told): void {
  const least = 'missing' in word ? timetable_revision : Math.max(timetable_revision, runs.get(word.run_id) ?? 0);
  if ((word.revision ?? 0) < least) throw new Error(`query answered with revision ${word.revision} of a run, not yet ${least}`);
}

async function changeOne(parts: FollowParts, run: RunHeader, word: RunWord): Promise<void> {
  const change = 'missing' in word ? missing(run, word.revision) : differenceOf(run, word);
  if (change === undefined) return;
  if (!('missing' in word)) warnOfUnfit(parts.log, run, word, change);
  if (!(await parts.runs.change(run, change))) return;
  parts.log.info({ run_id: run.run_id, kinds: change.kinds, revision: change.revision }, 'the railway has changed a run');
  // The ledger ended the epoch with another layout: Redis gets the new one by a rebuild, here at once, else by the next check.
  if (change.layout.layout_hash !== run.layout.layout_hash) await parts.buckets.repair(run.bucket);
  parts.onChange();
}

/** A run that the timetable has no more does not run. */
function missing(run: RunHeader, revision: number): NewDifference | undefined {
  if (run.change?.cancelled === true) return undefined;
  const reason = { zh: '运行图调整，该列车停运', en: 'the train is no longer in the timetable' };
  return { revision, kinds: ['cancelled'], reason, difference: { cancelled: true, gone: run.change?.gone ?? [] }, stops: run.stops, layout: run.layout };
}

/** What can't be taken over as it is said; it is on the safe side, and somebody should know. */
function warnOfUnfit(log: Log, run: RunHeader, plan: RunPlan, change: NewDifference): void {
  const problem = layoutProblem(plan.coaches);
  if (problem !== undefined) log.error({ alert: true, run_id: run.run_id, problem }, 'the new coaches of a run can not be sold: it keeps those it has');
  if (change.kinds.includes('cancelled') && plan.cancelled !== true) log.error({ alert: true, run_id: run.run_id }, 'a run calls at other stations now: what was sold is refunded');
}
