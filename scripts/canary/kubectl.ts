import { Told, words } from '../say.ts';
import { outcomeOf, which } from '../tools/command.ts';
import type { Kind, KubeObject } from './domain/objects.ts';
import { ClusterError, type Cluster } from './ports.ts';

export type KubectlOptions = {
  namespace: string;
  /** As of the kubeconfig; the present one by default. */
  context?: string;
  kubeconfig?: string;
  /** Where kubectl is, when it is not on the PATH. */
  program?: string;
  /** With a PATH that has kubectl, and KUBECONFIG; ours by default. */
  env?: NodeJS.ProcessEnv;
};

export type Kubectl = Cluster & { namespace: string; /** Asks the admin interface of a pod's sidecar. */ admin(pod: string, path: string): Promise<string> };

/** What the cluster's records of fields name us by. */
const MANAGER = 'chunyun-canary';
const CALL_MS = 20_000;

const RESOURCES: Record<Kind, string> = {
  Deployment: 'deployments.apps',
  Service: 'services',
  VirtualService: 'virtualservices.networking.istio.io',
  DestinationRule: 'destinationrules.networking.istio.io',
  ConfigMap: 'configmaps',
  Pod: 'pods',
};

/** The cluster by kubectl, one process a call. Every failure is told with the call and kubectl's own words. */
export function openKubectl({ namespace, context, kubeconfig, program, env }: KubectlOptions): Kubectl {
  const found = program ?? (env === undefined ? which('kubectl') : 'kubectl');
  if (found === undefined) throw new Told('kubectl is not on the PATH', 'PATH 中没有 kubectl');
  const base = [found, '--namespace', namespace, '--request-timeout', `${CALL_MS / 1000 - 1}s`, ...(context === undefined ? [] : ['--context', context]), ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig])];

  async function run(args: readonly string[], input?: string): Promise<{ ok: true; stdout: string } | { ok: false; stderr: string; error: ClusterError }> {
    const { code, stdout, stderr } = await outcomeOf([...base, ...args], { deadline_ms: CALL_MS, input, env });
    if (code === 0) return { ok: true, stdout };
    const shown = args.map((arg) => (arg.length > 200 ? `${arg.slice(0, 200)}…` : arg)).join(' ');
    const last = stderr.trim() || words(`no answer within ${CALL_MS / 1000} s`, `${CALL_MS / 1000} 秒内没有应答`);
    return { ok: false, stderr, error: new ClusterError(`kubectl ${shown}: ${last}`) };
  }

  return {
    namespace,
    async get<T extends KubeObject>(kind: Kind, name: string) {
      const outcome = await run(['get', RESOURCES[kind], name, '-o', 'json', '--ignore-not-found']);
      if (!outcome.ok) throw outcome.error;
      return outcome.stdout.trim() === '' ? undefined : (JSON.parse(outcome.stdout) as T);
    },
    async list<T extends KubeObject>(kind: Kind, labels: Readonly<Record<string, string>>) {
      const selector = Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(',');
      const outcome = await run(['get', RESOURCES[kind], '-l', selector, '-o', 'json']);
      if (!outcome.ok) throw outcome.error;
      return (JSON.parse(outcome.stdout) as { items: T[] }).items;
    },
    async create<T extends KubeObject>(object: T) {
      const outcome = await run(['create', '-f', '-', '-o', 'json', `--field-manager=${MANAGER}`], JSON.stringify(object));
      if (outcome.ok) return JSON.parse(outcome.stdout) as T;
      if (outcome.stderr.includes('AlreadyExists')) return 'EXISTS';
      throw outcome.error;
    },
    async patch<T extends KubeObject>(read: T, patch: object) {
      // The version in the patch makes the server refuse it when the object was changed since it was read.
      const { metadata, ...rest } = patch as { metadata?: object };
      const whole = { ...rest, metadata: { ...metadata, resourceVersion: read.metadata.resourceVersion } };
      const outcome = await run(['patch', RESOURCES[read.kind as Kind], read.metadata.name, '--type=merge', '-p', JSON.stringify(whole), '-o', 'json', `--field-manager=${MANAGER}`]);
      if (outcome.ok) return JSON.parse(outcome.stdout) as T;
      // Gone is changed, too: whoever reads it again finds out.
      if (/Conflict|the object has been modified|NotFound/.test(outcome.stderr)) return 'CONFLICT';
      throw outcome.error;
    },
    async remove(read) {
      const group = read.apiVersion === 'v1' ? '/api/v1' : `/apis/${read.apiVersion}`;
      const plural = RESOURCES[read.kind as Kind].split('.')[0]!;
      const options = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions: { uid: read.metadata.uid } };
      const outcome = await run(['delete', '--raw', `${group}/namespaces/${namespace}/${plural}/${read.metadata.name}`, '-f', '-'], JSON.stringify(options));
      // One of another uid is another object, which is not ours to remove.
      if (outcome.ok || /NotFound|not found|Conflict|Precondition failed|conflict/i.test(outcome.stderr)) return;
      throw outcome.error;
    },
    async admin(pod, path) {
      const outcome = await run(['exec', pod, '-c', 'istio-proxy', '--', 'pilot-agent', 'request', 'GET', path]);
      if (!outcome.ok) throw outcome.error;
      return outcome.stdout;
    },
  };
}
