// What the canary reads from sidecars, against a real Envoy with two real versions of a server behind it.
import test from 'ava';
import { FailureError } from '#kit/base/result.ts';
import { createClient } from '#kit/rpc/client.ts';
import { Echo } from '#kit/rpc/testing/echo.ts';
import { startEcho } from '#kit/rpc/testing/serving.ts';
import { judge } from '../../scripts/canary/domain/judge.ts';
import { LIMITS } from '../../scripts/canary/domain/limits.ts';
import type { KubeObject } from '../../scripts/canary/domain/objects.ts';
import { quantile_ms, timed } from '../../scripts/canary/domain/sample.ts';
import { ClusterError } from '../../scripts/canary/ports.ts';
import { proxiesOf } from '../../scripts/canary/proxies.ts';
import { readStats } from '../../scripts/canary/stats.ts';
import { Watch } from '../../scripts/canary/watch.ts';
import { eventually } from '../support/processes.ts';
import { startSidecar } from '../support/sidecar.ts';

/** Kubernetes' side of it: one caller with a sidecar, one pod that has none. */
function clusterWith(admin: (path: string) => Promise<string>) {
  const pod = (name: string, containers: string[]): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, uid: name }, spec: { containers: [{ name: 'service' }], initContainers: containers.map((one) => ({ name: one })) }, status: { phase: 'Running' } });
  return {
    namespace: 'chunyun',
    list: async <T extends KubeObject>() => [pod('caller', ['istio-init', 'istio-proxy']), pod('job', [])] as T[],
    admin: (_: string, path: string) => admin(path),
  };
}

test('requests, errors and times of both versions are what was really sent', async (t) => {
  const failing = (value: string): { value: string } => {
    if (value === 'bug') throw new Error('a bug');
    if (value === 'refused') throw new FailureError({ reason: 'ORDER_NOT_FOUND' });
    return { value };
  };
  const [stable, canary] = [await startEcho(t, { write: ({ value }) => failing(value) }), await startEcho(t, { write: ({ value }) => failing(value) })];
  const sidecar = await startSidecar('order', { stable: stable.port, canary: canary.port });
  t.teardown(() => sidecar.stop());
  const client = createClient(Echo, { address: sidecar.address, service: 'order', default_timeout_ms: 60_000 });
  t.teardown(() => client.close());
  const send = async (values: readonly string[]): Promise<void> => void (await Promise.all(values.map((value) => client.write({ value }).catch(() => undefined))));
  const proxies = proxiesOf(clusterWith(sidecar.admin));
  const watch = new Watch();

  await send(['well', 'bug']);
  watch.note(await proxies.counters('order'));
  t.deepEqual([watch.stable.requests, watch.canary.requests], [0, 0], 'of before the watch');
  t.deepEqual(await proxies.views('order'), [{ pod: 'caller', canary_endpoints: 1, leads_to_canary: false }]);

  await send([...Array<string>(30).fill('well'), 'bug', 'refused', 'refused']);
  await sidecar.route(100);
  t.true((await proxies.views('order'))[0]!.leads_to_canary);
  await send([...Array<string>(10).fill('well'), 'bug', 'bug', 'refused']);
  // Times are gathered apart from counters, a moment later.
  await eventually(async () => {
    watch.note(await proxies.counters('order'));
    return timed(watch.stable) >= 33 && timed(watch.canary) >= 13;
  });
  t.deepEqual([watch.stable.requests, watch.stable.errors], [33, 1]);
  t.deepEqual([watch.canary.requests, watch.canary.errors], [13, 2]);
  t.true(quantile_ms(watch.canary, 0.95)! <= 10_000);

  await canary.stop();
  await send(Array<string>(5).fill('well'));
  watch.note(await proxies.counters('order'));
  t.deepEqual([watch.canary.requests, watch.canary.errors], [18, 7], 'answers of the proxy itself count once');
  t.is(judge(watch.canary, watch.stable, LIMITS).kind, 'bad');

  await sidecar.route(0);
  t.false((await proxies.views('order'))[0]!.leads_to_canary);
});

test('a sidecar that keeps no counters is said so, and what is no answer of Envoy is an error', async (t) => {
  const proxies = proxiesOf(clusterWith(async () => '{"stats":[]}'));
  const error = await t.throwsAsync(proxies.counters('order'), { instanceOf: ClusterError });
  t.regex(error?.message ?? '', /proxyStatsMatcher/);
  t.throws(() => readStats('upstream connect error'));
  t.deepEqual(readStats('{"stats":[{"histograms":{"supported_quantiles":[]}}]}').stable.requests, 0);
});

test('pods whose sidecar does not know the service are no callers of it', async (t) => {
  const asked: string[] = [];
  const proxies = proxiesOf(clusterWith(async (path) => {
    asked.push(path);
    return 'outbound|9000|stable|payment.chunyun.svc.cluster.local::10.0.0.1:9000::health_flags::healthy\n';
  }));
  t.deepEqual(await proxies.views('order'), []);
  t.deepEqual(await proxies.counters('order'), []);
  t.deepEqual(asked, ['clusters'], 'asked once');
});
