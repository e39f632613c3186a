import { createHash } from 'node:crypto';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { findRunOrders, type FindRunOrdersDeps } from './find_run_orders.ts';
import type { Actor } from './ports.ts';
import type { RunRefundProgress } from './run_ports.ts';

const REASON_MAX = 200;

/** Has every ticket of a run go back in full. Idempotent by request_id; ends by itself, whoever goes away. */
export async function refundRun(deps: FindRunOrdersDeps & { log: Log; onBegun: () => void }, wanted: { request_id: string; run_id: string; reason: string }, actor: Actor): Promise<Result<RunRefundProgress>> {
  const { jobs, log } = deps;
  const { run_id, reason } = wanted;
  if (!/^[A-Za-z0-9_-]{1,32}\.\d{8}$/.test(run_id)) return fieldInvalid('run_id', 'a train and its date: G101.20260115');
  if (reason.trim() === '' || reason.length > REASON_MAX) return fieldInvalid('reason', `1 to ${REASON_MAX} characters, which travellers read`);
  const begun = await jobs.begin({ ...wanted, body_hash: createHash('sha256').update(JSON.stringify([run_id, reason])).digest() }, actor);
  if (!begun.ok) return begun;
  const { job_id, passes } = begun.value;
  // The first page at once, so that the answer says something; the sweeper does the rest.
  if (passes === 0) await findRunOrders(deps, job_id).catch((error: unknown) => log.warn({ error, job_id: String(job_id) }, 'the orders of a run are left to the sweeper'));
  deps.onBegun();
  return ok((await jobs.progress(job_id))!);
}
