/** What is asked of queue entries. */
import type { Database } from '#kit/store/mysql.ts';
import type { EntryStore } from '../app/ports.ts';
import { demandFrom } from '../domain/demand.ts';
import { scoreOf } from '../domain/priority.ts';
import { ENTRY_COLUMNS, entryOf, type EntryRow } from './rows.ts';

export type EntryReads = Pick<EntryStore, 'find' | 'outcome' | 'openRuns' | 'waiting' | 'waitingBefore' | 'inFlight' | 'demands' | 'newest' | 'queues'>;

type WaitingRow = Pick<EntryRow, 'entry_id' | 'priority' | 'sequence'>;

const QUICK_ROWS = 200;

export function entryReads(db: Database): EntryReads {
  return {
    async find(entry_id) {
      const [row] = await db.read<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE entry_id = ?`, [entry_id]);
      return row === undefined ? undefined : entryOf(row);
    },
    async outcome(entry_id) {
      const [row] = await db.read<Pick<EntryRow, 'state' | 'order_id' | 'reason' | 'standby_id' | 'standby_reason'>>('SELECT state, order_id, reason, standby_id, standby_reason FROM queue_entry WHERE entry_id = ?', [entry_id]);
      if (row === undefined) return undefined;
      const { state, order_id, reason, standby_id, standby_reason } = row;
      return { state, reason: reason ?? undefined, order_id: order_id === null ? undefined : String(order_id), standby_id: standby_id ?? undefined, standby_reason: standby_reason ?? undefined };
    },
    async openRuns(limit) {
      // Grouped as the index has them, so that it is walked from run to run and not from entry to entry: a million may wait.
      const rows = await db.query<{ state: string; run_id: string; bucket: number }>("SELECT state, run_id, MIN(bucket) AS bucket FROM queue_entry WHERE state IN ('WAITING', 'PROCESSING') GROUP BY state, run_id LIMIT ?", [limit * 2]);
      const waiting = new Set(rows.flatMap(({ state, run_id }) => (state === 'WAITING' ? [run_id] : [])));
      return [...new Map(rows.map(({ run_id, bucket }) => [run_id, { run_id, bucket, waiting: waiting.has(run_id) }])).values()].slice(0, limit);
    },
    async waiting(run_id, limit) {
      const sql = "SELECT entry_id, priority, sequence FROM queue_entry WHERE run_id = ? AND state = 'WAITING' ORDER BY priority, sequence LIMIT ?";
      // A whole queue would keep others of its packet waiting.
      const rows = await (limit > QUICK_ROWS ? db.query<WaitingRow>(sql, [run_id, limit]) : db.read<WaitingRow>(sql, [run_id, limit]));
      return rows.map(({ entry_id, priority, sequence }) => ({ entry_id, priority, sequence: Number(sequence) }));
    },
    async waitingBefore(run_id, sequence) {
      const [row] = await db.query<{ count: bigint }>("SELECT COUNT(*) AS count FROM queue_entry WHERE run_id = ? AND state = 'WAITING' AND sequence < ?", [run_id, sequence]);
      return Number(row?.count ?? 0);
    },
    async inFlight(run_id, limit) {
      const rows = await db.query<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM queue_entry WHERE run_id = ? AND state = 'PROCESSING' ORDER BY dequeue_time, priority, sequence LIMIT ?`, [run_id, limit]);
      return rows.map(entryOf);
    },
    async demands(run_id, limit) {
      // PROCESSING comes before WAITING, and both as the index has them.
      const rows = await db.query<Pick<EntryRow, 'state' | 'priority' | 'sequence'> & { demand: string | null }>(
        "SELECT state, priority, sequence, demand FROM queue_entry WHERE run_id = ? AND state IN ('PROCESSING', 'WAITING') ORDER BY state, priority, sequence LIMIT ?",
        [run_id, limit],
      );
      const known = rows.flatMap(({ state, priority, sequence, demand: text }) => {
        const demand = demandFrom(text ?? '');
        return demand === undefined ? [] : [{ in_flight: state === 'PROCESSING', one: { score: scoreOf(priority, Number(sequence)), demand } }];
      });
      return {
        waiting: known.flatMap(({ in_flight, one }) => (in_flight ? [] : [one])),
        in_flight: known.flatMap(({ in_flight, one }) => (in_flight ? [one.demand] : [])),
      };
    },
    async newest() {
      const [row] = await db.query<{ newest: bigint | null }>('SELECT MAX(sequence) AS newest FROM queue_entry');
      return Number(row?.newest ?? 0);
    },
    async queues(limit, offset) {
      const rows = await db.query<{ run_id: string; bucket: number; length: bigint; in_flight: bigint; owner: string | null; term: bigint | null }>(
        `SELECT q.run_id, q.bucket, q.length, q.in_flight, l.owner, l.term FROM (
           SELECT run_id, MIN(bucket) AS bucket, COUNT(CASE WHEN state = 'WAITING' THEN 1 END) AS length, COUNT(CASE WHEN state = 'PROCESSING' THEN 1 END) AS in_flight
           FROM queue_entry WHERE state IN ('WAITING', 'PROCESSING') GROUP BY run_id ORDER BY length DESC, run_id LIMIT ? OFFSET ?
         ) q LEFT JOIN lease l ON l.name = CONCAT('queue/', q.bucket) ORDER BY q.length DESC, q.run_id`,
        [limit, offset],
      );
      return rows.map((row) => ({ ...row, length: Number(row.length), in_flight: Number(row.in_flight), owner: row.owner ?? '', term: row.term ?? 0n }));
    },
  };
}
