import test from 'ava';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { gaugeValue, openLoadMeter } from './measure.ts';

const durations = (service: string) => metricsFor(service).histogram('rpc_server_duration_seconds', 'Duration of answered calls', ['method', 'code']);

test('each answer is about the calls since the one before, of the named methods of the service', async (t) => {
  const own = durations('load-a');
  const other = durations('load-b');
  const measure = openLoadMeter('load-a', ['SubmitOrder']);
  const method = '/rail.order.v1.OrderService/SubmitOrder';
  own.observe({ method, code: 'OK' }, 50);
  t.like(await measure(), { calls: 0, failed: 0 }, 'what was before it began is nobody’s load');
  own.observe({ method, code: 'OK' }, 0.003);
  own.observe({ method, code: 'UNAVAILABLE' }, 0.2);
  own.observe({ method, code: 'RESOURCE_EXHAUSTED' }, 0.2);
  own.observe({ method, code: 'INTERNAL' }, 600);
  own.observe({ method: '/rail.order.v1.OrderService/WatchQueue', code: 'OK' }, 30);
  other.observe({ method, code: 'OK' }, 30);
  const load = await measure();
  t.like(load, { calls: 4, failed: 2 });
  t.is(load.latency_counts.length, load.latency_bounds_ms.length + 1);
  const slow = load.latency_bounds_ms.flatMap((bound_ms, index) => (load.latency_counts[index]! > 0 ? [[bound_ms, load.latency_counts[index]]] : []));
  t.deepEqual(slow, [[5, 1], [250, 2]]);
  t.is(load.latency_counts.at(-1), 1, 'slower than every bound');
  t.like(await measure(), { calls: 0, failed: 0 });
});

test('a process without any call yet measures nothing', async (t) => {
  const measure = openLoadMeter('load-none', ['X']);
  await measure();
  t.like(await measure(), { calls: 0, failed: 0 });
});

test('a gauge is read back by its labels', async (t) => {
  t.is(await gaugeValue('load_test_length', { state: 'WAITING' }), undefined);
  const gauge = metricsFor('load-a').gauge('load_test_length', 'of a test', ['state']);
  gauge.set({ state: 'WAITING' }, 7);
  gauge.set({ state: 'PROCESSING' }, 1);
  t.is(await gaugeValue('load_test_length', { state: 'WAITING', service: 'load-a' }), 7);
  t.is(await gaugeValue('load_test_length', { state: 'WAITING', service: 'load-b' }), undefined);
});
