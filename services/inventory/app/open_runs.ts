import { planProblem, runBucket, type RunHeader, type RunPlan } from '../domain/run.ts';
import type { Parts } from './parts.ts';
import { layoutOfCoaches } from '../domain/layout.ts';
import { quotasOfRules, type QuotaRule } from '../domain/quota_rule.ts';
import type { NewRun, TimetableSource } from './ports.ts';

/** `quota_rules`: what operators say now. */
export type Opening = { bucket_count: number; quota_rules: () => readonly QuotaRule[] };

export type OpenedRuns = { opened: number; already_open: number; refused: string[] };

/** Runs written in one transaction and opened in one round trip to Redis. */
const BATCH = 200;
const MAX_REFUSED_LISTED = 500;

/**
 * Opens the sale of the runs of a date as the timetable has them: ledger header first, then Redis. Repeatable; a run that
 * has a header stays as it is, whatever the timetable says by now, and what Redis may lack of it, its bucket's epoch finds.
 */
export async function openRuns(parts: Parts, timetable: TimetableSource, { bucket_count, quota_rules }: Opening, wish: { service_date: string; run_ids: readonly string[] }): Promise<OpenedRuns> {
  const known = await parts.runs.idsOf(wish.service_date);
  const [opened_before, wanted] = [new Set(known), new Set(wish.run_ids)];
  const done: OpenedRuns = { opened: 0, already_open: known.filter((run_id) => wanted.size === 0 || wanted.has(run_id)).length, refused: [] };
  const rules = quota_rules();
  let batch: RunPlan[] = [];
  const flush = async () => {
    await openBatch(parts, batch.map((plan) => newRun(plan, bucket_count, rules)), done);
    batch = [];
  };
  for await (const plan of timetable.runs(wish.service_date, wish.run_ids, known)) {
    // A timetable one version back sends them all the same.
    if (opened_before.has(plan.run_id)) continue;
    const problem = plan.cancelled === true ? 'cancelled by the railway' : planProblem(plan);
    if (problem === undefined) batch.push(plan);
    else if (done.refused.length < MAX_REFUSED_LISTED) done.refused.push(`${plan.run_id}: ${problem}`);
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  return done;
}

function newRun(plan: RunPlan, bucket_count: number, rules: readonly QuotaRule[]): NewRun {
  const { train_id, service_date, stops, coaches } = plan;
  const quotas = rules.length === 0 ? [] : quotasOfRules(rules, { train_id, segments: stops.length - 1, layout: layoutOfCoaches(coaches), departure_ms: stops[0]?.departure_ms ?? plan.sale_start_ms });
  return { plan, bucket: runBucket(train_id, service_date, bucket_count), quotas };
}

async function openBatch(parts: Parts, runs: readonly NewRun[], done: OpenedRuns): Promise<void> {
  if (runs.length === 0) return;
  const opened = await parts.runs.insert(runs);
  done.opened += opened;
  done.already_open += runs.length - opened;
  const headers = [...(await parts.runs.find(runs.map(({ plan }) => plan.run_id))).values()];
  await openInRedis(parts, headers);
  parts.onChanged(headers.map(({ run_id }) => run_id));
}

/**
 * A run that Redis has is left alone by the Function. One that it lacks has never been sold from in this epoch, so it is
 * written as the ledger says. A bucket that is just being rebuilt reads the same headers.
 */
async function openInRedis(parts: Parts, headers: readonly RunHeader[]): Promise<void> {
  const epochs = new Map<number, number>();
  for (const bucket of new Set(headers.map((run) => run.bucket))) {
    const epoch = await parts.buckets.settledEpoch(bucket);
    if (epoch !== undefined) epochs.set(bucket, epoch);
  }
  const images = await parts.buckets.imagesOf(headers.filter((run) => epochs.has(run.bucket)));
  const statuses = await parts.seats.openRuns(epochs, images);
  statuses.forEach((status, index) => {
    if (status === 'EPOCH') parts.buckets.suspect(images[index]!.run.bucket, 'EPOCH');
  });
}
