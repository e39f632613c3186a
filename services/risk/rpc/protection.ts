import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ProtectionReason, type ReportLoadRequest } from '#gen/rail/risk/v1/risk_pb.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { ReportStore } from '../app/ports.ts';
import type { ProtectionMeters, ProtectionWatch } from '../app/protection.ts';
import type { Report } from '../domain/signals.ts';

const MAX_BOUNDS = 32;
const MAX_NAME = 64;
const REASONS = ['NONE', 'FORCED', 'OPENING', 'LATENCY', 'ERRORS', 'QUEUE'] as const;

/** The methods of RiskService about protection mode. */
export function protectionMethods(protection: ProtectionWatch, reports: Pick<ReportStore, 'put'>) {
  return {
    getProtection() {
      const { active, reason, detail, since_ms } = protection.state();
      const { edge, queue } = protection.shares();
      // What was measured is for operators; an opening is known to everybody.
      return { active, reason: ProtectionReason[reason], sinceTime: since_ms === 0 ? undefined : timestampFromMs(since_ms), opening: reason === 'OPENING' ? detail : '', edgeShare: edge, queueShare: queue };
    },
    async reportLoad(request: ReportLoadRequest, { caller }: Call) {
      await reports.put(unwrap(reportOf(caller.kind === 'service' ? caller.service : '', request)));
      return {};
    },
  };
}

export function protectionMeters(): ProtectionMeters {
  const metrics = metricsFor('risk');
  const active = metrics.gauge('protection_active', 'Protection mode: 1 for the reason for which it is on', ['reason']);
  const signal = metrics.gauge('protection_signal', 'The worst of each signal that services report; 0 when nobody does', ['signal']);
  const switches = metrics.counter('protection_switches_total', 'Changes of protection mode', ['active', 'reason']);
  return {
    state: (state) => REASONS.forEach((reason) => active.set({ reason }, state.active && state.reason === reason ? 1 : 0)),
    signals: (signals) => (['latency_p95_ms', 'error_share', 'queue_entries'] as const).forEach((name) => signal.set({ signal: name }, signals?.[name]?.value ?? 0)),
    switched: (state) => switches.inc({ active: String(state.active), reason: state.reason }),
  };
}

function reportOf(service: string, { process, calls, failed, latencyBoundsMs, latencyCounts, queueEntries }: ReportLoadRequest): Result<Report> {
  if (process === '' || process.length > MAX_NAME) return fieldInvalid('process', `must have 1 to ${MAX_NAME} characters`);
  if (latencyBoundsMs.length > MAX_BOUNDS) return fieldInvalid('latency_bounds_ms', `are more than ${MAX_BOUNDS}`);
  if (latencyCounts.length !== latencyBoundsMs.length + 1) return fieldInvalid('latency_counts', 'must be one more than the bounds');
  if (failed > calls) return fieldInvalid('failed', 'is more than all calls');
  return ok({ service, process, calls, failed, latency_bounds_ms: latencyBoundsMs, latency_counts: latencyCounts, ...(queueEntries === undefined ? {} : { queue_entries: queueEntries }) });
}
