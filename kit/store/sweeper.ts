// Drives rows that are not in a final state: every such row has `next_action_time`, and nothing depends on an event
// arriving (DESIGN §5). The table needs the columns `next_action_time DATETIME(3) NULL` (indexed) and `attempts INT`.
import { setTimeout as sleep } from 'node:timers/promises';
import { repeat, type Loop } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { joinDue, type DueQuestion } from './due.ts';
import { isOutage } from './errors.ts';
import type { Database, SqlRow, SqlValue } from './mysql.ts';

/** `again_in_ms`: nothing is wrong, look again then. Nothing: the handler has moved the row on itself. */
export type SweepOutcome = void | { readonly again_in_ms: number };

export interface SweeperOptions<R extends SqlRow> {
  readonly db: Database;
  readonly log: Log;
  readonly service: string;
  /** A word for logs and metrics. */
  readonly name: string;
  readonly table: string;
  /** The columns of the primary key. */
  readonly key: readonly string[];
  /** Further columns to hand to the handler. */
  readonly columns?: readonly string[];
  /** A further condition, e.g. `state = 'CLOSING'` or a shard. */
  readonly where?: { readonly sql: string; readonly params?: readonly SqlValue[] };
  readonly batch?: number;
  readonly concurrency?: number;
  readonly poll_ms?: number;
  /** How long a claimed row is left alone: longer than the handler may take. */
  readonly claim_ms?: number;
  readonly backoff_base_ms?: number;
  readonly backoff_cap_ms?: number;
  /**
   * Drives one row: loads it, does the next thing, and in the effect's transaction sets `next_action_time` (NULL when
   * final) and `attempts = 0`. It may run twice for a row, so it must compare and set. A throw is tried again after
   * 1, 2, 4, 8 … s up to the cap; an outage of our own stores uses up no try.
   */
  readonly handle: (row: R & { readonly attempts: number }, signal: AbortSignal) => Promise<SweepOutcome>;
}

export interface Sweeper {
  /** Looks at once, e.g. after a commit that made a row due. */
  nudge(): void;
  /** One round now; the number of rows claimed. For tests and for jobs of ops. */
  sweepOnce(): Promise<number>;
  stop(): Promise<void>;
}

const BATCH = 64;
const CONCURRENCY = 8;
const POLL_MS = 1_000;
const CLAIM_MS = 30_000;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 300_000;
const OUTAGE_PAUSE_MS = 500;
/** How long a look waits for those of other sweepers, as a share of the pause between two: more than pauses vary. */
const PATIENCE_SHARE = 0.25;

/** Drives each claimed row by itself, several at once. */
export function startSweeper<R extends SqlRow>(options: SweeperOptions<R>): Sweeper {
  const drive = ({ rows, claimed_until }: Claim<R>, signal: AbortSignal, ended: Ended) => {
    const queue = rows.values();
    const worker = async () => {
      for (const row of queue) {
        if (signal.aborted) return;
        ended(await settleRow(options, row, claimed_until, signal, () => options.handle(row, signal)));
      }
    };
    return Promise.all(Array.from({ length: Math.min(options.concurrency ?? CONCURRENCY, rows.length) }, worker));
  };
  return startSweeping(options, drive);
}

export interface BatchSweeperOptions<R extends SqlRow> extends Omit<SweeperOptions<R>, 'handle' | 'concurrency'> {
  /** Drives all claimed rows together, as SweeperOptions.handle does one; an outcome for each, in their order: an Error is a throw. */
  readonly handleMany: (rows: readonly Claimed<R>[], signal: AbortSignal) => Promise<readonly (SweepOutcome | Error)[]>;
}

