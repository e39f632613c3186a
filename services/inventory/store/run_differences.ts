// How runs differ from how their sale was opened, and what is owed for it.
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { Notices, RunNews, RunNotice } from '../app/ports.ts';
import type { DifferenceKind, NewDifference } from '../domain/difference.ts';
import type { ClosedQuota } from '../domain/quota.ts';
import { saleEndMs, type RunHeader, type RunStop } from '../domain/run.ts';
import { operatorAudit } from './ledger/audit_rows.ts';

type WireStop = [station_id: string, arrival_ms: number | null, departure_ms: number | null];

export function stopsToText(stops: readonly RunStop[]): string {
  return JSON.stringify(stops.map(({ station_id, arrival_ms, departure_ms }): WireStop => [station_id, arrival_ms ?? null, departure_ms ?? null]));
}

export function stopsFromText(text: string): RunStop[] {
  return (JSON.parse(text) as WireStop[]).map(([station_id, arrival_ms, departure_ms]) => ({ station_id, arrival_ms: arrival_ms ?? undefined, departure_ms: departure_ms ?? undefined }));
}

export function goneFromText(text: string | null): ClosedQuota[] {
  return text === null ? [] : (JSON.parse(text) as ClosedQuota[]);
}

/** A tick that shares the bucket's row is waited for, a second at most each time. */
const ATTEMPTS = 20;

/**
 * Writes a difference unless the ledger has it or a newer one, and owes what follows from it. Another layout ends the bucket's
 * epoch, so that no hold that was found with the older one is committed any more. Locks bucket, then run.
 */
export async function writeDifference(db: Database, run: RunHeader, change: NewDifference, { clock, random }: { clock: Clock; random: Random }): Promise<boolean> {
  const { revision, difference, stops, layout } = change;
  return db.transaction(async (tx) => {
    const other_layout = layout.layout_hash !== run.layout.layout_hash;
    if (other_layout) await tx.execute('UPDATE bucket_epoch SET epoch = epoch + 1, updated_at = UTC_TIMESTAMP(3) WHERE bucket = ?', [run.bucket]);
    const [row] = await tx.execute<{ revision: bigint; stops: string }>('SELECT revision, stops FROM train_run WHERE run_no = ? FOR UPDATE', [run.run_no]);
    if (row === undefined || Number(row.revision) >= revision) return false;
    const values: SqlValue[] = [revision, difference.cancelled ? 1 : 0, difference.gone.length === 0 ? null : JSON.stringify(difference.gone), stopsToText(stops), new Date(saleEndMs({ stops, sale_start_ms: run.sale_start_ms })), layout.layout_hash, run.run_no];
    await tx.execute(
      'UPDATE train_run SET revision = ?, cancelled = ?, gone = ?, stops = ?, sale_end_at = ?, layout_hash = ?, version = version + 1, updated_at = UTC_TIMESTAMP(3), changed_at = UTC_TIMESTAMP(3) WHERE run_no = ?',
      values,
    );
    if (other_layout) await addSeats(tx, run, layout.layout_hash);
    await owe(tx, run.run_id, change, row.stops);
    const act = { account_id: '', service: 'query', request_id: '', reason: change.kinds.join(', ') };
    const audit = operatorAudit({ operation: 'ChangeRun', target: `run/${run.run_id}`, version: revision, act }, clock.now_ms(), random);
    await tx.execute(audit.sql, audit.params);
    return true;
  }, { attempts: ATTEMPTS });
}

/** All seats of the run, whether it had rows or not: who has not heard of the new layout would make those of the old one. */
async function addSeats(tx: Tx, { run_no, segments, standing_capacity }: RunHeader, layout_hash: string): Promise<void> {
  await tx.execute('INSERT IGNORE INTO seat_ledger (run_no, class_code, seat, occupied) SELECT ?, class_code, seat, 0 FROM layout_seat WHERE layout_hash = ?', [run_no, layout_hash]);
  if (standing_capacity > 0) {
    const rows = Array.from({ length: segments }, (_, segment): SqlValue[] => [run_no, segment, standing_capacity]);
    await tx.execute(`INSERT IGNORE INTO standing_ledger (run_no, segment, used, capacity) VALUES ${rows.map(() => '(?, ?, 0, ?)').join(', ')}`, rows.flat());
  }
  await tx.execute('UPDATE train_run SET materialised = 1 WHERE run_no = ?', [run_no]);
}

