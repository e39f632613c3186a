import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Buckets } from './buckets.ts';
import type { Chores } from './chores.ts';
import { commitTick, type Attempt, type CommitOutcome } from './commit_tick.ts';
import { giveUp } from './give_up.ts';
import { answerOfKnown, type HoldAnswer, type HoldLedger } from './hold_seats.ts';
import type { InventoryMetrics } from './metrics.ts';
import type { Hold } from '../domain/hold.ts';
import type { PlaceOutcome, PlannedHold, Refusal, SeatStore } from './ports.ts';
import { refusal } from './refusals.ts';
import { settleExchange } from './settle_exchange.ts';

export type RunTick = (tick: readonly PlannedHold[]) => Promise<Result<HoldAnswer>[]>;

export type TickParts = {
  buckets: Buckets;
  seats: Pick<SeatStore, 'hold' | 'release' | 'sell'>;
  ledger: HoldLedger;
  chores: Chores;
  metrics: InventoryMetrics;
  log: Log;
  /** Seats of these runs changed. */
  onChanged: (run_ids: Iterable<string>) => void;
};

const RETRY_AFTER_MS = 500;

type Answers = Map<PlannedHold, Result<HoldAnswer>>;

/**
 * One tick: Redis finds places, one call a bucket in one round trip, and what it placed is committed by the ledger in one
 * transaction. Only then is anybody answered. What Redis refuses or has placed before may be a repeat, which is answered from
 * the ledger; the rest is not asked about, since the ledger takes an id only once.
 */
export function runTick(parts: TickParts): RunTick {
  return async (tick) => {
    const answers: Answers = new Map();
    const attempts = await propose(parts, tick, answers);
    const repeats = await answerRepeats(parts, [...answers.keys(), ...attempts.filter(({ placed }) => placed.replayed).map(({ planned }) => planned)], answers);
    const fresh = attempts.filter(({ planned }) => !repeats.has(planned));
    if (fresh.length > 0) await dispose(parts, fresh, answers);
    return tick.map((planned) => answers.get(planned)!);
  };
}

/** Those whose id the ledger has. */
async function answerRepeats({ ledger }: TickParts, doubtful: readonly PlannedHold[], answers: Answers): Promise<ReadonlySet<PlannedHold>> {
  if (doubtful.length === 0) return new Set();
  const known = await ledger.findHolds(doubtful.map(({ hold_id }) => hold_id));
  const repeats = doubtful.filter(({ hold_id }) => known.has(hold_id));
  for (const planned of repeats) answers.set(planned, answerOfKnown(planned, known.get(planned.hold_id)!));
  return new Set(repeats);
}

/** Redis finds places. What it refuses is answered; what it placed goes on. */
async function propose(parts: TickParts, tick: readonly PlannedHold[], answers: Answers): Promise<Attempt[]> {
  const calls: { bucket: number; epoch: number; holds: PlannedHold[] }[] = [];
  const current = tick.filter(({ run }) => parts.buckets.isCurrent(run));
  // Planned with the coaches of before: the next try finds those of now.
  for (const planned of tick) if (!current.includes(planned)) answers.set(planned, refusal('CLOSED'));
  for (const [bucket, holds] of Map.groupBy(current, ({ run }) => run.bucket)) {
    const epoch = parts.buckets.epochOf(bucket);
    if (epoch === undefined) for (const planned of holds) answers.set(planned, refusal('CLOSED'));
    else if (parts.buckets.isAway(bucket)) for (const planned of holds) answers.set(planned, refusal('UNAVAILABLE'));
    else calls.push({ bucket, epoch, holds });
  }
  if (calls.length === 0) return [];
  const replies = await parts.seats.hold(calls);
  return calls.flatMap(({ bucket, epoch, holds }, index) => {
    const reply = replies[index]!;
    if (reply.status === 'OK') return attemptsOf(parts, { bucket, epoch, sequence: reply.sequence }, holds, reply.outcomes, answers);
    if (reply.status === 'UNAVAILABLE') parts.buckets.noteAway(bucket);
    else parts.buckets.suspect(bucket, reply.status);
    for (const planned of holds) answers.set(planned, refusal(reply.status));
    return [];
  });
}

function attemptsOf(parts: TickParts, key: Attempt['key'], holds: readonly PlannedHold[], outcomes: readonly PlaceOutcome[], answers: Answers): Attempt[] {
  const attempts: Attempt[] = [];
  holds.forEach((planned, index) => {
    const outcome = outcomes[index]!;
    if (outcome.status === 'HELD') {
      attempts.push({ planned, placed: outcome, key });
      return;
    }
    if (outcome.status === 'MISSING') parts.buckets.suspect(key.bucket, 'MISSING');
    parts.metrics.refused.inc({ reason: outcome.status });
    answers.set(planned, refusal(outcome.status));
  });
  return attempts;
}

