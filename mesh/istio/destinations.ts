import { SERVICE_NAMES, type ServiceName } from '../../scripts/stack/services.ts';
import { hostOf, manifest, type Manifest } from './manifest.ts';

/** Calls and streams of one proxy to one service at a time, as many as the edge has (envoy/clusters.ts): more are refused at once. */
const MAX_REQUESTS = 8192;
/** Of them, waiting for a connection. */
const MAX_PENDING = 1024;
/** HTTP/2 carries hundreds of calls on each; the limit is for HTTP/1.1 and for runaways. */
const MAX_CONNECTIONS = 256;
/** Repeated reads under way at a time: when more would be needed, repeating no longer helps. */
const MAX_RETRIES = 16;

export const POOL = {
  tcp: {
    maxConnections: MAX_CONNECTIONS,
    connectTimeout: '1s',
    // A peer whose machine is gone is known after a minute and a half, also where no call has a deadline (streams).
    tcpKeepalive: { time: '60s', interval: '10s', probes: 3 },
  },
  http: { http2MaxRequests: MAX_REQUESTS, http1MaxPendingRequests: MAX_PENDING, maxRetries: MAX_RETRIES, idleTimeout: '300s' },
};

/** Calls in a row that a pod fails before it gets none for a while. */
export const EJECT_AFTER = 5;

/**
 * A pod that answers for the network (unavailable, timed out, connection lost), time after time, gets no calls for a while.
 * Refusals by a rule and bugs (INTERNAL is 500) don't count: ejecting pods cures neither.
 */
const EJECTION = {
  consecutiveGatewayErrors: EJECT_AFTER,
  // Zero switches off what is on by default.
  consecutive5xxErrors: 0,
  interval: '2s',
  baseEjectionTime: '10s',
  // One of two, one of three, two of four: never the only pod (a canary's), and never the half that carries the load.
  maxEjectionPercent: 50,
  // When pods leave while another is ejected, the ejected one is better than none.
  minHealthPercent: 25,
};

/** The header that says which pod of inventory has a run's bucket at hand (kit/rpc/identity.ts). */
const ROUTE_KEY = 'x-route-key';

/** For the port of every service, so that nothing has to be inherited by portLevelSettings, which inherit nothing. */
export function destinations(): Manifest[] {
  return [...SERVICE_NAMES.map(destinationOf), edge()];
}

function destinationOf(name: ServiceName): Manifest {
  return manifest('DestinationRule', name, {
    host: hostOf(name),
    // Rules of ours are for our own callers.
    exportTo: ['.'],
    trafficPolicy: { connectionPool: POOL, outlierDetection: EJECTION, loadBalancer: name === 'inventory' ? BY_ROUTE_KEY : { simple: 'LEAST_REQUEST' } },
    // A subset without a policy of its own takes the whole one above. The canary's is added while there is one.
    subsets: [{ name: 'stable', labels: { track: 'stable' } }],
  });
}

/** Calls of one bucket meet in one pod. Locality balancing would split the ring by zone, and buckets with it. */
const BY_ROUTE_KEY = {
  consistentHash: { httpHeaderName: ROUTE_KEY, ringHash: { minimumRingSize: 1024 } },
  localityLbSetting: { enabled: false },
};

/** The edge ends TLS by itself, on ports that its sidecar leaves alone: pods of ours that ask the page speak as browsers do. */
function edge(): Manifest {
  return manifest('DestinationRule', 'edge', { host: hostOf('edge'), exportTo: ['.'], trafficPolicy: { connectionPool: POOL, tls: { mode: 'DISABLE' } } });
}
