/**
 * What the railway has told of runs, as aftersales needs it. Events arrive in any order and again: revisions decide, and all
 * that changes jobs of a run locks the run's row first.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { RunNewsReader } from '../app/ports.ts';
import type { RunCancelledNews } from '../domain/run_news.ts';
import { insertJob, insertOrders } from './run_refund_store.ts';

/** The railway itself, among those who have runs refunded. */
const RAILWAY = 'railway';

export function openRunNews(db: Database): RunNewsReader {
  return {
    async cancelledOf(run_ids) {
      if (run_ids.length === 0) return new Set();
      const rows = await db.query<{ run_id: string }>('SELECT run_id FROM run_news WHERE run_id IN (?) AND cancelled_revision > restored_revision', [[...run_ids]]);
      return new Set(rows.map(({ run_id }) => run_id));
    },
  };
}

/** One job for each revision that cancelled the run. None when the run was restored since: who hears of that late leaves all as it is. */
export async function noteCancelled(tx: Tx, { clock, nextId }: { clock: Clock; nextId: () => bigint }, news: RunCancelledNews): Promise<void> {
  const { run_id, revision } = news;
  const { restored_revision } = await lockRun(tx, run_id, { cancelled: revision, restored: 0n });
  if (BigInt(restored_revision) > revision) return;
  const request_id = `${run_id}/${revision}`;
  const [known] = await tx.execute<{ job_id: bigint }>('SELECT job_id FROM run_refund WHERE requester = ? AND request_id = ? FOR UPDATE', [RAILWAY, request_id]);
  const job_id = known === undefined ? nextId() : BigInt(known.job_id);
  if (known === undefined) {
    const { reason_zh, reason_en } = news;
    await insertJob(tx, clock, { job_id, run_id, cause: 'RUN_CANCELLED', revision, requester: RAILWAY, request_id, body_hash: createHash('sha256').update(request_id).digest(), reason_zh, reason_en });
  }
  const added = await insertOrders(tx, job_id, news.order_ids);
  // A part that comes after the end of the job.
  if (added > 0) await tx.execute("UPDATE run_refund SET state = 'ACTIVE', finished_at = NULL, next_action_time = UTC_TIMESTAMP(3) WHERE job_id = ? AND state = 'DONE'", [job_id]);
}

/** Jobs that an earlier cancellation began begin nothing more. */
export async function noteRestored(tx: Tx, { clock }: { clock: Clock }, { run_id, revision }: { run_id: string; revision: bigint }): Promise<void> {
  await lockRun(tx, run_id, { cancelled: 0n, restored: revision });
  const jobs = await tx.execute<{ job_id: bigint }>("SELECT job_id FROM run_refund WHERE run_id = ? AND cause = 'RUN_CANCELLED' AND revision < ? AND state = 'ACTIVE' FOR UPDATE", [run_id, revision]);
  for (const { job_id } of jobs) {
    await tx.execute("UPDATE run_refund SET state = 'STOPPED', version = version + 1, finished_at = ?, next_action_time = NULL WHERE job_id = ?", [new Date(clock.now_ms()), job_id]);
    await tx.execute("UPDATE run_refund_order SET next_action_time = UTC_TIMESTAMP(3) WHERE job_id = ? AND state = 'OPEN'", [job_id]);
  }
}

async function lockRun(tx: Tx, run_id: string, { cancelled, restored }: { cancelled: bigint; restored: bigint }): Promise<{ restored_revision: bigint }> {
  await tx.execute(
    `INSERT INTO run_news (run_id, cancelled_revision, restored_revision) VALUES (?, ?, ?)
     ON DUPLICATE KEY UPDATE cancelled_revision = GREATEST(cancelled_revision, VALUES(cancelled_revision)), restored_revision = GREATEST(restored_revision, VALUES(restored_revision))`,
    [run_id, cancelled, restored],
  );
  const [row] = await tx.execute<{ restored_revision: bigint }>('SELECT restored_revision FROM run_news WHERE run_id = ? FOR UPDATE', [run_id]);
  if (row === undefined) throw new Error(`run ${run_id} was just written`);
  return row;
}
