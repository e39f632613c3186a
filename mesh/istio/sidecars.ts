import { SERVICE_NAMES, type ServiceName } from '../../scripts/stack/services.ts';
import { calleesOf, type Call } from '../calls.ts';
import { DATA, OUTSIDE, type DataStore } from '../reach.ts';
import { hostOf, manifest, type Manifest } from './manifest.ts';
import type { Host, Place } from './places.ts';

/** Services with an HTTP server of Node's own, which closes a connection that was idle for five seconds. */
const WITH_HTTP: readonly ServiceName[] = ['identity', 'payment', 'notification'];

/** Less than that, so that the proxy never sends a request on a connection that is about to be closed. */
const HTTP_IDLE = { inboundConnectionPool: { http: { idleTimeout: '4s' } } };

/**
 * What each workload can reach, and so what its proxy has to know: the services it calls, its stores, its systems of
 * others. Any other pod of the namespace (jobs, tools) finds our services, of which it may ask what its account may, and the stores.
 */
export function sidecars(table: readonly Call[], place: Place): Manifest[] {
  // A proxy that is told to send spans has to know the collector.
  const collector = place.collector === undefined ? [] : [place.collector];
  const stores = (names: readonly DataStore[]): Host[] => names.flatMap((name) => place.stores[name]);
  const services = (names: readonly string[]): Host[] => names.map((name) => ({ host: hostOf(name) }));
  const named = SERVICE_NAMES.map((name) => {
    const systems = (OUTSIDE[name] ?? []).map((system) => place.systems[system]);
    return sidecar(name, [...services(calleesOf(name, table)), ...stores(DATA[name]), ...systems, ...collector], WITH_HTTP.includes(name) ? HTTP_IDLE : {});
  });
  // Without a selector, since a selector that no pod has at the moment, as between two runs of a job, is an error to Istio's analysis.
  const found = place.others_find === 'namespace' ? ['./*'] : services([...SERVICE_NAMES, 'edge']).map(hostEntry);
  const besides = [...Object.values(place.stores).flat(), ...collector].map(hostEntry);
  const others = manifest('Sidecar', 'default', { egress: [{ hosts: [...found, ...besides] }], outboundTrafficPolicy: REGISTRY_ONLY });
  return [others, ...named, sidecar('edge', [...services(calleesOf('edge', table)), ...collector])];
}

/** A host that is not named is refused at the pod (502), not passed on. */
const REGISTRY_ONLY = { mode: 'REGISTRY_ONLY' };

function sidecar(app: string, hosts: readonly Host[], more: object = {}): Manifest {
  return manifest('Sidecar', app, { workloadSelector: { labels: { app } }, egress: [{ hosts: hosts.map(hostEntry) }], outboundTrafficPolicy: REGISTRY_ONLY, ...more });
}

function hostEntry({ host, namespace }: Host): string {
  return `${namespace ?? '.'}/${host}`;
}
