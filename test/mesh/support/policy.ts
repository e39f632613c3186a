/** The real policy of a service, laid before a probe that answers: what is tested is what travellers meet. */
import type { Cluster } from '../../../scripts/mesh/cluster.ts';
import { eventually, getObject, MANAGER, NAMESPACE, proxyConfig, type Probe } from './mesh.ts';

export type PolicyOptions = {
  /** Has a look at each copy before it is laid. */
  change?: (spec: Record<string, unknown>, kind: string) => void;
};

type Manifest = { apiVersion: string; kind: string; metadata: { name: string }; spec: Record<string, unknown> };

/** Routes and limits of `service`, as they stand in the cluster, for calls of the probe's host; resolves when the proxy of `caller` goes by them. */
export async function copyPolicy(mesh: Cluster, service: string, probe: Probe, caller: Probe, { change = () => {} }: PolicyOptions = {}): Promise<void> {
  const copies: object[] = [];
  // Routes may only name subsets that are known.
  for (const kind of ['DestinationRule', 'VirtualService']) {
    const { apiVersion, spec } = await getObject<Manifest>(mesh, kind.toLowerCase(), service);
    const copy = JSON.parse(JSON.stringify(spec).replaceAll(hostOf(service), hostOf(probe.name))) as Record<string, unknown>;
    change(copy, kind);
    copies.push({ apiVersion, kind, metadata: { name: probe.name, namespace: NAMESPACE, labels: { probe: probe.name } }, spec: copy });
  }
  await mesh.apply(MANAGER, copies);
  const [pod] = await caller.pods();
  await eventually(() => goesBy(mesh, pod!, probe.name));
}

/** Istio writes into the configuration of a proxy from which object each route and cluster was made. */
async function goesBy(mesh: Cluster, pod: string, name: string): Promise<boolean> {
  const [clusters, routes] = await Promise.all([
    proxyConfig<{ cluster: { name: string } }>(mesh, pod, 'dynamic_active_clusters', hostOf(name)),
    proxyConfig(mesh, pod, 'dynamic_route_configs'),
  ]);
  const madeFrom = (part: unknown, kind: string): boolean => JSON.stringify(part).includes(`/${kind}/${name}"`);
  return clusters.length > 0 && clusters.every((one) => madeFrom(one, 'destination-rule')) && madeFrom(routes, 'virtual-service');
}

/** A service's own name among the hosts of the mesh. */
export function hostOf(service: string): string {
  return `${service}.${NAMESPACE}.svc.cluster.local`;
}
