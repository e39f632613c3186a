import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { fail, ok } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { JobStore } from '../app/ports.ts';
import type { JobRun, JobState } from '../domain/job.ts';

type Row = {
  run_id: string; job_id: string; state: JobState; started_by: string; started_at: Date; ended_at: Date | null; progress_percent: number | bigint; report_json: string; error: string;
};

/** A run that has not told of itself for this long has died with its process. */
const ALIVE_MS = 60_000;
/** What a run found is looked up for a month; the audit keeps who started it for longer. */
const KEPT_MS = 30 * 24 * 3_600_000;
const ALIVE_SQL = 'UTC_TIMESTAMP(3) + INTERVAL 60 SECOND';

export function openJobStore(db: Database, keys: AuditKeys, clock: Clock, random: Random): JobStore {
  /** One row a job: locked while a run begins, so that of two beginnings one sees the other. */
  async function lockJob(tx: Tx, job_id: string): Promise<{ running: boolean }> {
    await tx.execute('INSERT IGNORE INTO job_gate (job_id, known_since) VALUES (?, ?)', [job_id, new Date(clock.now_ms())]);
    await tx.execute('SELECT 1 FROM job_gate WHERE job_id = ? FOR UPDATE', [job_id]);
    const running = await tx.execute(`SELECT 1 FROM job_run WHERE job_id = ? AND state = 'RUNNING' AND alive_until > UTC_TIMESTAMP(3)`, [job_id]);
    return { running: running.length > 0 };
  }

  async function insertRun(tx: Tx, job_id: string, started_by: string): Promise<string> {
    const now_ms = clock.now_ms();
    const run_id = formatUuid7(now_ms, random.bytes(10));
    await tx.execute(`INSERT INTO job_run (run_id, job_id, state, started_by, started_at, alive_until, report_json) VALUES (?, ?, 'RUNNING', ?, ?, ${ALIVE_SQL}, '{}')`, [run_id, job_id, started_by, new Date(now_ms)]);
    return run_id;
  }

  return {
    async begin(job_id, started_by, actor) {
      const now_ms = clock.now_ms();
      const key = { account_id: actor.account_id, request_id: actor.request_id, method: actor.method, body_hash: actor.body_hash, now_ms };
      const begun = await db.transaction((tx) => withRequestId(tx, key, async () => {
        if ((await lockJob(tx, job_id)).running) return fail('JOB_RUNNING', { retry_after_ms: 5000 });
        const run_id = await insertRun(tx, job_id, started_by);
        await writeAudit(tx, keys, {
          actor_account: actor.account_id, actor_service: 'ops', device_id: actor.device_id, ip: actor.ip, operation: 'job.Run', target: `job/${job_id}`, result: 'ok',
          request_id: actor.request_id, time: new Date(now_ms),
        });
        return ok(new TextEncoder().encode(run_id));
      }));
      if (!begun.ok) return begun;
      const run = await this.find(new TextDecoder().decode(begun.value.answer));
      return run === undefined ? fail('JOB_NOT_FOUND') : ok({ ...run, fresh: !begun.value.replayed });
    },
    async beginDue(job_id, due_ms) {
      const run_id = await db.transaction(async (tx) => {
        if ((await lockJob(tx, job_id)).running) return undefined;
        const since = await tx.execute('SELECT 1 FROM job_run WHERE job_id = ? AND started_at >= ? LIMIT 1', [job_id, new Date(due_ms)]);
        return since.length > 0 ? undefined : insertRun(tx, job_id, 'schedule');
      });
      return run_id === undefined ? undefined : this.find(run_id);
    },
    async schedule(job_ids) {
      const now = new Date(clock.now_ms());
      await db.query(`INSERT IGNORE INTO job_gate (job_id, known_since) VALUES ${job_ids.map(() => '(?, ?)').join(', ')}`, job_ids.flatMap((job_id) => [job_id, now]));
      const rows = await db.query<{ job_id: string; known_since: Date; last_start: Date | null }>(
        'SELECT g.job_id, g.known_since, (SELECT MAX(r.started_at) FROM job_run r WHERE r.job_id = g.job_id) AS last_start FROM job_gate g',
      );
      return new Map(rows.map(({ job_id, known_since, last_start }) => [job_id, { known_ms: known_since.getTime(), last_start_ms: last_start?.getTime() }]));
    },
    async progress(run_id, percent, report_json) {
      const report = report_json === undefined ? '' : ', report_json = ?';
      await write(db, `UPDATE job_run SET progress_percent = ?, alive_until = ${ALIVE_SQL}${report} WHERE run_id = ? AND state = 'RUNNING'`, [
        Math.round(percent), ...(report_json === undefined ? [] : [report_json]), run_id,
      ]);
    },
    async end(run_id, outcome) {
      const now = new Date(clock.now_ms());
      if ('error' in outcome) {
        await write(db, `UPDATE job_run SET state = 'FAILED', error = ?, ended_at = ? WHERE run_id = ? AND state = 'RUNNING'`, [outcome.error.slice(0, 1000), now, run_id]);
      } else {
        await write(db, `UPDATE job_run SET state = 'SUCCEEDED', progress_percent = 100, report_json = ?, ended_at = ? WHERE run_id = ? AND state = 'RUNNING'`, [outcome.report_json, now, run_id]);
      }
    },
    async find(run_id) {
      const [row] = await db.query<Row>('SELECT * FROM job_run WHERE run_id = ?', [run_id]);
      return row === undefined ? undefined : runOf(row);
    },
    async runs(job_id, page_size, before) {
      const rows = await db.query<Row>('SELECT * FROM job_run WHERE job_id = ? AND run_id < ? ORDER BY run_id DESC LIMIT ?', [job_id, before ?? '~', page_size]);
      const items = rows.map(runOf);
      return { items, next: items.length < page_size ? undefined : items.at(-1)!.run_id };
    },
    async lastRuns() {
      const rows = await db.query<Row>('SELECT r.* FROM job_run r JOIN (SELECT job_id, MAX(run_id) AS run_id FROM job_run GROUP BY job_id) newest ON newest.run_id = r.run_id');
      return new Map(rows.map((row) => [row.job_id, runOf(row)]));
    },
    async failAbandoned() {
      await write(db, `UPDATE job_run SET state = 'FAILED', error = ?, ended_at = UTC_TIMESTAMP(3) WHERE state = 'RUNNING' AND alive_until <= UTC_TIMESTAMP(3)`, [`nothing was heard of it for ${ALIVE_MS / 1000} s`]);
    },
    async forgetRuns(limit) {
      const rows = await db.query<{ run_id: string }>(
        `SELECT r.run_id FROM job_run r WHERE r.started_at < ? AND r.state <> 'RUNNING' AND r.run_id < (SELECT MAX(newer.run_id) FROM job_run newer WHERE newer.job_id = r.job_id) LIMIT ?`,
        [new Date(clock.now_ms() - KEPT_MS), limit],
      );
      if (rows.length === 0) return 0;
      return (await db.query(`DELETE FROM job_run WHERE run_id IN (${rows.map(() => '?').join(', ')})`, rows.map(({ run_id }) => run_id))).affected_rows;
    },
  };
}

function runOf(row: Row): JobRun {
  return {
    run_id: row.run_id,
    job_id: row.job_id,
    state: row.state,
    start_time_ms: row.started_at.getTime(),
    end_time_ms: row.ended_at?.getTime(),
    progress_percent: Number(row.progress_percent),
    report_json: row.report_json,
    error: row.error,
    started_by: row.started_by,
  };
}

/** A transaction, so that it is made again when it meets a run that begins, ends or was abandoned, in a deadlock. */
async function write(db: Database, sql: string, params: SqlValue[]): Promise<void> {
  await db.transaction((tx) => tx.execute(sql, params));
}
