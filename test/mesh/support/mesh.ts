/** The cluster under test, and programs that run in pods of it: callers under any account, and servers that do as they are told. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { findCluster, type Cluster } from '../../../scripts/mesh/cluster.ts';
import { eventually as lookUntil } from '../../support/processes.ts';
import type { Answer, Call } from '../programs/call.ts';

export type { Cluster } from '../../../scripts/mesh/cluster.ts';
export type { Answer, Call } from '../programs/call.ts';

export const NAMESPACE = 'chunyun';
/** Who the cluster's records of fields name for what tests make. */
export const MANAGER = 'mesh-test';
/** Not of the mesh: the systems of others, and a traveller. */
export const OUTSIDE = 'chunyun-outside';
export const GRPC = { OK: 0, UNKNOWN: 2, DEADLINE_EXCEEDED: 4, PERMISSION_DENIED: 7, RESOURCE_EXHAUSTED: 8, UNIMPLEMENTED: 12, INTERNAL: 13, UNAVAILABLE: 14, UNAUTHENTICATED: 16 } as const;

/** Files that a probe has, by the names of their places. */
const PROGRAMS = { call: 'mesh/programs', echo: 'mesh/programs', edge: 'mesh/programs', edge_ways: 'support' } as const;
/** A proxy that looks for a file of its policy in vain is ready ten seconds late, or not at all (mesh/k8s/overlays/lab/outside-ca.yaml). */
const OUTSIDE_AUTHORITY = {
  'sidecar.istio.io/userVolume': JSON.stringify([{ name: 'outside-ca', configMap: { name: 'trust', optional: true, items: [{ key: 'outside-ca.crt', path: 'ca.crt' }] } }]),
  'sidecar.istio.io/userVolumeMount': JSON.stringify([{ name: 'outside-ca', mountPath: '/etc/outside-ca', readOnly: true }]),
};
const READY = '300s';
const EXEC_MS = 300_000;
const LOOK_MS = 250;

/** The cluster that `npm run mesh:test` found. */
export async function openMesh(): Promise<Cluster> {
  const cluster = await findCluster();
  if (cluster === undefined) throw new Error('no cluster answers: npm run mesh:up');
  return cluster;
}

export type ProbeOptions = {
  /** Whose certificate its calls carry. */
  account: string;
  /** With the paths it answers it is a server, else it waits to make calls. */
  answers?: readonly string[];
  replicas?: number;
  /** Without a proxy: somebody who is not of the mesh. */
  outside?: boolean;
  namespace?: string;
  /** Hosts that it may find, as a Sidecar names them; without, what the namespace's pods may find. */
  finds?: readonly string[];
};

export type Probe = {
  /** Name of its Deployment, and of its Service where it answers: a host of the mesh of its own. */
  name: string;
  pods(): Promise<string[]>;
  /** Makes the calls from its first pod, some at once. */
  call(calls: readonly Call[], at_once?: number): Promise<Answer[]>;
  /** Runs one of the programs it has in its first pod, and gives what that wrote. */
  run<T>(program: keyof typeof PROGRAMS, input: object): Promise<T>;
  /** Makes room before the test ends. */
  stop(): Promise<void>;
};

