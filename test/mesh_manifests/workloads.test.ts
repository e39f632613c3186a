/** What every pod of ours has, in every overlay (Pod Security Standards, `restricted`; drain; budgets). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { AWAY_MS, FINISH_MS } from '../../envoy/drain.ts';
import { ROOT } from '../../scripts/tools/paths.ts';
import { SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { needsOf, OVERLAYS, podsOf, rendered, selects, type Container, type Pod } from './rendered.ts';

/** kit/run/lifecycle.ts: what a process takes at most to end. */
const STOP_S = 25;
/** Made by Kubernetes itself in every namespace. */
const OF_KUBERNETES = ['kube-root-ca.crt'];
const README = readFileSync(join(ROOT, 'mesh', 'README.md'), 'utf8');

for (const overlay of OVERLAYS) {
  test(`${overlay}: every container of ours is restricted`, async (t) => {
    for (const pod of podsOf(await rendered(overlay))) {
      const { securityContext: of_pod, automountServiceAccountToken, hostNetwork, hostPID } = pod.spec;
      t.like(of_pod, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }, pod.of);
      t.true(of_pod.runAsUser > 0, pod.of);
      t.false(automountServiceAccountToken, `${pod.of}: the token of its account is for nobody who does not ask for it`);
      t.is(hostNetwork ?? hostPID, undefined, pod.of);
      for (const container of pod.containers) {
        t.deepEqual(container.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, `${pod.of}, ${container.name}`);
      }
    }
  });

  test(`${overlay}: what a pod needs is made here, or listed in mesh/README.md`, async (t) => {
    const manifests = await rendered(overlay);
    const made = new Set(manifests.filter(({ kind }) => kind === 'ConfigMap' || kind === 'Secret').map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`));
    for (const pod of podsOf(manifests)) {
      const { secrets, configs } = needsOf(pod);
      const needed = [...secrets.map((name) => ['Secret', name] as const), ...configs.map((name) => ['ConfigMap', name] as const)];
      for (const [kind, name] of needed) {
        if (OF_KUBERNETES.includes(name) || made.has(`${kind} ${pod.namespace}/${name}`)) continue;
        t.true(README.includes(`| ${kind} \`${name}\` | ${pod.namespace} |`), `${pod.of} needs the ${kind} ${name} in ${pod.namespace}`);
      }
    }
  });

  test(`${overlay}: services and the edge are probed, drained, bounded and budgeted`, async (t) => {
    const manifests = await rendered(overlay);
    const deployments = podsOf(manifests).filter(({ kind, namespace }) => kind === 'Deployment' && namespace === 'chunyun');
    t.deepEqual(deployments.map(({ name }) => name).toSorted(), ['edge', ...SERVICE_NAMES].toSorted());
    const budgets = manifests.filter(({ kind, metadata }) => kind === 'PodDisruptionBudget' && metadata.namespace === 'chunyun');
    for (const pod of deployments) {
      const service = pod.containers.find(({ name }) => name === 'service')!;
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) t.truthy(service[probe], `${pod.of}: ${probe}`);
      // The edge tells and waits by a program of its own.
      const drains = (service.lifecycle?.preStop?.exec?.command ?? []).includes('envoy/drain.ts');
      const pause_s = drains ? (AWAY_MS + FINISH_MS) / 1000 : (service.lifecycle?.preStop?.sleep?.seconds ?? 0);
      t.true(pause_s > 0, `${pod.of}: proxies are still told of it when it stops`);
      t.true(pod.spec.terminationGracePeriodSeconds > pause_s + STOP_S, `${pod.of}: is killed before it has ended`);
      t.is(budgets.filter(({ spec }) => selects(spec.selector, pod.labels)).length, 1, `${pod.of}: budgets`);
      t.true(pod.spec.topologySpreadConstraints.length > 0, pod.of);
      t.is(pod.spec.serviceAccountName, pod.name);
    }
    for (const pod of podsOf(manifests).filter(({ namespace }) => namespace === 'chunyun')) for (const container of mainOf(pod)) t.deepEqual(missing(container), [], `${pod.of}, ${container.name}`);
  });

  test(`${overlay}: images are of one version, and ports say what they carry`, async (t) => {
    const manifests = await rendered(overlay);
    for (const pod of podsOf(manifests)) for (const { image } of pod.containers) t.regex(image, /^[\w./-]+:(?!latest$)[\w.-]+$|@sha256:[0-9a-f]{64}$/, pod.of);
    for (const { metadata, spec } of manifests.filter(({ kind }) => kind === 'Service')) {
      for (const { name, appProtocol } of spec.ports) t.true(/^(grpc|http|https|tcp)(-|$)/.test(name) || appProtocol !== undefined, `Service ${metadata.name}: ${name}`);
    }
  });

  test(`${overlay}: only the job that scales speaks to Kubernetes, and may change nothing but its autoscalers`, async (t) => {
    const manifests = await rendered(overlay);
    const rules = manifests.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole').flatMap((role) => role.rules!);
    const plan = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('sale-scaling-'));
    const services = [...(plan?.data?.['plan.yaml'] ?? '').matchAll(/^ {2}(\w+): \{quiet/gm)].map(([, name]) => name!);
    t.deepEqual(rules, plan === undefined ? [] : [{ apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], resourceNames: services, verbs: ['get', 'patch'] }]);
    const with_token = podsOf(manifests).filter(({ spec }) => JSON.stringify(spec).includes('serviceAccountToken'));
    t.deepEqual(with_token.map(({ name }) => name), plan === undefined ? [] : ['sale-scaling']);
  });
}

test('each Secret and the certificate of production can come out of a vault', async (t) => {
  const needed = new Set(podsOf(await rendered('production')).flatMap((pod) => needsOf(pod).secrets));
  const given = (await rendered('k8s/components/external-secrets')).map(({ spec }) => (spec.target?.name ?? spec.secretName) as string);
  t.deepEqual(given.toSorted(), [...needed].toSorted());
});

/** Init containers have ended when the others begin; a limit of theirs would bound nothing that lasts. */
function mainOf({ spec }: Pod): Container[] {
  return spec.containers as Container[];
}

function missing({ resources }: Container): string[] {
  const wanted = { 'requests.cpu': resources?.requests?.cpu, 'requests.memory': resources?.requests?.memory, 'limits.memory': resources?.limits?.memory };
  return Object.entries(wanted).filter(([, value]) => value === undefined).map(([name]) => name);
}
