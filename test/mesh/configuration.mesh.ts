/** Proof 9: what Istio, Envoy and Kubernetes themselves say of the configuration, as it is in files and as it runs. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseAllDocuments, stringify } from 'yaml';
import { inTurns } from '#kit/base/in_turns.ts';
import type { Cluster } from '../../scripts/mesh/cluster.ts';
import { outcomeOf } from '../../scripts/tools/command.ts';
import { eventually, MANAGER, NAMESPACE, openMesh, podsOf, proxyStats } from './support/mesh.ts';

const MESH = new URL('../../mesh/', import.meta.url).pathname;

const AT_ONCE = 4;
const DEADLINE_MS = 120_000;

/** Restarts that a container of ours may have behind it, as other tests end its process: a crash loop has more. */
const RESTARTS_MAX = 3;

type Document = { kind: string; metadata: { name: string; namespace?: string } };

test('Istio has nothing to say against the cluster, nor against the files of any overlay', async (t) => {
  const mesh = await openMesh();
  t.deepEqual(complaints(await istioctl(mesh, ['analyze', '-n', NAMESPACE])), []);
  for (const overlay of overlays()) {
    const file = await rendered(t, mesh, overlay);
    t.deepEqual(complaints(await istioctl(mesh, ['analyze', '-A', '--use-kube=false', file])), [], overlay);
    const said = await istioctl(mesh, ['validate', '-f', file]);
    t.regex(said, /is valid/, overlay);
    t.notRegex(said, /warning/i, overlay);
  }
});

test('Envoy accepts the file of each edge as its pod has it', async (t) => {
  const mesh = await openMesh();
  for (const pod of await podsOf(mesh, 'edge')) {
    const { code, stdout, stderr } = await mesh.tryKubectl(['-n', NAMESPACE, 'exec', pod, '-c', 'service', '--', 'envoy', '--mode', 'validate', '-c', '/run/edge/edge.yaml']);
    t.is(code, 0, stderr);
    t.regex(stdout + stderr, /configuration '.*' OK/);
    t.notRegex(stdout + stderr, /deprecated (field|option)/i);
  }
});

test('a cluster would take every overlay as it is', async (t) => {
  const mesh = await openMesh();
  const name = `probe-${randomBytes(4).toString('hex')}`;
  t.teardown(async () => void (await mesh.tryKubectl(['delete', 'namespace', name, '--wait=false'])));
  await mesh.apply(MANAGER, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }]);
  for (const overlay of overlays()) {
    for (const tree of ['k8s', 'istio']) {
      const documents = (await documentsOf(mesh, tree, overlay)).filter(({ kind }) => kind !== 'Namespace');
      if (documents.length === 0) continue;
      // In a namespace that is empty, so that what runs here takes no part in it.
      const input = documents.map((one) => stringify({ ...one, metadata: { ...one.metadata, ...(one.metadata.namespace === undefined ? {} : { namespace: name }) } })).join('---\n');
      const { code, stdout, stderr } = await mesh.tryKubectl(['apply', '--server-side', '--dry-run=server', '--field-manager=mesh-test', '-f', '-'], { input, deadline_ms: DEADLINE_MS });
      t.deepEqual([code, stderr], [0, ''], `${tree} ${overlay}`);
      t.is(stdout.trim().split('\n').length, documents.length, `${tree} ${overlay}`);
    }
  }
});

test('every proxy has what istiod sent it, and rejected nothing', async (t) => {
  const mesh = await openMesh();
  const pods = await proxied(mesh);
  t.true(pods.length >= 20);
  const rejected: string[] = [];
  await inTurns(pods, AT_ONCE, async (pod) => {
    const stats = await proxyStats(mesh, pod, 'update_(rejected|success)');
    if (!(stats['listener_manager.lds.update_success']! > 0 && stats['cluster_manager.cds.update_success']! > 0)) rejected.push(`${pod} has no configuration`);
    rejected.push(...Object.entries(stats).filter(([stat, count]) => stat.endsWith('update_rejected') && count > 0).map(([stat, count]) => `${pod} ${stat} ${count}`));
  });
  t.deepEqual(rejected, []);
  // What other tests take away is on its way to the proxies for a moment.
  await eventually(async () => {
    const behind = await behindIstiod(mesh);
    return pods.every((pod) => behind.get(`${pod}.${NAMESPACE}`)?.length === 0);
  });
});

