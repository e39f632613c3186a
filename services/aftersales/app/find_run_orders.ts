import { FailureError } from '#kit/base/result.ts';
import type { RunOrders, RunRefundStore } from './run_ports.ts';

export type FindRunOrdersDeps = { jobs: RunRefundStore; runs: RunOrders; /** Between two passes, unless the last open order ends before. */ pass_ms: number };

/**
 * One page of the orders of a run whose tickets all go back. A new pass begins when no order is open any more, so that what was
 * paid meanwhile is found, too; the pass that finds nothing is the last. Throws when order does not answer.
 */
export async function findRunOrders({ jobs, runs, pass_ms }: FindRunOrdersDeps, job_id: bigint): Promise<{ again_in_ms: number } | undefined> {
  const job = await jobs.find(job_id);
  if (job?.state !== 'ACTIVE') return undefined;
  if (job.next_page === '' && job.passes > 0 && (await jobs.openOrders(job_id)) > 0) return { again_in_ms: pass_ms };
  const page = await runs.onRun(job.run_id, job.next_page);
  if (page.ok) await jobs.notePage(job, page.value.order_ids, page.value.next, pass_ms);
  // Order's key has changed since the page before: this pass begins again.
  else if (page.error.reason === 'PAGE_TOKEN_INVALID' && job.next_page !== '') await jobs.notePage({ ...job, found_in_pass: job.found_in_pass + 1 }, [], '', 0);
  else throw new FailureError(page.error);
  return undefined;
}