type NoticeRow = { revision: bigint; kinds: string; reason: string; previous_stops: string; next_action_time: Date | null; age_ms: number };

/** A notice that is not told yet takes the new change in: what travellers hear compares with what they heard last. */
async function owe(tx: Tx, run_id: string, { revision, kinds, reason }: NewDifference, previous_stops: string): Promise<void> {
  const [open] = await tx.execute<NoticeRow>('SELECT * FROM run_notice WHERE run_id = ? AND next_action_time IS NOT NULL FOR UPDATE', [run_id]);
  const all = joined(open === undefined ? [] : (open.kinds.split(',') as DifferenceKind[]), kinds);
  await tx.execute(
    `INSERT INTO run_notice (run_id, revision, kinds, reason, previous_stops, changed_at, next_action_time, attempts) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), 0)
     ON DUPLICATE KEY UPDATE revision = VALUES(revision), kinds = VALUES(kinds), reason = VALUES(reason), previous_stops = VALUES(previous_stops), changed_at = VALUES(changed_at), next_action_time = VALUES(next_action_time), attempts = 0`,
    [run_id, revision, all.join(','), JSON.stringify(reason), open?.previous_stops ?? previous_stops],
  );
}

/** Of cancelling and restoring only the last is true. */
function joined(before: readonly DifferenceKind[], now: readonly DifferenceKind[]): DifferenceKind[] {
  const over: Partial<Record<DifferenceKind, DifferenceKind>> = { cancelled: 'restored', restored: 'cancelled' };
  const ended = now.map((kind) => over[kind]);
  return [...new Set([...before.filter((kind) => !ended.includes(kind)), ...now])];
}

/** `publish` adds the events of the news to the transaction. */
export function openNotices(db: Database, publish: (tx: Tx, run: RunHeader, notice: RunNotice, news: readonly RunNews[]) => Promise<void>): Notices {
  return {
    async find(run_id) {
      const [row] = await db.query<NoticeRow>('SELECT revision, kinds, reason, previous_stops, TIMESTAMPDIFF(MICROSECOND, changed_at, UTC_TIMESTAMP(6)) / 1000 AS age_ms FROM run_notice WHERE run_id = ? AND next_action_time IS NOT NULL', [run_id]);
      if (row === undefined) return undefined;
      return {
        run_id, revision: Number(row.revision), kinds: row.kinds === '' ? [] : (row.kinds.split(',') as DifferenceKind[]), reason: JSON.parse(row.reason) as RunNotice['reason'],
        previous_stops: stopsFromText(row.previous_stops), age_ms: Number(row.age_ms),
      };
    },
    async finish(run, notice, news) {
      return db.transaction(async (tx) => {
        const ended = await tx.execute('UPDATE run_notice SET next_action_time = NULL, attempts = 0 WHERE run_id = ? AND revision = ? AND next_action_time IS NOT NULL', [run.run_id, notice.revision]);
        if (ended.affected_rows !== 1) return false;
        await publish(tx, run, notice, news);
        return true;
      });
    },
  };
}

export type Followed = { revision: number; timetable_revision: number };

/** How far the timetable has been followed, by whichever process. */
export function openFollowed(db: Database) {
  return {
    async get(): Promise<Followed> {
      const [row] = await db.query<{ revision: bigint; timetable_revision: bigint }>('SELECT revision, timetable_revision FROM timetable_followed WHERE id = 1');
      return { revision: Number(row?.revision ?? 0), timetable_revision: Number(row?.timetable_revision ?? 0) };
    },
    async advance({ revision, timetable_revision }: Followed): Promise<void> {
      await db.query(
        'INSERT INTO timetable_followed (id, revision, timetable_revision) VALUES (1, ?, ?) ON DUPLICATE KEY UPDATE revision = GREATEST(revision, VALUES(revision)), timetable_revision = GREATEST(timetable_revision, VALUES(timetable_revision))',
        [revision, timetable_revision],
      );
    },
  };
}
