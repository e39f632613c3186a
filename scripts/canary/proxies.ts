import { CANARY, STABLE, type Container, type KubeObject } from './domain/objects.ts';
import type { Kubectl } from './kubectl.ts';
import { ClusterError, type PodCounters, type Proxies, type ProxyView } from './ports.ts';
import { clusterName, readStats, statsPath } from './stats.ts';

/** How many sidecars are asked at once: each is a process of kubectl. */
const ASKED_AT_ONCE = 4;

/**
 * The sidecars of pods that can call the service: those whose configuration has its stable subset. A pod that is not one now is asked again
 * only under another uid, since what a pod may call follows from its Sidecar resource.
 */
export function proxiesOf(kubectl: Pick<Kubectl, 'list' | 'admin' | 'namespace'>): Proxies {
  const strangers = new Set<string>();

  async function ask<T>(service: string, path: string, read: (text: string, pod: Pod) => T): Promise<T[]> {
    const pods = (await kubectl.list<Pod>('Pod', { 'app.kubernetes.io/part-of': 'chunyun' })).filter((pod) => isMeshed(pod) && !strangers.has(keyOf(service, pod)));
    const answers: T[] = [];
    for (let from = 0; from < pods.length; from += ASKED_AT_ONCE) {
      const some = pods.slice(from, from + ASKED_AT_ONCE);
      answers.push(...(await Promise.all(some.map(async (pod) => read(await kubectl.admin(pod.metadata.name, path), pod)))));
    }
    return answers;
  }
  return {
    async views(service) {
      const [stable, canary] = [STABLE, CANARY].map((subset) => clusterName(service, kubectl.namespace, subset));
      const known = await ask(service, 'clusters', (text, pod) => {
        if (!text.includes(`${stable}::`)) strangers.add(keyOf(service, pod));
        return { pod: pod.metadata.name, endpoints: healthyEndpoints(text, canary!) };
      });
      const endpoints = new Map(known.map(({ pod, endpoints: count }) => [pod, count]));
      return ask(service, 'config_dump?resource=dynamic_route_configs', (text, { metadata: { name } }): ProxyView => ({ pod: name, canary_endpoints: endpoints.get(name) ?? 0, leads_to_canary: text.includes(`"${canary}"`) }));
    },
    async counters(service) {
      const samples = await ask(service, statsPath(service, kubectl.namespace), (text, pod) => ({ pod: pod.metadata.name, ...readStats(text) }));
      if (samples.length > 0 && !samples.some(({ counted }) => counted)) {
        throw new ClusterError(`no sidecar counts requests to ${service}: its pods need the annotation sidecar.istio.io/statsInclusionPrefixes: "cluster.outbound|9000|" (or proxyStatsMatcher of the mesh)`);
      }
      return samples.map(({ pod, stable, canary }): PodCounters => ({ pod, stable, canary }));
    },
  };
}

type Pod = KubeObject & { spec: { containers: Container[]; initContainers?: Container[] }; status?: { phase?: string; conditions?: { type: string; status: string }[] } };

/** Running, with a sidecar, and not on its way out. */
function isMeshed({ metadata, spec, status }: Pod): boolean {
  const has_sidecar = [...spec.containers, ...(spec.initContainers ?? [])].some(({ name }) => name === 'istio-proxy');
  return has_sidecar && status?.phase === 'Running' && !('deletionTimestamp' in metadata);
}

function keyOf(service: string, pod: Pod): string {
  return `${service} ${pod.metadata.uid ?? pod.metadata.name}`;
}

/** Lines like `outbound|9000|canary|…::10.244.0.12:9000::health_flags::healthy`. */
function healthyEndpoints(text: string, cluster: string): number {
  return text.split('\n').filter((line) => line.startsWith(`${cluster}::`) && line.endsWith('::health_flags::healthy')).length;
}
