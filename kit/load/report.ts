import { randomUUID } from 'node:crypto';
import { RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { repeat } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { openLoadMeter } from './measure.ts';

export type ReportOptions = {
  /** Of risk; without it nobody is told. */
  address: string | undefined;
  caller_key: Uint8Array | undefined;
  service: string;
  /** Names of the methods that count: what people wait for, and no streams. */
  methods: readonly string[];
  /** Entries that wait in the service's queues, over all its processes; undefined while that is not known. */
  queueEntries?: () => Promise<number | undefined>;
  log: Log;
  every_ms?: number;
};

/** A report is good for three of these pauses (services/risk/store/report_store.ts). */
const EVERY_MS = 5000;
const TIMEOUT_MS = 1000;

/**
 * Tells risk every few seconds how long calls took and how many failed: what protection mode is switched on by. A report
 * that does not arrive is not repeated; the next one is newer.
 */
export function reportLoad({ address, caller_key, service, methods, queueEntries, log, every_ms = EVERY_MS }: ReportOptions): { stop(): Promise<void> } {
  if (address === undefined) return { stop: async () => undefined };
  const risk = createClient(RiskService, { address, service, caller_key });
  const process = randomUUID();
  const measure = openLoadMeter(service, methods);
  const loop = repeat({
    name: 'report_load', service, every_ms, jitter: 0.1, log,
    run: async (signal) => {
      const { calls, failed, latency_bounds_ms, latency_counts } = await measure();
      const queue_entries = await queueEntries?.();
      await risk.reportLoad({ process, calls, failed, latencyBoundsMs: latency_bounds_ms, latencyCounts: latency_counts, ...(queue_entries === undefined ? {} : { queueEntries: queue_entries }) }, { signal, timeout_ms: TIMEOUT_MS });
    },
  });
  return {
    async stop() {
      await loop.stop();
      risk.close();
    },
  };
}
