import { isGone } from '../domain/coach_change.ts';
import type { HeldPlace, Hold } from '../domain/hold.ts';
import { closedSeats, type RunHeader, type RunStop } from '../domain/run.ts';
import { readRuns } from './compare_run.ts';
import { accessRun, type RunAccess } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { movedStops, type DifferenceKind } from '../domain/difference.ts';
import type { Affected, Notices, RunNews, RunNotice } from './ports.ts';
import { releaseHold } from './release_hold.ts';
import { repairRun } from './repair_run.ts';

type NoticeParts = Parts & { notices: Notices; /** Longer than any hold can be under way. */ settle_ms: number };

const AGAIN_MS = 500;
/** Kinds after which places that were given before are void. */
const TAKES_PLACES: readonly DifferenceKind[] = ['cancelled', 'coaches'];

/**
 * What follows on a change of a run, from wherever it was left: Redis sells as the ledger says; holds that were just being
 * made are in the ledger or are given up; what no order has is given back; and then, so that nobody is missed, the orders
 * are found and told of in the transaction that ends the notice.
 */
export async function settleNotice(parts: NoticeParts, run_id: string): Promise<{ again_in_ms: number } | undefined> {
  const notice = await parts.notices.find(run_id);
  if (notice === undefined) return undefined;
  await parts.runs.reload(run_id);
  const access = await accessRun(parts, run_id);
  if (!access.ok) return { again_in_ms: AGAIN_MS };
  const { run, retired } = access.value;
  if (!retired && !(await tellRedis(parts, access.value))) return { again_in_ms: AGAIN_MS };
  if (!retired && notice.kinds.some((kind) => TAKES_PLACES.includes(kind)) && !(await settled(parts, run, notice))) return { again_in_ms: AGAIN_MS };
  if (run.change !== undefined) await giveBackUnowned(parts, run);
  const live = await parts.ledger.liveHolds([run]);
  const news = notice.kinds.map((kind): RunNews => ({ kind, affected: affectedBy(kind, run, notice.previous_stops, live) }));
  if (!(await parts.notices.finish(run, notice, news))) return { again_in_ms: AGAIN_MS };
  parts.onChanged([run_id]);
  return undefined;
}

async function tellRedis(parts: Parts, { run, epoch }: RunAccess): Promise<boolean> {
  const replies = [await parts.seats.setOpen(run, epoch, run.open), await parts.seats.setQuotas(run, epoch, closedSeats(run, parts.clock.now_ms()))];
  const wrong = replies.find(({ status }) => status !== 'OK' && status !== 'NONE');
  if (wrong !== undefined) parts.buckets.suspect(run.bucket, wrong.status);
  return wrong === undefined;
}

/** Whether every place that Redis gave is known to the ledger. One that stays unknown too long was left behind by a crash. */
async function settled(parts: NoticeParts, run: RunHeader, notice: RunNotice): Promise<boolean> {
  const [reading] = (await readRuns(parts, [run])).readings;
  if (reading === undefined) return false;
  if (reading.snapshot.records.every(({ hold_id }) => reading.known.has(hold_id))) return true;
  return notice.age_ms > parts.settle_ms && repairRun(parts, reading);
}

/** Locks and holds that no order has: whoever made them finds them expired and chooses again. */
async function giveBackUnowned(parts: Parts, run: RunHeader): Promise<void> {
  for (const hold of await parts.ledger.heldHolds([run])) {
    if (hold.order_id !== '' || voidPlaces(run, hold).length === 0) continue;
    await releaseHold(parts, { hold_id: hold.hold_id, run_id: run.run_id, owner: hold.owner, version: 0, item_ids: [], reason: 'changed by the railway' });
  }
}

/** Places that the run can't give any more. */
export function voidPlaces(run: RunHeader, hold: Hold): HeldPlace[] {
  const { cancelled = false, gone = [] } = run.change ?? {};
  return cancelled ? [...hold.places] : hold.places.filter(({ class_code, index }) => isGone(gone, class_code, index));
}

function affectedBy(kind: DifferenceKind, run: RunHeader, previous_stops: readonly RunStop[], live: readonly Hold[]): Affected[] {
  if (kind === 'restored') return [];
  const moved = new Set(movedStops(run.stops, previous_stops));
  const places = (hold: Hold) => (kind === 'times' ? hold.places.filter(({ from, to }) => moved.has(from) || moved.has(to)) : voidPlaces(run, hold));
  return live.flatMap((hold) => (places(hold).length === 0 ? [] : [{ hold, places: places(hold) }]));
}
