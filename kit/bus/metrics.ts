// Metrics of the bus, in one place so that every service exports the same names.
import { metricsFor } from '#kit/telemetry/metrics.ts';

export type BusMetrics = ReturnType<typeof busMetrics>;

export function busMetrics(service: string) {
  const metrics = metricsFor(service);
  return {
    outbox_backlog: metrics.gauge('outbox_backlog', 'Events written and not yet published'),
    published: metrics.counter('events_published_total', 'Events put into a stream', ['stream']),
    publish_seconds: metrics.histogram('event_publish_delay_seconds', 'From the write of an event to its place in the stream', ['stream']),
    consumed: metrics.counter('events_consumed_total', 'Deliveries by outcome: done, duplicate, skipped, retried, outage, dead', ['consumer', 'outcome']),
    handle_seconds: metrics.histogram('event_handle_duration_seconds', 'Time of one handling', ['consumer']),
    consumer_lag: metrics.gauge('event_consumer_lag', 'Events a consumer has not seen yet', ['consumer']),
  };
}
