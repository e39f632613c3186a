// Headers of runs whose sale was opened.
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { NewQuota } from '../domain/quota.ts';
import { changedQuotas, insertQuotas, quotasFromText, replaceQuotas, scheduleQuotas } from './run_quotas.ts';
import type { EndedRun, NewRun, RunStore } from '../app/ports.ts';
import type { NewDifference } from '../domain/difference.ts';
import { layoutHash, layoutOfCoaches, type RunCoach, type RunLayout } from '../domain/layout.ts';
import { saleEndMs, type RunHeader, type RunPlan } from '../domain/run.ts';
import { goneFromText, stopsFromText, stopsToText, writeDifference } from './run_differences.ts';
import { valuesOf } from './ledger/packet.ts';

type RunRow = {
  run_no: bigint;
  run_id: string;
  bucket: number;
  service_date: string;
  timetable_version: string;
  layout_hash: string;
  stops: string;
  segments: number;
  standing_capacity: number;
  seats_at_opening: number;
  sale_start_at: Date;
  sale_end_at: Date;
  state: string;
  quotas: string | null;
  cancelled: number;
  gone: string | null;
};

const SELECT_RUNS =
  'SELECT run_no, run_id, bucket, service_date, timetable_version, layout_hash, stops, segments, standing_capacity, seats_at_opening, sale_start_at, sale_end_at, state, cancelled, gone, quotas FROM train_run LEFT JOIN run_quota USING (run_id)';
/** A run stays in memory until its refunds are over too. */
const AFTER_SALE = 'INTERVAL 1 DAY';
/** Two hours behind the last rebuild that may write the run: that one has ended by then, and clocks differ by less. */
const OUT_OF_REDIS = 'INTERVAL 26 HOUR';
const CACHED_RUNS = 65_536;
const SEAT_ROWS = 2_000;

/** How far back other processes' changes are read each time: longer than a process may be late with its look. */
const CHANGED_WITHIN = 'INTERVAL 30 SECOND';

export type OnOpened = (tx: Tx, runs: readonly { run_id: string; timetable_version: string; open: boolean; reason: string }[]) => Promise<void>;

type RunStoreParts = {
  db: Database;
  clock: Clock;
  random: Random;
  /** Adds the event of an opening or closing to the transaction. */
  onChanged: OnOpened;
};

export function openRunStore(parts: RunStoreParts): RunStore {
  return new SqlRuns(parts);
}

class SqlRuns implements RunStore {
  readonly #parts: RunStoreParts;
  readonly #db: Database;
  readonly #onChanged: OnOpened;
  readonly #layouts = new Map<string, RunLayout>();
  readonly #runs = new Map<string, RunHeader>();
  /** When each header was read and each bucket last renewed, on one counter. */
  readonly #read_at = new WeakMap<RunHeader, number>();
  readonly #renewed_at = new Map<number, number>();
  #renewals = 0;

  constructor(parts: RunStoreParts) {
    this.#parts = parts;
    this.#db = parts.db;
    this.#onChanged = parts.onChanged;
  }