test('nothing of ours ends again and again', async (t) => {
  const mesh = await openMesh();
  const format = '{range .items[*]}{.metadata.name} {range .status.initContainerStatuses[*]}{.name}={.restartCount}={.state.waiting.reason} {end}{range .status.containerStatuses[*]}{.name}={.restartCount}={.state.waiting.reason} {end};{end}';
  const text = await mesh.kubectl(['-n', NAMESPACE, 'get', 'pods', '-l', 'app.kubernetes.io/part-of=chunyun,track', '-o', `jsonpath=${format}`]);
  const ill = text.split(';').flatMap((line) => {
    const [pod, ...containers] = line.trim().split(' ');
    return containers.map((one) => one.split('=')).filter(([name, restarts, waiting]) => (name !== 'istio-proxy' && Number(restarts) > RESTARTS_MAX) || waiting === 'CrashLoopBackOff').map((one) => `${pod} ${one.join(' ')}`);
  });
  t.deepEqual(ill, []);
});

test('what is secret stands in Secrets and nowhere else', async (t) => {
  const mesh = await openMesh();
  const text = await mesh.kubectl(['-n', NAMESPACE, 'get', 'deployments,jobs,cronjobs,configmaps', '-o', 'json']);
  t.true(text.startsWith('{'), 'the list is whole');
  const { items } = JSON.parse(await mesh.kubectl(['-n', NAMESPACE, 'get', 'secrets', '-o', 'json'])) as { items: { metadata: { name: string }; data?: Record<string, string> }[] };
  const secrets = items.flatMap(({ metadata, data }) => Object.entries(data ?? {}).flatMap(([key, base64]) => wordsOf(key, Buffer.from(base64, 'base64').toString()).map((word) => ({ name: `${metadata.name} ${key}`, word }))));
  t.true(secrets.length >= 15, 'the lab has its passwords and keys');
  t.deepEqual(secrets.filter(({ word }) => text.includes(word) || text.includes(JSON.stringify(word).slice(1, -1))).map(({ name }) => name), []);
});

type ProxyStatus = { node: { id: string }; genericXdsConfigs: { typeUrl: string; configStatus: string }[] };

/** By proxy, what it has not got, or not said yes to. */
async function behindIstiod(mesh: Cluster): Promise<Map<string, string[]>> {
  const { resources } = JSON.parse(await mesh.istioctl(['proxy-status', '-n', NAMESPACE, '-o', 'json'])) as { resources: ProxyStatus[] };
  return new Map(resources.map((one) => [one.node.id, one.genericXdsConfigs.filter(({ configStatus }) => configStatus !== 'SYNCED').map(({ typeUrl, configStatus }) => `${typeUrl} ${configStatus}`)]));
}

/** Every place that manifests are for. */
function overlays(): string[] {
  return [...new Set(['k8s', 'istio'].flatMap((tree) => readdirSync(join(MESH, tree, 'overlays'))))].toSorted();
}

async function documentsOf(mesh: Cluster, tree: string, overlay: string): Promise<Document[]> {
  const folder = join(MESH, tree, 'overlays', overlay);
  if (!existsSync(folder)) return [];
  return parseAllDocuments(await mesh.kubectl(['kustomize', folder])).map((document) => document.toJS() as Document);
}

/** A file with workloads and policy of a place. */
async function rendered(t: Pick<ExecutionContext, 'teardown'>, mesh: Cluster, overlay: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-overlay-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, `${overlay}.yaml`);
  const documents = [...(await documentsOf(mesh, 'k8s', overlay)), ...(await documentsOf(mesh, 'istio', overlay))];
  writeFileSync(file, documents.map((one) => stringify(one)).join('---\n'));
  return file;
}

/** What it says, whether it is content or not. */
async function istioctl(mesh: Cluster, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await outcomeOf(['istioctl', ...args], { env: mesh.env, deadline_ms: DEADLINE_MS });
  return stdout + stderr;
}

/** Probes are of other tests. */
function complaints(said: string): string[] {
  return said.split('\n').filter((line) => /^(Error|Warning) \[/.test(line) && !/\/probe-/.test(line));
}

/** Pods with a proxy that are there to stay. */
async function proxied(mesh: Cluster): Promise<string[]> {
  const text = await mesh.kubectl(['-n', NAMESPACE, 'get', 'pods', '-l', 'app.kubernetes.io/part-of=chunyun,track', '--field-selector=status.phase=Running', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.metadata.deletionTimestamp} {end}']);
  return text.trim().split(' ').filter((one) => one.endsWith('=')).map((one) => one.slice(0, -1));
}

/** What must not be read elsewhere: the whole of it, and a password within an address. Certificates and names are for everybody. */
function wordsOf(key: string, value: string): string[] {
  if (/\.crt$|\.pub\.pem$|-sm2\.pub|LOGIN$/.test(key)) return [];
  const password = /:\/\/[^:]*:([^@]+)@/.exec(value)?.[1];
  return [value.trim(), ...(password === undefined ? [] : [password])];
}
