import { Cron } from 'croner';
import type { Clock } from '#kit/base/clock.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { isPeak, type JobRun } from '../domain/job.ts';
import type { Actor, JobStore, RunnableJob } from './ports.ts';

const ZONE = 'Asia/Shanghai';
const MAX_RUN_MS = 3_600_000;

export type JobsDeps = { jobs: readonly RunnableJob[]; store: JobStore; clock: Clock; log: Log };

/** Runs jobs by schedule and by hand; a job runs once at a time, over all processes. */
export class Jobs {
  readonly #deps: JobsDeps;
  readonly #running = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #timers: Cron[];
  readonly #runs;

  constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.#runs = metricsFor('ops').counter('job_runs_total', 'Runs of jobs by outcome', ['job', 'outcome']);
    this.#timers = deps.jobs
      .filter(({ schedule }) => schedule !== '')
      .map((job) => new Cron(job.schedule, { timezone: ZONE, unref: true, catch: (error: unknown) => deps.log.error({ error, job: job.job_id }, 'a job could not be started') }, () => this.#scheduled(job)));
  }

  list(): readonly RunnableJob[] {
    return this.#deps.jobs;
  }

  nextRunMs(job_id: string): number | undefined {
    const schedule = this.#deps.jobs.find((job) => job.job_id === job_id)?.schedule ?? '';
    return schedule === '' ? undefined : new Cron(schedule, { timezone: ZONE, paused: true }).nextRun()?.getTime();
  }

  /** Starts a job by hand and answers at once; the run goes on. JOB_NOT_FOUND, JOB_RUNNING, FIELD_INVALID. */
  async run(job_id: string, arguments_json: string, actor: Actor): Promise<Result<JobRun>> {
    const job = this.#deps.jobs.find((candidate) => candidate.job_id === job_id);
    if (job === undefined) return fail('JOB_NOT_FOUND');
    const args = parseArguments(arguments_json);
    if (args === undefined) return fieldInvalid('arguments_json', 'must be a JSON object');
    const begun = await this.#deps.store.begin(job_id, actor.account_id, actor);
    if (!begun.ok) return begun;
    if (begun.value.fresh) this.#go(job, begun.value, args);
    return ok(begun.value);
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.stop();
    this.#ending.abort();
    await Promise.allSettled(this.#running);
  }

  async #scheduled(job: RunnableJob): Promise<void> {
    if (job.off_peak_only && isPeak(this.#deps.clock.now_ms())) return;
    const begun = await this.#deps.store.begin(job.job_id, 'schedule');
    // Another process was faster.
    if (begun.ok) this.#go(job, begun.value, {});
  }

  #go(job: RunnableJob, run: JobRun, args: Record<string, unknown>): void {
    const work = this.#work(job, run, args).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #work(job: RunnableJob, { run_id }: JobRun, args: Record<string, unknown>): Promise<void> {
    const { store, log } = this.#deps;
    const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(MAX_RUN_MS)]);
    try {
      const report = await job.work(args, (percent, so_far) => store.progress(run_id, percent, so_far === undefined ? undefined : toJson(so_far)), signal);
      await store.end(run_id, { report_json: toJson(report) });
      this.#runs.inc({ job: job.job_id, outcome: 'succeeded' });
    } catch (error) {
      log.error({ error, job: job.job_id, run_id }, 'a job failed');
      this.#runs.inc({ job: job.job_id, outcome: 'failed' });
      await store.end(run_id, { error: error instanceof Error ? error.message : String(error) }).catch((failure: unknown) => log.error({ error: failure }, 'the end of a job could not be stored'));
    }
  }
}

function toJson(value: unknown): string {
  return JSON.stringify(value ?? {}, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
}

function parseArguments(json: string): Record<string, unknown> | undefined {
  if (json === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
