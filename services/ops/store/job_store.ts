import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { JobStore } from '../app/ports.ts';
import type { JobRun, JobState } from '../domain/job.ts';

type Row = {
  run_id: string; job_id: string; state: JobState; started_by: string; started_at: Date; ended_at: Date | null; progress_percent: number | bigint; report_json: string; error: string;
};

/** A run that has not told of itself for this long has died with its process. */
const ALIVE_MS = 60_000;
const ALIVE_SQL = 'UTC_TIMESTAMP(3) + INTERVAL 60 SECOND';

export function openJobStore(db: Database, keys: AuditKeys, clock: Clock, random: Random): JobStore {
  async function insertRun(tx: Tx, job_id: string, started_by: string): Promise<Result<string>> {
    await tx.execute('INSERT IGNORE INTO job_gate (job_id) VALUES (?)', [job_id]);
    await tx.execute('SELECT 1 FROM job_gate WHERE job_id = ? FOR UPDATE', [job_id]);
    const running = await tx.execute(`SELECT 1 FROM job_run WHERE job_id = ? AND state = 'RUNNING' AND alive_until > UTC_TIMESTAMP(3)`, [job_id]);
    if (running.length > 0) return fail('JOB_RUNNING', { retry_after_ms: 5000 });
    const now_ms = clock.now_ms();
    const run_id = formatUuid7(now_ms, random.bytes(10));
    await tx.execute(`INSERT INTO job_run (run_id, job_id, state, started_by, started_at, alive_until, report_json) VALUES (?, ?, 'RUNNING', ?, ?, ${ALIVE_SQL}, '{}')`, [run_id, job_id, started_by, new Date(now_ms)]);
    return ok(run_id);
  }

  return {
    async begin(job_id, started_by, actor) {
      const now_ms = clock.now_ms();
      const begun = await db.transaction(async (tx): Promise<Result<{ run_id: string; fresh: boolean }>> => {
        if (actor === undefined) {
          const inserted = await insertRun(tx, job_id, started_by);
          return inserted.ok ? ok({ run_id: inserted.value, fresh: true }) : inserted;
        }
        const key = { account_id: actor.account_id, request_id: actor.request_id, method: actor.method, body_hash: actor.body_hash, now_ms };
        const answered = await withRequestId(tx, key, async () => {
          const inserted = await insertRun(tx, job_id, started_by);
          if (!inserted.ok) return inserted;
          await writeAudit(tx, keys, {
            actor_account: actor.account_id, actor_service: 'ops', device_id: actor.device_id, ip: actor.ip, operation: 'job.Run', target: `job/${job_id}`, result: 'ok',
            request_id: actor.request_id, time: new Date(now_ms),
          });
          return ok(new TextEncoder().encode(inserted.value));
        });
        return answered.ok ? ok({ run_id: new TextDecoder().decode(answered.value.answer), fresh: !answered.value.replayed }) : answered;
      });
      if (!begun.ok) return begun;
      const run = await this.find(begun.value.run_id);
      return run === undefined ? fail('JOB_NOT_FOUND') : ok({ ...run, fresh: begun.value.fresh });
    },
    async progress(run_id, percent, report_json) {
      const report = report_json === undefined ? '' : ', report_json = ?';
      await db.query(`UPDATE job_run SET progress_percent = ?, alive_until = ${ALIVE_SQL}${report} WHERE run_id = ? AND state = 'RUNNING'`, [
        Math.round(percent), ...(report_json === undefined ? [] : [report_json]), run_id,
      ]);
    },
    async end(run_id, outcome) {
      const now = new Date(clock.now_ms());
      if ('error' in outcome) {
        await db.query(`UPDATE job_run SET state = 'FAILED', error = ?, ended_at = ? WHERE run_id = ? AND state = 'RUNNING'`, [outcome.error.slice(0, 1000), now, run_id]);
      } else {
        await db.query(`UPDATE job_run SET state = 'SUCCEEDED', progress_percent = 100, report_json = ?, ended_at = ? WHERE run_id = ? AND state = 'RUNNING'`, [outcome.report_json, now, run_id]);
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
      await db.query(`UPDATE job_run SET state = 'FAILED', error = ?, ended_at = UTC_TIMESTAMP(3) WHERE state = 'RUNNING' AND alive_until <= UTC_TIMESTAMP(3)`, [`nothing was heard of it for ${ALIVE_MS / 1000} s`]);
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
