import type { AuditPage, AuditQuery, AuditRecord } from '#kit/audit/audit.ts';
import type { Result } from '#kit/base/result.ts';
import type { Job, JobRun } from '../domain/job.ts';
import type { Happening } from '../domain/explain.ts';

export type Actor = { account_id: string; device_id: string; ip: string; request_id: string; method: string; body_hash: Uint8Array };

/** Tells how far a run is; the report is what people read afterwards. */
export type Progress = (percent: number, report?: unknown) => Promise<void>;

export type JobWork = (args: Record<string, unknown>, progress: Progress, signal: AbortSignal) => Promise<unknown>;

export type RunnableJob = Job & { work: JobWork };

export type JobStore = {
  /** JOB_RUNNING while a run of the job holds the lease. A repeat of the request id gives the first run. */
  begin(job_id: string, started_by: string, actor: Actor): Promise<Result<JobRun & { fresh: boolean }>>;
  /** The run that was due; undefined when one runs or when another process has begun it, or anybody ran it since. */
  beginDue(job_id: string, due_ms: number): Promise<JobRun | undefined>;
  /** Since when each job is known here, and when it last began. Jobs that were not known are from now on. */
  schedule(job_ids: readonly string[]): Promise<Map<string, { known_ms: number; last_start_ms: number | undefined }>>;
  progress(run_id: string, percent: number, report_json: string | undefined): Promise<void>;
  end(run_id: string, outcome: { report_json: string } | { error: string }): Promise<void>;
  find(run_id: string): Promise<JobRun | undefined>;
  runs(job_id: string, page_size: number, before: string | undefined): Promise<{ items: JobRun[]; next: string | undefined }>;
  lastRuns(): Promise<Map<string, JobRun>>;
  /** Runs whose process ended in the middle are failed, so that they can be run again. */
  failAbandoned(): Promise<void>;
  /** Forgets a bounded batch of runs that ended long ago, but never a job's last ones; how many. */
  forgetRuns(limit: number): Promise<number>;
};

/** What other services know of an order. */
export type OrderSources = {
  order(order_id: string): Promise<{ state: string; happenings: Happening[] }>;
  others(order_id: string): Promise<Happening[]>;
};

/** A record, and the service that keeps it. */
export type KeptRecord = AuditRecord & { service: string };

/** The audit of each service, by its name. Throws when the service does not answer in time. */
export type AuditSources = ReadonlyMap<string, (query: AuditQuery) => Promise<AuditPage>>;

/** Who asks; a read has no request id. */
export type Asker = Pick<Actor, 'account_id' | 'device_id' | 'ip'> & { request_id?: string };

/** Notes in the audit of ops what somebody did. */
export type WriteAudit = (act: { operation: string; target: string; result?: string }, by: Asker) => Promise<void>;
