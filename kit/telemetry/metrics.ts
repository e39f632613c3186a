import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** All metrics of the process. Several services may live in one process, so every metric has the label `service`. */
export const registry = new Registry();

/** Buckets for durations in seconds: from half a millisecond to a minute. */
export const DURATION_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Labels<L extends string> = Record<L, string | number>;

export type CounterOf<L extends string> = { inc(labels: Labels<L>, by?: number): void };
export type GaugeOf<L extends string> = { set(labels: Labels<L>, value: number): void; inc(labels: Labels<L>, by?: number): void; dec(labels: Labels<L>, by?: number): void };
export type HistogramOf<L extends string> = { observe(labels: Labels<L>, value: number): void };

export type Metrics = {
  /** Names end in `_total`. */
  counter<const L extends string = never>(name: string, help: string, labels?: readonly L[]): CounterOf<L>;
  gauge<const L extends string = never>(name: string, help: string, labels?: readonly L[]): GaugeOf<L>;
  /** Names end in the unit, `_seconds` for durations. */
  histogram<const L extends string = never>(name: string, help: string, labels?: readonly L[], buckets?: readonly number[]): HistogramOf<L>;
};

/** The metrics of one service: asking again for a name gives the same metric. Label values must come from a small set. */
export function metricsFor(service: string): Metrics {
  return {
    counter: (name, help, labels = []) => {
      const metric = counterNamed(name, help, labels);
      return { inc: (values, by = 1) => metric.inc({ service, ...values }, by) };
    },
    gauge: (name, help, labels = []) => {
      const metric = gaugeNamed(name, help, labels);
      return {
        set: (values, value) => metric.set({ service, ...values }, value),
        inc: (values, by = 1) => metric.inc({ service, ...values }, by),
        dec: (values, by = 1) => metric.dec({ service, ...values }, by),
      };
    },
    histogram: (name, help, labels = [], buckets = DURATION_BUCKETS_S) => {
      const metric = histogramNamed(name, help, labels, buckets);
      return { observe: (values, value) => metric.observe({ service, ...values }, value) };
    },
  };
}

export type MetricsServer = { port: number; address: string; stop(): Promise<void> };

/**
 * Serves /metrics (Prometheus text), /healthz (the process lives) and /readyz (it wants traffic, as `ready` says).
 * Port 0 takes a free one.
 */
export async function startMetricsServer({ host = '127.0.0.1', port = 0, ready = () => true }: { host?: string; port?: number; ready?: () => boolean } = {}): Promise<MetricsServer> {
  collectProcessMetrics();
  const server = createServer((request, response) => {
    const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    if (request.url === '/healthz') return send(200, 'ok\n');
    if (request.url === '/readyz') return ready() ? send(200, 'ready\n') : send(503, 'not ready\n');
    if (request.url !== '/metrics') return send(404, 'not found\n');
    registry.metrics().then((text) => send(200, text, registry.contentType), () => send(500, 'metrics failed\n'));
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const bound = (server.address() as AddressInfo).port;
  return { port: bound, address: `${host}:${bound}`, stop: () => closeServer(server) };
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

let process_metrics_collected = false;

/** Event loop lag, heap, handles: once a process, however many services it holds. */
function collectProcessMetrics(): void {
  if (process_metrics_collected) return;
  process_metrics_collected = true;
  collectDefaultMetrics({ register: registry });
}

function counterNamed(name: string, help: string, labels: readonly string[]): Counter<string> {
  const known = registry.getSingleMetric(name) as Counter<string> | undefined;
  return known ?? new Counter({ name, help, labelNames: ['service', ...labels], registers: [registry] });
}

function gaugeNamed(name: string, help: string, labels: readonly string[]): Gauge<string> {
  const known = registry.getSingleMetric(name) as Gauge<string> | undefined;
  return known ?? new Gauge({ name, help, labelNames: ['service', ...labels], registers: [registry] });
}

function histogramNamed(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Histogram<string> {
  const known = registry.getSingleMetric(name) as Histogram<string> | undefined;
  return known ?? new Histogram({ name, help, labelNames: ['service', ...labels], buckets: [...buckets], registers: [registry] });
}
