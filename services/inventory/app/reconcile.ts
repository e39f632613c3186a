import { setTimeout as sleep } from 'node:timers/promises';
import { isRetired, type RunHeader } from '../domain/run.ts';
import { difference, differencesOf, readRuns, type Difference } from './compare_run.ts';
import type { Parts } from './parts.ts';
import type { OrderSource } from './ports.ts';
import { orderDifferences, releaseOver, type OrderDifference } from './compare_orders.ts';
import { repairRun } from './repair_run.ts';

export type ReconcileParts = Parts & { orders: OrderSource; /** How long a difference must stay to be one. */ settle_ms: number };

export type Reconciled = { runs_checked: number; differences: Difference[]; omitted: number };

const RUNS_PER_READ = 50;
const MAX_DIFFERENCES = 1_000;
const REPAIR_TRIES = 3;

/**
 * Compares Redis with the ledger, and the ledger's holds with the orders. What differs is looked at again after the longest
 * time a hold can be under way; what still differs is named, and repaired where that is provably safe: Redis by the ledger,
 * only if the run has not changed since it was read, and the hold of a closed order by its release.
 */
export async function reconcile(parts: ReconcileParts, { run_ids, dry_run }: { run_ids: readonly string[]; dry_run: boolean }): Promise<Reconciled> {
  const suspects: RunHeader[] = [];
  const doubtful: RunHeader[] = [];
  const found: Difference[] = [];
  let runs_checked = 0;
  for await (const runs of pages(parts, run_ids)) {
    for (let start = 0; start < runs.length; start += RUNS_PER_READ) {
      const { readings, unread } = await readRuns(parts, runs.slice(start, start + RUNS_PER_READ));
      runs_checked += readings.length;
      suspects.push(...readings.filter((reading) => differencesOf(reading).length > 0).map(({ run }) => run));
      found.push(...unread.map((run) => difference(run, { kind: 'NOT_COMPARED', explanation: 'the bucket is being brought up to date' })));
      const differing = new Set((await orderDifferences(parts, readings.map(({ run }) => run))).map(({ run_id }) => run_id));
      doubtful.push(...readings.flatMap(({ run }) => (differing.has(run.run_id) ? [run] : [])));
    }
  }
  if (suspects.length > 0 || doubtful.length > 0) await sleep(parts.settle_ms);
  for (const run of suspects) found.push(...(await settle(parts, run, dry_run)));
  for (let start = 0; start < doubtful.length; start += RUNS_PER_READ) found.push(...(await settleOrders(parts, doubtful.slice(start, start + RUNS_PER_READ), dry_run)));
  for (const { kind } of found) parts.metrics.differences.inc({ kind });
  if (found.length > 0) parts.log.warn({ differences: found.length, runs: suspects.length }, 'Redis, ledger and orders differ');
  return { runs_checked, differences: found.slice(0, MAX_DIFFERENCES), omitted: Math.max(0, found.length - MAX_DIFFERENCES) };
}

async function settle(parts: ReconcileParts, run: RunHeader, dry_run: boolean): Promise<Difference[]> {
  const first = (await readRuns(parts, [run])).readings[0];
  if (first === undefined) return [difference(run, { kind: 'NOT_COMPARED', explanation: 'the bucket is being brought up to date' })];
  const differences = differencesOf(first);
  if (dry_run || differences.length === 0) return differences;
  for (let tried = 1; tried <= REPAIR_TRIES; tried += 1) {
    const reading = (await readRuns(parts, [run])).readings[0];
    if (reading !== undefined && (await repairRun(parts, reading))) return differences.map((one) => ({ ...one, repaired: true }));
  }
  return differences;
}

/**
 * Looks twice more, so that what is named was there for as long as anything may be on its way. An order without its hold is
 * never repaired: whose seats it would get, somebody has to decide.
 */
async function settleOrders(parts: ReconcileParts, runs: readonly RunHeader[], dry_run: boolean): Promise<Difference[]> {
  const first = new Set((await orderDifferences(parts, runs)).map(identityOf));
  if (first.size === 0) return [];
  await sleep(parts.settle_ms);
  const found: Difference[] = [];
  for (const { over, ...named } of await orderDifferences(parts, runs)) {
    if (!first.has(identityOf(named))) continue;
    found.push(over !== undefined && !dry_run ? { ...named, repaired: await releaseOver(parts, over) } : named);
  }
  return found;
}

function identityOf({ run_id, kind, hold_id, order_id, explanation }: OrderDifference): string {
  return JSON.stringify([run_id, kind, hold_id, order_id, explanation]);
}

async function* pages(parts: Parts, run_ids: readonly string[]): AsyncGenerator<RunHeader[]> {
  if (run_ids.length === 0) yield* parts.buckets.runsOf(parts.buckets.all);
  else yield [...(await parts.runs.find(run_ids)).values()].filter((run) => !isRetired(run, parts.clock.now_ms()));
}
