import { Cron } from 'croner';
import type { Clock } from '#kit/base/clock.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { repeat, type Loop } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { heldBySale, heldBySchedule, type Held, type SaleTimes } from '../domain/held.ts';
import type { JobRun } from '../domain/job.ts';
import type { Actor, JobStore, RunnableJob } from './ports.ts';

const ZONE = 'Asia/Shanghai';
const MAX_RUN_MS = 3_600_000;
/** How often it is looked for jobs that are due: also how long one waits after a window that held it back. */
const LOOK_MS = 5_000;

export type JobsDeps = { jobs: readonly RunnableJob[]; store: JobStore; clock: Clock; log: Log; times: () => SaleTimes; look_ms?: number };

/** A job that should have run at `due_ms` and has not yet; `held` says why, unless it is about to begin. */
export type Due = { due_ms: number; held: Held | undefined };

/**
 * Runs jobs by schedule and by hand; a job runs once at a time, and once for each time it is due, over all processes.
 * What is due comes from the rows of earlier runs and not from timers: a job that was held back, or due while every
 * process was down, runs when it can.
 */
export class Jobs {
  readonly #deps: JobsDeps;
  readonly #running = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #crons = new Map<string, Cron>();
  readonly #due = new Map<string, Due>();
  readonly #loop: Loop;
  readonly #meters;

  constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.#meters = metersOf();
    for (const { job_id, schedule } of deps.jobs) if (schedule !== '') this.#crons.set(job_id, new Cron(schedule, { timezone: ZONE, paused: true }));
    this.#loop = repeat({ name: 'jobs', service: 'ops', every_ms: deps.look_ms ?? LOOK_MS, jitter: 0.2, log: deps.log, run: () => this.look() });
    this.#loop.nudge();
  }

  list(): readonly RunnableJob[] {
    return this.#deps.jobs;
  }

  nextRunMs(job_id: string): number | undefined {
    return this.#crons.get(job_id)?.nextRun(new Date(this.#deps.clock.now_ms()))?.getTime();
  }

  /** Of a job that is due and has not begun. */
  due(job_id: string): Due | undefined {
    return this.#due.get(job_id);
  }

  /** Starts a job by hand and answers at once; the run goes on. JOB_NOT_FOUND, JOB_HELD_BACK, JOB_RUNNING, FIELD_INVALID. */
  async run(job_id: string, arguments_json: string, actor: Actor, despite_sale = false): Promise<Result<JobRun>> {
    const job = this.#deps.jobs.find((candidate) => candidate.job_id === job_id);
    if (job === undefined) return fail('JOB_NOT_FOUND');
    const args = parseArguments(arguments_json);
    if (args === undefined) return fieldInvalid('arguments_json', 'must be a JSON object');
    const held = job.off_peak_only && !despite_sale ? heldBySale(this.#deps.times(), this.#deps.clock.now_ms()) : undefined;
    if (held !== undefined) return fail('JOB_HELD_BACK', { detail: held.en, metadata: { why_zh: held.zh, why_en: held.en } });
    const begun = await this.#deps.store.begin(job_id, actor.account_id, actor);
    if (!begun.ok) return begun;
    if (begun.value.fresh) this.#go(job, begun.value, args);
    return ok(begun.value);
  }

  /** Begins what is due and not held back. */
  async look(): Promise<void> {
    const { jobs, store, clock, times } = this.#deps;
    await store.failAbandoned();
    const scheduled = jobs.filter(({ job_id }) => this.#crons.has(job_id));
    if (scheduled.length === 0) return;
    const known = await store.schedule(scheduled.map(({ job_id }) => job_id));
    const now_ms = clock.now_ms();
    for (const job of scheduled) {
      const due_ms = this.#crons.get(job.job_id)!.previousRuns(1, new Date(now_ms + 1))[0]?.getTime() ?? 0;
      const { known_ms, last_start_ms = 0 } = known.get(job.job_id)!;
      if (due_ms < known_ms || due_ms <= last_start_ms) {
        this.#due.delete(job.job_id);
        continue;
      }
      const held = job.off_peak_only ? heldBySchedule(times(), now_ms) : undefined;
      this.#tellHeld(job, held);
      this.#due.set(job.job_id, { due_ms, held });
      if (held !== undefined) continue;
      const run = await store.beginDue(job.job_id, due_ms);
      if (run === undefined) continue;
      this.#due.delete(job.job_id);
      this.#go(job, run, {});
    }
    this.#meters.held.set({}, [...this.#due.values()].filter(({ held }) => held !== undefined).length);
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    this.#ending.abort();
    await Promise.allSettled(this.#running);
  }

  #tellHeld({ job_id }: RunnableJob, held: Held | undefined): void {
    if (held === undefined || this.#due.get(job_id)?.held?.en === held.en) return;
    this.#deps.log.info({ job: job_id, why: held.en }, 'a job that is due is held back');
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
      this.#meters.runs.inc({ job: job.job_id, outcome: 'succeeded' });
    } catch (error) {
      log.error({ error, job: job.job_id, run_id }, 'a job failed');
      this.#meters.runs.inc({ job: job.job_id, outcome: 'failed' });
      await store.end(run_id, { error: error instanceof Error ? error.message : String(error) }).catch((failure: unknown) => log.error({ error: failure }, 'the end of a job could not be stored'));
    }
  }
}

function metersOf() {
  const metrics = metricsFor('ops');
  return {
    runs: metrics.counter('job_runs_total', 'Runs of jobs by outcome', ['job', 'outcome']),
    held: metrics.gauge('jobs_held_back', 'Jobs that are due and wait for a peak, a sale opening or protection mode to end'),
  };
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
