import { OUTSIDE_TIMEOUT_MS } from '../reach.ts';
import { POOL } from './destinations.ts';
import { manifest, seconds, type Manifest } from './manifest.ts';
import type { Place, StoreHost, SystemHost } from './places.ts';
import { NO_RETRIES } from './routes.ts';

/** Where services call systems of others, without TLS of their own. */
const PLAIN_PORT = 80;

/** Servers close idle connections without asking, many after five seconds. What was sent on one just then is lost, and nothing is sent again. */
const IDLE = '4s';

/** How stores are reached: the services speak TLS with them themselves, so the proxy passes bytes. */
export function stores(place: Place): Manifest[] {
  return Object.values(place.stores).flat().flatMap((store) => [
    ...(store.namespace === undefined ? [storeEntry(store)] : []),
    manifest('DestinationRule', `store-${store.name}`, { host: store.host, exportTo: ['.'], trafficPolicy: { connectionPool: { tcp: POOL.tcp }, tls: { mode: 'DISABLE' } } }),
  ]);
}

/** How systems of others are reached: by name, with TLS that the proxy makes and checks, and never twice. */
export function systems(place: Place): Manifest[] {
  return Object.entries(place.systems).flatMap(([name, system]) => [
    ...(system.namespace === undefined ? [systemEntry(name, system)] : []),
    manifest('DestinationRule', `outside-${name}`, { host: system.host, exportTo: ['.'], trafficPolicy: { connectionPool: { tcp: POOL.tcp, http: { http1MaxPendingRequests: POOL.http.http1MaxPendingRequests, idleTimeout: IDLE } }, tls: tlsOf(system) } }),
    manifest('VirtualService', `outside-${name}`, {
      hosts: [system.host],
      exportTo: ['.'],
      // Services have deadlines, tries and breakers of their own for each system (kit/external): this is the outer bound.
      http: [{ name, timeout: seconds(OUTSIDE_TIMEOUT_MS), retries: NO_RETRIES, route: [{ destination: { host: system.host, port: { number: PLAIN_PORT } } }] }],
    }),
  ]);
}

/** The certificate must be for the name that was called. */
function tlsOf({ host, ca_file }: SystemHost): object {
  return { mode: 'SIMPLE', sni: host, subjectAltNames: [host], caCertificates: ca_file };
}

function systemEntry(name: string, { host, tls_port }: SystemHost): Manifest {
  return manifest('ServiceEntry', `outside-${name}`, {
    hosts: [host], exportTo: ['.'], location: 'MESH_EXTERNAL', resolution: 'DNS',
    ports: [{ number: PLAIN_PORT, name: 'http', protocol: 'HTTP', targetPort: tls_port }],
  });
}

function storeEntry({ name, host, port, addresses }: StoreHost): Manifest {
  return manifest('ServiceEntry', `store-${name}`, {
    hosts: [host], addresses: [...(addresses ?? [])], exportTo: ['.'], location: 'MESH_EXTERNAL', resolution: 'NONE',
    ports: [{ number: port, name: `tcp-${name}`, protocol: 'TCP' }],
  });
}