/** Drives all that a claim found together. A throw counts for every row of it. */
export function startBatchSweeper<R extends SqlRow>(options: BatchSweeperOptions<R>): Sweeper {
  const drive = async ({ rows, claimed_until }: Claim<R>, signal: AbortSignal, ended: Ended) => {
    if (rows.length === 0) return;
    const driven = options.handleMany(rows, signal).then((outcomes) => {
      if (outcomes.length !== rows.length) throw new Error(`${outcomes.length} outcomes of ${rows.length} rows`);
      return outcomes;
    });
    const outcomeOf = async (index: number): Promise<SweepOutcome> => {
      const outcome = (await driven)[index];
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
    await Promise.all(rows.map(async (row, index) => ended(await settleRow(options, row, claimed_until, signal, () => outcomeOf(index)))));
  };
  return startSweeping(options, drive);
}

type Claim<R> = { rows: readonly Claimed<R>[]; claimed_until: Date };
type Ended = (outcome: string) => void;
type ClaimOptions<R extends SqlRow> = Omit<SweeperOptions<R>, 'handle' | 'concurrency'>;

function startSweeping<R extends SqlRow>(options: ClaimOptions<R>, drive: (claim: Claim<R>, signal: AbortSignal, ended: Ended) => Promise<unknown>): Sweeper {
  const outcomes = metricsFor(options.service).counter('sweeper_rows_total', 'Rows driven by a sweeper, by outcome', ['sweeper', 'outcome']);
  const sweep = async (signal: AbortSignal): Promise<number> => {
    const claimed = await claim<R>(options);
    await drive(claimed, signal, (outcome) => outcomes.inc({ sweeper: options.name, outcome }));
    return claimed.rows.length;
  };
  const { poll_ms = POLL_MS, batch = BATCH, claim_ms = CLAIM_MS } = options;
  const due = joinDue(options.db);
  let nudged = false;
  const loop: Loop = repeat({
    name: `sweep_${options.name}`,
    service: options.service,
    every_ms: poll_ms,
    run_timeout_ms: claim_ms * 2,
    log: options.log,
    run: async (signal) => {
      // Who nudges knows that a row is due; mostly a look by oneself finds none.
      const look = !nudged;
      nudged = false;
      if (look && !(await due.ask(questionOf(options), poll_ms * PATIENCE_SHARE))) return;
      if ((await sweep(signal)) < batch) return;
      // A full batch means that more is due.
      nudged = true;
      return 'again';
    },
  });
  const nudge = (): void => {
    nudged = true;
    loop.nudge();
  };
  nudge();
  return {
    nudge,
    async stop() {
      due.leave();
      await loop.stop();
    },
    sweepOnce: () => sweep(AbortSignal.timeout(claim_ms)),
  };
}

function questionOf<R extends SqlRow>({ table, where }: ClaimOptions<R>): DueQuestion {
  const extra = where === undefined ? '' : ` AND (${where.sql})`;
  return { sql: `SELECT 1 FROM ${quoteName(table)} WHERE next_action_time <= UTC_TIMESTAMP(3)${extra} LIMIT 1`, params: where?.params ?? [] };
}

type Claimed<R> = R & { readonly attempts: number };

async function claim<R extends SqlRow>(options: ClaimOptions<R>): Promise<Claim<R>> {
  const columns = [...new Set([...options.key, ...(options.columns ?? []), 'attempts'])].map(quoteName).join(', ');
  const extra = options.where === undefined ? '' : ` AND (${options.where.sql})`;
  return options.db.transaction(async (tx) => {
    // SKIP LOCKED: several processes sweep one table and take different rows.
    const rows = await tx.execute<Claimed<R> & { kit_claimed_until: Date }>(
      `SELECT ${columns}, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND AS kit_claimed_until FROM ${quoteName(options.table)} WHERE next_action_time <= UTC_TIMESTAMP(3)${extra}
       ORDER BY next_action_time LIMIT ? FOR UPDATE SKIP LOCKED`,
      [(options.claim_ms ?? CLAIM_MS) * 1_000, ...(options.where?.params ?? []), options.batch ?? BATCH],
    );
    // The time of a statement is the same for all its rows.
    const claimed_until = rows[0]?.kit_claimed_until ?? new Date(0);
    for (const part of chunks(rows, CLAIM_CHUNK)) {
      const keys = part.map((row) => keyOf(options.key, row));
      await tx.later(`UPDATE ${quoteName(options.table)} SET next_action_time = ? WHERE (${options.key.map(quoteName).join(', ')}) IN (?)`, [claimed_until, keys]);
    }
    return { rows: [...rows], claimed_until };
  });
}

const CLAIM_CHUNK = 200;

async function settleRow<R extends SqlRow>(options: ClaimOptions<R>, row: Claimed<R>, claimed_until: Date, signal: AbortSignal, run: () => Promise<SweepOutcome>): Promise<string> {
  try {
    const outcome = await run();
    if (outcome === undefined) return 'done';
    await putOff(options, row, claimed_until, outcome.again_in_ms, 0);
    return 'again';
  } catch (error) {
    if (isOutage(error)) {
      // The claim runs out by itself; until the store is back there is nothing to write it to.
      options.log.warn({ error, sweeper: options.name }, 'a store is away, the row is left as it is');
      await waitForStore(options.db, signal);
      await putOff(options, row, claimed_until, 0, row.attempts).catch(() => {});
      return 'outage';
    }
    const attempts = row.attempts + 1;
    const wait_ms = backoff_ms(attempts, options.backoff_base_ms ?? BACKOFF_BASE_MS, options.backoff_cap_ms ?? BACKOFF_CAP_MS);
    options.log.warn({ error, sweeper: options.name, attempts, wait_ms }, 'a row could not be driven on');
    await putOff(options, row, claimed_until, wait_ms, attempts).catch((failure: unknown) => options.log.warn({ error: failure }, 'a backoff was not stored'));
    return 'failed';
  }
}

/** Only while the claim stands: a handler, or somebody else, may have moved the row on meanwhile. */
async function putOff<R extends SqlRow>(options: ClaimOptions<R>, row: Claimed<R>, claimed_until: Date, wait_ms: number, attempts: number): Promise<void> {
  const where = options.key.map((column) => `${quoteName(column)} = ?`).join(' AND ');
  await options.db.query(
    `UPDATE ${quoteName(options.table)} SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, attempts = ? WHERE ${where} AND next_action_time = ?`,
    [Math.round(wait_ms * 1_000), attempts, ...keyOf(options.key, row), claimed_until],
  );
}

/** 1, 2, 4, 8 … times the base, up to the cap. `attempts` counts from 1. */
export function backoff_ms(attempts: number, base_ms: number, cap_ms: number): number {
  return Math.min(cap_ms, base_ms * 2 ** Math.min(30, Math.max(0, attempts - 1)));
}

/** Waits until the database answers again, or the signal is aborted. */
export async function waitForStore(db: Database, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !(await db.ping())) await sleep(OUTAGE_PAUSE_MS, undefined, { signal }).catch(() => {});
}

function keyOf(key: readonly string[], row: SqlRow): SqlValue[] {
  return key.map((column) => row[column] as SqlValue);
}

function quoteName(name: string): string {
  if (!/^\w{1,64}$/.test(name)) throw new Error(`not a name of a table or column: ${name}`);
  return `\`${name}\``;
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));
}
