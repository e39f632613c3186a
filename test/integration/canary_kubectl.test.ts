// The canary's hands on a real API of Kubernetes, with Istio's own schemas; pods and proxies are played.
import test from 'ava';
import { plan, write } from '../../scripts/canary/begin.ts';
import { take } from '../../scripts/canary/command.ts';
import { NOTHING } from '../../scripts/canary/domain/sample.ts';
import type { Deployment, DestinationRule, KubeObject, VirtualService } from '../../scripts/canary/domain/objects.ts';
import { openKubectl, type Kubectl } from '../../scripts/canary/kubectl.ts';
import { ClusterError, type PodCounters, type Proxies } from '../../scripts/canary/ports.ts';
import { serviceObjects } from '../../scripts/canary/testing/objects.ts';
import { findKubePrograms, startKubeApi, type KubeApi } from '../support/kube_api.ts';

/** Only where the lab cluster's programs are. */
const programs = await findKubePrograms();
const apiTest = programs === undefined ? test.skip : test;
let api: KubeApi;
test.before(async () => {
  if (programs !== undefined) api = await startKubeApi(programs);
});
test.after.always(() => api?.stop());

const NAMESPACE = 'chunyun';

async function openNamespace(name: string): Promise<Kubectl> {
  await api.run(['create', 'namespace', name]);
  return openKubectl({ namespace: name, kubeconfig: api.kubeconfig, program: api.kubectl });
}

apiTest('writes are refused when the object was changed since, and only the very object is removed', async (t) => {
  const kubectl = await openNamespace('adapter');
  t.is(await kubectl.get('ConfigMap', 'one'), undefined);
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', labels: { of: 'test' } }, data: { a: '1' } };
  const created = await kubectl.create<KubeObject>(map);
  t.not(created, 'EXISTS');
  t.is(await kubectl.create(map), 'EXISTS');
  const first = created as KubeObject;
  const second = (await kubectl.patch(first, { data: { a: null, b: '2' } })) as KubeObject;
  t.deepEqual(second.data, { b: '2' });
  t.is(await kubectl.patch(first, { data: { b: '3' } }), 'CONFLICT');
  t.deepEqual((await kubectl.list('ConfigMap', { of: 'test' })).map(({ metadata }) => metadata.name), ['one']);
  await kubectl.remove({ ...second, metadata: { ...second.metadata, uid: '00000000-0000-0000-0000-000000000000' } });
  t.truthy(await kubectl.get('ConfigMap', 'one'), 'another uid is another object');
  await kubectl.remove(second);
  t.is(await kubectl.get('ConfigMap', 'one'), undefined);
  await kubectl.remove(second);
  t.is(await kubectl.patch(second, { data: { c: '4' } }), 'CONFLICT', 'gone is changed, too');
  const error = await t.throwsAsync(kubectl.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'No Name' } }), { instanceOf: ClusterError });
  t.regex(error?.message ?? '', /kubectl create .*Invalid value/s);
});

apiTest('a whole canary: what Kubernetes and Istio keep is what was there before, but for the image', async (t) => {
  const kubectl = await openNamespace(NAMESPACE);
  for (const object of serviceObjects('order', 'rail:v1')) t.not(await kubectl.create(object), 'EXISTS');
  const before = await kubectl.get<VirtualService>('VirtualService', 'order');
  const seen: string[] = [];
  await ready(api, 'order');
  const tools = {
    cluster: { ...kubectl, create: async <T extends KubeObject>(object: T) => {
      const created = await kubectl.create(object);
      if (object.kind === 'Deployment') await ready(api, object.metadata.name);
      return created;
    }, patch: async <T extends KubeObject>(read: T, patch: object) => {
      const patched = await kubectl.patch(read, patch);
      if (read.kind === 'Deployment') await ready(api, read.metadata.name);
      return patched;
    } },
    proxies: played(kubectl),
    now_ms: () => Date.now(),
    sleep: () => Promise.resolve(),
    poll_ms: 0,
    tell: ({ en }: { en: string }) => void seen.push(en),
  };
  const wish = { service: 'order', image: 'rail:v2', only: [{ header: 'x-account-id', value: '42' }], blue_green: false, steps: [50, 100], limits: { dwell_ms: 0, requests_min: 3 } };
  const { state, former } = await plan(kubectl, wish, { run_id: 'run-1', now_ms: Date.now() });
  const ended = await take(tools, await write(kubectl, state, former));
  t.is(ended.phase, 'promoted', seen.join('\n'));
  t.true(seen.some((line) => line.startsWith('50 % ')));
  const after = await kubectl.get<VirtualService>('VirtualService', 'order');
  t.deepEqual([after!.spec, after!.metadata.annotations ?? {}], [before!.spec, before!.metadata.annotations ?? {}]);
  t.deepEqual((await kubectl.get<DestinationRule>('DestinationRule', 'order'))!.spec.subsets!.map(({ name }) => name), ['stable']);
  t.is(await kubectl.get('Deployment', 'order-canary'), undefined);
  const { containers } = (await kubectl.get<Deployment>('Deployment', 'order'))!.spec.template.spec;
  t.deepEqual(containers.map(({ name, image }) => [name, image]), [['service', 'rail:v2'], ['other', 'other:1']]);
  t.deepEqual(containers[0]!.env, [{ name: 'LOG_LEVEL', value: 'info' }]);
});

/** Plays the controller of Deployments: all pods of the present template are ready. */
async function ready({ run }: KubeApi, name: string): Promise<void> {
  const { metadata, spec } = JSON.parse(await run(['-n', NAMESPACE, 'get', 'deployment', name, '-o', 'json'])) as Deployment;
  const replicas = spec.replicas!;
  await run(['-n', NAMESPACE, 'patch', 'deployment', name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { observedGeneration: metadata.generation, replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas } })]);
}

/** Plays sidecars that know at once what is written, and requests that all go well. */
function played(kubectl: Kubectl): Proxies {
  let requests = 0;
  const text = async (kind: 'VirtualService' | 'DestinationRule'): Promise<string> => JSON.stringify((await kubectl.get(kind, 'order'))?.spec ?? {});
  return {
    views: async () => [{ pod: 'edge', canary_endpoints: (await text('DestinationRule')).includes('"canary"') ? 1 : 0, leads_to_canary: (await text('VirtualService')).includes('"subset":"canary"') }],
    async counters() {
      if ((await text('VirtualService')).includes('"subset":"canary"')) requests += 10;
      return [{ pod: 'edge', stable: NOTHING, canary: { requests, errors: 0, within: new Map() } }] satisfies PodCounters[];
    },
  };
}
