import { HealthCheckResponse_ServingStatus as Serving } from '#gen/grpc/health/v1/health_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Bus } from '#kit/bus/bus.ts';
import { countDeadLetters } from '#kit/bus/dlq.ts';
import { STREAMS, streamName } from '#kit/bus/streams.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { JobStore, JobWork } from '../app/ports.ts';
import { ALERT_KINDS, alertsOf } from '../domain/alert.ts';
import type { Peers } from './peers.ts';

export type AlertDeps = {
  bus: Bus;
  health: Peers['health'];
  store: Pick<JobStore, 'lastRuns'>;
  /** Since when each job is due; jobs that only run by hand are never. */
  jobs: () => readonly { job_id: string; due_ms: number | undefined }[];
  protection: () => string;
  clock: Clock;
  log: Log;
};

const CHECK_MS = 2000;

/** Looks everywhere, tells in log and metric what needs somebody, and reports it. */
export function alertRound({ bus, health, store, jobs, protection, clock, log }: AlertDeps): JobWork {
  const gauge = metricsFor('ops').gauge('ops_alerts', 'What the last alert round found, by kind', ['kind']);
  return async () => {
    const [dead_letters, behind, down, last] = await Promise.all([countDeadLetters(bus), lags(bus), silent(health), store.lastRuns()]);
    const alerts = alertsOf({ now_ms: clock.now_ms(), dead_letters, behind, down, protection: protection(), jobs: jobs().map(({ job_id, due_ms }) => ({ job_id, due_ms, last: last.get(job_id) })) });
    for (const kind of ALERT_KINDS) gauge.set({ kind }, alerts.filter((alert) => alert.kind === kind).length);
    for (const { kind, subject, en } of alerts) log.warn({ kind, subject }, en);
    return { alerts };
  };
}

async function lags(bus: Bus): Promise<Record<string, number>> {
  const behind: Record<string, number> = {};
  for (const stream of STREAMS) {
    for await (const { name, num_pending } of bus.jsm.consumers.list(streamName(bus, stream))) behind[name] = (behind[name] ?? 0) + num_pending;
  }
  return behind;
}

async function silent(health: Peers['health']): Promise<string[]> {
  const asked = [...health].map(async ([name, client]) => {
    const serving = await client.check({}, { timeout_ms: CHECK_MS }).then(({ status }) => status === Serving.SERVING, () => false);
    return serving ? [] : [name];
  });
  return (await Promise.all(asked)).flat();
}
