/** The real policy of a service, laid before a probe that answers: what is tested is what travellers meet. */
import type { Cluster } from '../../../scripts/mesh/cluster.ts';
import { getObject, MANAGER, NAMESPACE, type Probe } from './mesh.ts';

type Manifest = { apiVersion: string; kind: string; metadata: { name: string }; spec: Record<string, unknown> };

/** Routes and limits of `service`, as they stand in the cluster, for calls of the probe's host; `change` has a look at them first. */
export async function copyPolicy(mesh: Cluster, service: string, probe: Probe, change: (spec: Record<string, unknown>, kind: string) => void = () => {}): Promise<void> {
  const copies: object[] = [];
  for (const kind of ['VirtualService', 'DestinationRule']) {
    const { apiVersion, spec } = await getObject<Manifest>(mesh, kind.toLowerCase(), service);
    const copy = JSON.parse(JSON.stringify(spec).replaceAll(hostOf(service), hostOf(probe.name))) as Record<string, unknown>;
    change(copy, kind);
    copies.push({ apiVersion, kind, metadata: { name: probe.name, namespace: NAMESPACE, labels: { probe: probe.name } }, spec: copy });
  }
  await mesh.apply(MANAGER, copies);
}

/** A service's own name among the hosts of the mesh. */
export function hostOf(service: string): string {
  return `${service}.${NAMESPACE}.svc.cluster.local`;
}
