import { LedgerRefused, OutcomeUnknown, type Ledger, type Placed, type PlannedHold, type Refusal, type SequenceKey } from './ports.ts';
import type { Hold } from '../domain/hold.ts';
import type { InventoryMetrics } from './metrics.ts';
import type { Log } from '#kit/telemetry/log.ts';

/** A hold that Redis has placed, and the Function call that did. */
export type Attempt = { planned: PlannedHold; placed: Placed; key: Omit<SequenceKey, 'part'> };

/** FAILED: surely not committed, for no fault of the hold. UNKNOWN: the answer to the commit was lost. */
export type CommitOutcome = { kind: 'COMMITTED'; hold: Hold } | { kind: 'REFUSED'; refusal: Refusal } | { kind: 'FAILED' } | { kind: 'UNKNOWN' };

type Parts = { ledger: Pick<Ledger, 'commitHolds'>; metrics: InventoryMetrics; log: Log };

/**
 * Commits attempts in one transaction; when it is refused, halves them by run (then by unit) until the bad one fails
 * alone. Each half carries a part number of its own, since the sequence of a rolled back half was not recorded.
 */
export async function commitTick(parts: Parts, attempts: readonly Attempt[]): Promise<Map<Attempt, CommitOutcome>> {
  const outcomes = new Map<Attempt, CommitOutcome>();
  const ordered = attempts.toSorted((left, right) => left.planned.run.bucket - right.planned.run.bucket || Number(left.planned.run.run_no - right.planned.run.run_no));
  let parts_used = 0;

  async function commit(group: readonly Attempt[], part: number): Promise<void> {
    const sequences = new Map(group.map(({ key }) => [key.bucket, { ...key, part }]));
    try {
      const holds = await parts.ledger.commitHolds(group, [...sequences.values()]);
      const by_id = new Map(holds.map((hold) => [hold.hold_id, hold]));
      for (const attempt of group) outcomes.set(attempt, { kind: 'COMMITTED', hold: by_id.get(attempt.planned.hold_id)! });
    } catch (error) {
      if (error instanceof LedgerRefused) await afterRefusal(group, part, error.refusal);
      else fail(group, error);
    }
  }

  async function afterRefusal(group: readonly Attempt[], part: number, refusal: Refusal): Promise<void> {
    parts.metrics.ledger_conflicts.inc({ refusal });
    const buckets = Map.groupBy(group, ({ key }) => key.bucket);
    // A sequence that was used before concerns a bucket, and a part number of its own would hide it: so the same again.
    if (refusal === 'SEQUENCE' && buckets.size > 1) for (const of_bucket of buckets.values()) await commit(of_bucket, part);
    else if (refusal === 'SEQUENCE' || isUnit(group)) for (const attempt of group) outcomes.set(attempt, { kind: 'REFUSED', refusal });
    else for (const half of halves(group)) await commit(half, (parts_used += 1));
  }

  function fail(group: readonly Attempt[], error: unknown): void {
    const unknown = error instanceof OutcomeUnknown;
    if (unknown) parts.metrics.unknown_commits.inc({});
    parts.log.warn({ error, holds: group.length }, unknown ? 'the answer to a commit was lost' : 'a tick was not committed');
    for (const attempt of group) outcomes.set(attempt, { kind: unknown ? 'UNKNOWN' : 'FAILED' });
  }

  await commit(ordered, 0);
  return outcomes;
}

/** The first of a unit, and those that follow it: they are committed together or not at all. */
function isUnit(group: readonly Attempt[]): boolean {
  return group.every(({ planned }, index) => index === 0 || planned.follows === true);
}

/** Between two runs where there are several, so that one bad run fails alone; attempts are ordered by run. Never within a unit. */
function halves(group: readonly Attempt[]): [Attempt[], Attempt[]] {
  const starts = group.flatMap(({ planned }, index) => (index > 0 && planned.follows !== true ? [index] : []));
  const of_runs = starts.filter((index) => group[index]!.planned.run.run_no !== group[index - 1]!.planned.run.run_no);
  const middle = Math.floor(group.length / 2);
  const cut = (of_runs.length > 0 ? of_runs : starts).toSorted((left, right) => Math.abs(left - middle) - Math.abs(right - middle))[0]!;
  return [group.slice(0, cut), group.slice(cut)];
}