/** Starts pods for a test and takes them away after it. */
export async function startProbe(t: Pick<ExecutionContext, 'teardown'>, mesh: Cluster, options: ProbeOptions): Promise<Probe> {
  const { namespace = NAMESPACE } = options;
  const name = `probe-${randomBytes(4).toString('hex')}`;
  const kinds = ['deployment', 'service', 'configmap', 'sidecars.networking.istio.io', 'virtualservice', 'destinationrule', 'authorizationpolicy'];
  const stop = async (): Promise<void> => void (await mesh.tryKubectl(['-n', namespace, 'delete', kinds.join(','), '-l', `probe=${name}`, '--wait=false']));
  t.teardown(stop);
  const image = (await mesh.kubectl(['-n', 'chunyun-outside', 'get', 'deployment', 'traveller', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'])).trim();
  await mesh.apply(MANAGER, probeManifests(name, namespace, image, options));
  await mesh.kubectl(['-n', namespace, 'rollout', 'status', `deployment/${name}`, `--timeout=${READY}`], { deadline_ms: EXEC_MS });
  const pods = (): Promise<string[]> => podsOf(mesh, name, namespace);
  const run = async <T>(program: keyof typeof PROGRAMS, input: object): Promise<T> => {
    const [pod] = await pods();
    return JSON.parse(await mesh.kubectl(['-n', namespace, 'exec', '-i', pod!, '-c', 'service', '--', 'node', `test/${PROGRAMS[program]}/${program}.ts`], { input: JSON.stringify(input), deadline_ms: EXEC_MS })) as T;
  };
  return {
    name,
    pods,
    stop,
    call: (calls, at_once = 8) => run<Answer[]>('call', { calls, at_once }),
    run,
  };
}

/** Stops the server of a pod where it stands, or lets it go on. */
export async function signalServer(mesh: Cluster, pod: string, signal: 'STOP' | 'CONT'): Promise<void> {
  await mesh.kubectl(['-n', NAMESPACE, 'exec', pod, '-c', 'service', '--', 'sh', '-c', `kill -${signal} $(cat /tmp/pid)`]);
}

/** Runs a program of `programs` in any pod of our image, also in one that does not have its file (so it may be one file only). */
export async function runProgram<T>(mesh: Cluster, program: string, { pod, namespace = NAMESPACE }: { pod: string; namespace?: string }, input: object): Promise<T> {
  const text = readFileSync(new URL(`../programs/${program}.ts`, import.meta.url), 'utf8');
  const args = ['-n', namespace, 'exec', '-i', pod, '--', 'node', '--input-type=module-typescript', '--eval', text];
  return JSON.parse(await mesh.kubectl(args, { input: JSON.stringify(input), deadline_ms: EXEC_MS })) as T;
}

/** Names of the pods of an app that are not about to end. */
export async function podsOf(mesh: Cluster, app: string, namespace = NAMESPACE): Promise<string[]> {
  const text = await mesh.kubectl(['-n', namespace, 'get', 'pods', '-l', `app=${app}`, '-o', 'json']);
  const { items } = JSON.parse(text) as { items: { metadata: { name: string; deletionTimestamp?: string } }[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
}

/** The object as it stands in the cluster. */
export async function getObject<T>(mesh: Cluster, kind: string, name: string, namespace = NAMESPACE): Promise<T> {
  return JSON.parse(await mesh.kubectl(['-n', namespace, 'get', kind, name, '-o', 'json'])) as T;
}

/** Counters and gauges of a pod's proxy whose names match. */
export async function proxyStats(mesh: Cluster, pod: string, filter: string, namespace = NAMESPACE): Promise<Record<string, number>> {
  const text = await mesh.kubectl(['-n', namespace, 'exec', pod, '-c', 'istio-proxy', '--', 'pilot-agent', 'request', 'GET', `stats?filter=${encodeURIComponent(filter)}`]);
  return Object.fromEntries(text.split('\n').map((line) => /^(.*): (\d+)$/.exec(line)).filter((match) => match !== null).map(([, name, value]) => [name!, Number(value)]));
}

/** Parts of the configuration that a pod's proxy goes by at this moment, those whose names match. */
export async function proxyConfig<T = unknown>(mesh: Cluster, pod: string, resource: string, name_regex = '', namespace = NAMESPACE): Promise<T[]> {
  const question = new URLSearchParams({ resource, ...(name_regex === '' ? {} : { name_regex: `.*${name_regex}.*` }) });
  const text = await mesh.kubectl(['-n', namespace, 'exec', pod, '-c', 'istio-proxy', '--', 'pilot-agent', 'request', 'GET', `config_dump?${question}`]);
  return (JSON.parse(text) as { configs?: T[] }).configs ?? [];
}

/** Looks until it is so, less often than at a process of this machine: each look is a command or two. */
export function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  return lookUntil(look, LOOK_MS);
}

function probeManifests(name: string, namespace: string, image: string, { account, answers, replicas = 1, outside = false, finds }: ProbeOptions): object[] {
  const labels = { app: name, probe: name, track: 'stable' };
  const metadata = { name, namespace, labels };
  const text = (file: string, folder: string): string => readFileSync(new URL(`../../${folder}/${file}.ts`, import.meta.url), 'utf8');
  const container = {
    name: 'service',
    image,
    imagePullPolicy: 'IfNotPresent',
    // A program that is not the first of its pod can be stopped from inside (`kill -STOP`).
    ...(answers === undefined ? { args: ['-e', 'setInterval(() => {}, 1 << 30)'] } : { command: ['sh', '-c', 'node test/mesh/programs/echo.ts "$@" & echo $! > /tmp/pid; wait', 'sh', ...answers] }),
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }, { name: 'NODE_COMPILE_CACHE', value: '/tmp/compiled' }, { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/trust/ca.crt' }],
    resources: { requests: { cpu: '10m', memory: '64Mi' } },
    ...(answers === undefined ? {} : { ports: [{ name: 'grpc', containerPort: 9000 }], startupProbe: { grpc: { port: 9000 }, periodSeconds: 1, failureThreshold: 300 }, readinessProbe: { grpc: { port: 9000 }, periodSeconds: 3, failureThreshold: 2, timeoutSeconds: 2 } }),
    volumeMounts: [...Object.entries(PROGRAMS).map(([file, folder]) => ({ name: 'files', mountPath: `/app/test/${folder}/${file}.ts`, subPath: `${file}.ts` })), { name: 'trust', mountPath: '/etc/trust' }, { name: 'tmp', mountPath: '/tmp' }],
  };
  const template = {
    metadata: { labels: { ...labels, 'sidecar.istio.io/inject': String(!outside) }, annotations: outside ? {} : OUTSIDE_AUTHORITY },
    spec: {
      serviceAccountName: account,
      terminationGracePeriodSeconds: 2,
      containers: [container],
      volumes: [{ name: 'files', configMap: { name } }, { name: 'trust', configMap: { name: 'trust', optional: true } }, { name: 'tmp', emptyDir: {} }],
    },
  };
  // Nothing may be called that is not allowed; who may call whom is not what probes are for.
  const allow = { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata, spec: { selector: { matchLabels: { app: name } }, action: 'ALLOW', rules: [{}] } };
  const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: name }, ports: [{ name: 'grpc', port: 9000, targetPort: 9000 }] } };
  const scope = { workloadSelector: { labels: { app: name } }, egress: [{ hosts: finds }], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } };
  return [
    ...(finds === undefined ? [] : [{ apiVersion: 'networking.istio.io/v1', kind: 'Sidecar', metadata, spec: scope }]),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(Object.entries(PROGRAMS).map(([file, folder]) => [`${file}.ts`, text(file, folder)])) },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas, selector: { matchLabels: { app: name } }, template } },
    ...(answers === undefined ? [] : [service, allow]),
  ];
}
