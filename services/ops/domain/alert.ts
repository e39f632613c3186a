/** What somebody should look at (requirements: 告警巡检). */
import type { JobRun } from './job.ts';

export type Alert = { kind: AlertKind; subject: string; zh: string; en: string };

export const ALERT_KINDS = ['DEAD_LETTERS', 'CONSUMER_BEHIND', 'SERVICE_DOWN', 'JOB_FAILED', 'JOB_OVERDUE', 'DIFFERENCES', 'PROTECTION'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** What a round found. */
export type Facts = {
  now_ms: number;
  dead_letters: Readonly<Record<string, number>>;
  /** Events that a consumer has not seen yet. */
  behind: Readonly<Record<string, number>>;
  down: readonly string[];
  jobs: readonly { job_id: string; last: JobRun | undefined; due_ms: number | undefined }[];
  /** Why protection mode is on; empty while it is off. */
  protection: string;
};

const BEHIND = 1000;
/** Held back over night and day: then the windows leave no room for it. */
const OVERDUE_MS = 26 * 3_600_000;

export function alertsOf({ now_ms, dead_letters, behind, down, jobs, protection }: Facts): Alert[] {
  return [
    ...Object.entries(dead_letters).filter(([, count]) => count > 0).map(([consumer, count]) => alert('DEAD_LETTERS', consumer, `${consumer} 有 ${count} 条死信`, `${count} dead letters of ${consumer}`)),
    ...Object.entries(behind).filter(([, count]) => count > BEHIND).map(([consumer, count]) => alert('CONSUMER_BEHIND', consumer, `${consumer} 积压 ${count} 条事件`, `${consumer} is ${count} events behind`)),
    ...down.map((service) => alert('SERVICE_DOWN', service, `${service} 服务未就绪`, `${service} does not serve`)),
    ...jobs.flatMap(({ job_id, last, due_ms }) => [
      ...(last?.state === 'FAILED' ? [alert('JOB_FAILED', job_id, `任务 ${job_id} 失败：${last.error}`, `job ${job_id} failed: ${last.error}`)] : []),
      ...(due_ms !== undefined && now_ms - due_ms > OVERDUE_MS ? [alert('JOB_OVERDUE', job_id, `任务 ${job_id} 逾期未执行`, `job ${job_id} is overdue`)] : []),
      ...differences(job_id, last),
    ]),
    ...(protection === '' ? [] : [alert('PROTECTION', protection, `保护模式已开启：${protection}`, `protection mode is on: ${protection}`)]),
  ];
}

/** A reconciliation that succeeded may have found what nobody has repaired. */
function differences(job_id: string, last: JobRun | undefined): Alert[] {
  if (last?.state !== 'SUCCEEDED' || !job_id.startsWith('reconcile-')) return [];
  const { differences: found } = JSON.parse(last.report_json) as { differences?: { repaired?: boolean }[] };
  const open = (found ?? []).filter(({ repaired }) => repaired !== true).length;
  return open === 0 ? [] : [alert('DIFFERENCES', job_id, `${job_id} 有 ${open} 处差异未修复`, `${open} differences of ${job_id} are not repaired`)];
}

function alert(kind: AlertKind, subject: string, zh: string, en: string): Alert {
  return { kind, subject, zh, en };
}