/** The ledger decides. */
async function dispose(parts: TickParts, attempts: readonly Attempt[], answers: Answers): Promise<void> {
  const runs = new Map(attempts.map(({ planned }) => [planned.run.run_id, planned.run]));
  const outcomes = await materialised(parts, [...runs.values()]).then(() => commitTick(parts, attempts), (error: unknown) => notCommitted(parts, attempts, error));
  await settled(parts, outcomes);
  await Promise.all(
    attempts.map(async (attempt) => {
      answers.set(attempt.planned, await conclude(parts, attempt, outcomes.get(attempt)!));
    }),
  );
  parts.onChanged(runs.keys());
}

async function materialised(parts: TickParts, runs: readonly PlannedHold['run'][]): Promise<void> {
  await Promise.all(runs.map((run) => parts.ledger.materialise(run)));
}

function notCommitted(parts: TickParts, attempts: readonly Attempt[], error: unknown): Map<Attempt, CommitOutcome> {
  parts.log.warn({ error, holds: attempts.length }, 'the rows of a run could not be made');
  return new Map(attempts.map((attempt) => [attempt, { kind: 'FAILED' }]));
}

/** Redis' half of exchanges, one for each hold that was replaced. */
async function settled(parts: TickParts, outcomes: ReadonlyMap<Attempt, CommitOutcome>): Promise<void> {
  const exchanges = [...outcomes].flatMap(([attempt, outcome]) => (outcome.kind === 'COMMITTED' && attempt.planned.replaces !== undefined ? [{ attempt, hold: outcome.hold }] : []));
  await Promise.all(
    [...Map.groupBy(exchanges, ({ attempt }) => attempt.planned.replaces!.hold_id)].map(async ([replaced_id, list]) => {
      const settle = () => settleExchange(parts.seats, list.map(({ attempt }) => attempt), list[0]!.hold);
      await settle().catch(() => parts.chores.later(`free ${replaced_id}`, settle));
    }),
  );
}

async function conclude(parts: TickParts, attempt: Attempt, outcome: CommitOutcome): Promise<Result<HoldAnswer>> {
  if (outcome.kind === 'COMMITTED') return ok({ hold: outcome.hold, run_version: attempt.placed.run_version });
  if (outcome.kind === 'REFUSED') return refused(parts, attempt, outcome.refusal);
  const { hold_id } = attempt.planned;
  if (outcome.kind === 'FAILED') {
    // A repeat finds the record in Redis and commits it; without one it is given up later.
    parts.chores.later(`give up ${hold_id}`, () => giveUp(parts, attempt, 'FAILED'));
    return fail('DEPENDENCY_UNAVAILABLE', { retry_after_ms: RETRY_AFTER_MS });
  }
  try {
    const known = await giveUp(parts, attempt, 'UNKNOWN');
    return known === undefined ? fail('HOLD_CONFLICT', { detail: 'the hold was given up' }) : answerOfKnown(attempt.planned, known);
  } catch (error) {
    parts.log.warn({ error, hold: hold_id }, 'the outcome of a hold is not known');
    parts.chores.later(`give up ${hold_id}`, () => giveUp(parts, attempt, 'UNKNOWN'));
    return fail('OUTCOME_UNKNOWN', { retry_after_ms: RETRY_AFTER_MS });
  }
}

async function refused(parts: TickParts, attempt: Attempt, why: Refusal): Promise<Result<HoldAnswer>> {
  const { planned, key } = attempt;
  if (why === 'EPOCH' || why === 'SEQUENCE') {
    // Redis is rebuilt from the ledger, and with it goes what it had placed for this hold.
    parts.buckets.suspect(key.bucket, why);
    return refusal('CLOSED');
  }
  const ended = () => giveUp(parts, attempt, why);
  let known: Hold | undefined;
  try {
    known = await ended();
  } catch (error) {
    parts.log.warn({ error, hold: planned.hold_id }, 'a refused hold could not be given up yet');
    parts.chores.later(`give up ${planned.hold_id}`, ended);
    return fail('OUTCOME_UNKNOWN', { retry_after_ms: RETRY_AFTER_MS });
  }
  if (known !== undefined) return answerOfKnown(planned, known);
  // A seat lock that ended at this very moment: its seats are not its owner's any more.
  if (why === 'REPLACED') return planned.replaces?.owner === 'SEAT_LOCK' ? fail('SEAT_LOCKED') : fail('VERSION_STALE');
  const named = planned.items.some(({ seat }) => seat !== undefined);
  return named ? fail('SEAT_LOCKED') : fail('HOLD_CONFLICT', { detail: 'the ledger has a seat as taken' });
}
