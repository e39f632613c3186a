import test from 'ava';
import { metricsFor, registry, startMetricsServer } from './metrics.ts';

test('services of one process share a metric and are told apart', async (t) => {
  metricsFor('order').counter('holds_total', 'Holds', ['outcome']).inc({ outcome: 'ok' });
  metricsFor('order').counter('holds_total', 'Holds', ['outcome']).inc({ outcome: 'ok' }, 2);
  metricsFor('seat').counter('holds_total', 'Holds', ['outcome']).inc({ outcome: 'ok' });
  metricsFor('order').gauge('queue_length', 'Queue').set({}, 7);
  metricsFor('order').histogram('wait_seconds', 'Wait', [], [0.1, 1]).observe({}, 0.5);
  const text = await registry.metrics();
  t.regex(text, /holds_total\{service="order",outcome="ok"\} 3/);
  t.regex(text, /holds_total\{service="seat",outcome="ok"\} 1/);
  t.regex(text, /queue_length\{service="order"\} 7/);
  t.regex(text, /wait_seconds_bucket\{le="1",service="order"\} 1/);
});

test('metrics, health and readiness over HTTP', async (t) => {
  let ready = false;
  const server = await startMetricsServer({ ready: () => ready });
  t.teardown(() => server.stop());
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://${server.address}${path}`);
    return [response.status, await response.text()];
  };
  t.is((await get('/healthz'))[0], 200);
  t.is((await get('/readyz'))[0], 503);
  ready = true;
  t.is((await get('/readyz'))[0], 200);
  const [status, text] = await get('/metrics');
  t.is(status, 200);
  t.regex(text, /nodejs_eventloop_lag_seconds/);
  t.is((await get('/else'))[0], 404);
});
