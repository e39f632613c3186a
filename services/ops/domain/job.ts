export type JobState = 'RUNNING' | 'SUCCEEDED' | 'FAILED';

/** A kind of work that runs by schedule or by hand. */
export type Job = {
  job_id: string;
  title_zh: string;
  title_en: string;
  /** Cron expression in Asia/Shanghai; empty for jobs that only run by hand. */
  schedule: string;
  /** Kept away from sale openings (requirements: 批任务错峰调度). */
  off_peak_only: boolean;
};

export type JobRun = {
  run_id: string;
  job_id: string;
  state: JobState;
  start_time_ms: number;
  end_time_ms: number | undefined;
  progress_percent: number;
  report_json: string;
  error: string;
  started_by: string;
};