  async find(run_ids: readonly string[]): Promise<Map<string, RunHeader>> {
    const found = new Map<string, RunHeader>();
    const missing: string[] = [];
    for (const run_id of run_ids) {
      const run = this.#runs.get(run_id);
      if (run === undefined) missing.push(run_id);
      else found.set(run_id, run);
    }
    if (missing.length === 0) return found;
    const read_at = this.#renewals;
    const rows = await this.#db.query<RunRow>(`${SELECT_RUNS} WHERE run_id IN (?)`, [missing as SqlValue]);
    for (const run of await this.#headers(rows)) found.set(run.run_id, this.#remember(run, read_at));
    return found;
  }

  async insert(runs: readonly NewRun[]): Promise<number> {
    if (runs.length === 0) return 0;
    await this.#insertLayouts(runs.map(({ plan }) => plan));
    return this.#db.transaction(async (tx) => {
      const known = await tx.execute<{ run_id: string }>('SELECT run_id FROM train_run WHERE run_id IN (?)', [runs.map(({ plan }) => plan.run_id) as SqlValue]);
      const there = new Set(known.map(({ run_id }) => run_id));
      const fresh = runs.filter(({ plan }) => !there.has(plan.run_id));
      if (fresh.length === 0) return 0;
      const inserted = await tx.execute(
        `INSERT IGNORE INTO train_run (run_id, bucket, service_date, timetable_version, layout_hash, stops, segments, standing_capacity, seats_at_opening, sale_start_at, sale_end_at, revision, state, materialised, version, created_at, updated_at)
         VALUES ${valuesOf("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'OPEN', 0, 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))", fresh.length)}`,
        fresh.flatMap(insertValues),
      );
      await insertQuotas(tx, fresh.map(({ plan, quotas }) => ({ run_id: plan.run_id, quotas })));
      await this.#onChanged(tx, fresh.map(({ plan }) => ({ run_id: plan.run_id, timetable_version: plan.timetable_version, open: true, reason: 'opened' })));
      return inserted.affected_rows;
    });
  }

  async idsOf(service_date: string): Promise<string[]> {
    const rows = await this.#db.query<{ run_id: string }>('SELECT run_id FROM train_run WHERE service_date = ?', [service_date]);
    return rows.map(({ run_id }) => run_id);
  }

  async page({ buckets, after_run_no, limit, service_dates = [] }: Parameters<RunStore['page']>[0]): Promise<RunHeader[]> {
    const dates = service_dates.length === 0 ? '' : 'AND service_date IN (?)';
    const read_at = this.#renewals;
    const rows = await this.#db.query<RunRow>(
      `${SELECT_RUNS} WHERE bucket IN (?) AND run_no > ? AND sale_end_at > UTC_TIMESTAMP(3) - ${AFTER_SALE} ${dates} ORDER BY run_no LIMIT ?`,
      [buckets as SqlValue, after_run_no, ...(service_dates.length === 0 ? [] : [service_dates as SqlValue]), limit],
    );
    const runs = await this.#headers(rows);
    for (const run of runs) this.#read_at.set(run, read_at);
    return runs;
  }

  async setState(run: RunHeader, open: boolean, reason: string): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await tx.execute('UPDATE train_run SET state = ?, version = version + 1, updated_at = UTC_TIMESTAMP(3), changed_at = UTC_TIMESTAMP(3) WHERE run_no = ?', [open ? 'OPEN' : 'CLOSED', run.run_no]);
      await this.#onChanged(tx, [{ run_id: run.run_id, timetable_version: run.timetable_version, open, reason }]);
    });
    this.#runs.delete(run.run_id);
  }

  async setQuotas(run: RunHeader, quotas: readonly NewQuota[], by: { actor: string; request_id: string }): Promise<RunHeader> {
    const { clock, random } = this.#parts;
    const read_at = this.#read_at.get(run) ?? 0;
    return this.#remember({ ...run, quotas: await replaceQuotas(this.#db, run.run_id, quotas, { ...by, clock, random }) }, read_at);
  }

  async scheduleQuotas(run: RunHeader, due_ms: number | undefined): Promise<void> {
    await scheduleQuotas(this.#db, run.run_id, due_ms);
  }

  async reload(run_id: string): Promise<RunHeader | undefined> {
    this.#runs.delete(run_id);
    return (await this.find([run_id])).get(run_id);
  }

  async refresh(): Promise<void> {
    const changed = await this.#db.query<{ run_id: string }>(`SELECT run_id FROM train_run WHERE changed_at > UTC_TIMESTAMP(3) - ${CHANGED_WITHIN}`);
    for (const { run_id } of changed) this.#runs.delete(run_id);
    for (const { run_id, quotas } of await changedQuotas(this.#db)) {
      const run = this.#runs.get(run_id);
      if (run !== undefined) this.#remember({ ...run, quotas }, this.#read_at.get(run) ?? 0);
    }
  }

  renew(bucket: number): void {
    this.#renewals += 1;
    this.#renewed_at.set(bucket, this.#renewals);
    for (const [run_id, run] of this.#runs) if (run.bucket === bucket) this.#runs.delete(run_id);
  }

  isCurrent(run: RunHeader): boolean {
    return (this.#read_at.get(run) ?? 0) >= (this.#renewed_at.get(run.bucket) ?? 0);
  }

  async change(run: RunHeader, change: NewDifference): Promise<boolean> {
    await this.#insertLayouts([{ coaches: change.layout.coaches }]);
    const { clock, random } = this.#parts;
    const written = await writeDifference(this.#db, run, change, { clock, random });
    this.#runs.delete(run.run_id);
    return written;
  }

  async changedRuns(after_run_id: string, limit: number): Promise<RunHeader[]> {
    const rows = await this.#db.query<RunRow>(`${SELECT_RUNS} WHERE train_run.changed_at IS NOT NULL AND sale_end_at > UTC_TIMESTAMP(3) AND run_id > ? ORDER BY run_id LIMIT ?`, [after_run_id, limit]);
    return this.#headers(rows);
  }

  async liveIds(after_run_no: bigint, limit: number): Promise<{ run_no: bigint; run_id: string }[]> {
    return this.#db.query<{ run_no: bigint; run_id: string }>('SELECT run_no, run_id FROM train_run WHERE sale_end_at > UTC_TIMESTAMP(3) AND run_no > ? ORDER BY run_no LIMIT ?', [after_run_no, limit]);
  }

  async ended(buckets: readonly number[], limit: number): Promise<EndedRun[]> {
    if (buckets.length === 0) return [];
    return this.#db.query<EndedRun>(
      `SELECT run_no, run_id, bucket FROM train_run WHERE in_redis = 1 AND sale_end_at <= UTC_TIMESTAMP(3) - ${OUT_OF_REDIS} AND bucket IN (?) ORDER BY sale_end_at LIMIT ?`,
      [buckets as SqlValue, limit],
    );
  }

  async markForgotten(runs: readonly EndedRun[]): Promise<void> {
    if (runs.length > 0) await this.#db.query('UPDATE train_run SET in_redis = 0 WHERE run_no IN (?)', [runs.map(({ run_no }) => run_no) as SqlValue]);
  }

  /** What was read before its bucket was renewed is not kept for others. */
  #remember(run: RunHeader, read_at: number): RunHeader {
    this.#read_at.set(run, read_at);
    if (!this.isCurrent(run)) return run;
    if (this.#runs.size >= CACHED_RUNS) this.#runs.delete(this.#runs.keys().next().value!);
    this.#runs.set(run.run_id, run);
    return run;
  }

  async #headers(rows: readonly RunRow[]): Promise<RunHeader[]> {
    const unknown = [...new Set(rows.map((row) => row.layout_hash))].filter((hash) => !this.#layouts.has(hash));
    if (unknown.length > 0) {
      const layouts = await this.#db.query<{ layout_hash: string; coaches: string }>('SELECT layout_hash, coaches FROM seat_layout WHERE layout_hash IN (?)', [unknown as SqlValue]);
      for (const { layout_hash, coaches } of layouts) this.#layouts.set(layout_hash, layoutOfCoaches(JSON.parse(coaches) as RunCoach[]));
    }
    return rows.map((row) => headerOf(row, this.#layouts.get(row.layout_hash)!));
  }

  /** In transactions of their own and before the runs, so that a run never names a layout that isn't there. */
  async #insertLayouts(plans: readonly Pick<RunPlan, 'coaches'>[]): Promise<void> {
    const layouts = new Map(plans.map((plan) => [layoutHash(plan.coaches), plan.coaches]));
    const known = await this.#db.query<{ layout_hash: string }>('SELECT layout_hash FROM seat_layout WHERE layout_hash IN (?)', [[...layouts.keys()]]);
    for (const { layout_hash } of known) layouts.delete(layout_hash);
    for (const [hash, coaches] of layouts) {
      const seats = layoutOfCoaches(coaches).classes.flatMap(({ code, seats }) => seats.map(({ index }): SqlValue[] => [hash, code, index]));
      await this.#db.transaction(async (tx) => {
        for (let start = 0; start < seats.length; start += SEAT_ROWS) {
          const part = seats.slice(start, start + SEAT_ROWS);
          await tx.execute(`INSERT IGNORE INTO layout_seat (layout_hash, class_code, seat) VALUES ${valuesOf('(?, ?, ?)', part.length)}`, part.flat());
        }
        await tx.execute('INSERT IGNORE INTO seat_layout (layout_hash, coaches) VALUES (?, ?)', [hash, JSON.stringify(coaches)]);
      });
    }
  }
}


function headerOf(row: RunRow, layout: RunLayout): RunHeader {
  const { stops, sale_start_at, sale_end_at, state, layout_hash: _hash, quotas, cancelled, gone, ...same } = row;
  const change = cancelled === 0 && gone === null ? {} : { change: { cancelled: cancelled === 1, gone: goneFromText(gone) } };
  return { ...same, ...change, stops: stopsFromText(stops), layout, sale_start_ms: sale_start_at.getTime(), sale_end_ms: sale_end_at.getTime(), quotas: quotasFromText(quotas), open: state === 'OPEN' && cancelled === 0 };
}

function insertValues({ plan, bucket }: NewRun): SqlValue[] {
  const seats = plan.coaches.reduce((sum, { seat_count }) => sum + seat_count, plan.standing_capacity);
  return [plan.run_id, bucket, plan.service_date, plan.timetable_version, layoutHash(plan.coaches), stopsToText(plan.stops), plan.stops.length - 1, plan.standing_capacity, seats, new Date(plan.sale_start_ms), new Date(saleEndMs(plan)), plan.revision ?? 0];
}
