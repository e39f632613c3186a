/** Where stores and systems of others are, place by place: the one file that a platform team fills in. */
import type { DataStore, OutsideSystem } from '../reach.ts';

/** A host in the cluster, or one elsewhere. */
export type Host = {
  host: string;
  /** In the cluster: its namespace. Elsewhere there is none, and a ServiceEntry names it. */
  namespace?: string;
};

export type StoreHost = Host & {
  /** By which the policy names it. */
  name: string;
  port: number;
  /** Elsewhere: where its servers are. Clusters name their members by address, so a name alone would not do. */
  addresses?: readonly string[];
};

export type SystemHost = Host & {
  /** Where it takes TLS. Services call port 80; their proxy makes TLS of it. */
  tls_port: number;
  /** The authorities to trust, as a file in the proxy's container. */
  ca_file: string;
};

export type Place = {
  name: string;
  /** A store may be several hosts, as one that is found by asking others. */
  stores: Readonly<Record<DataStore, readonly StoreHost[]>>;
  systems: Readonly<Record<OutsideSystem, SystemHost>>;
  /** Takes spans of proxies and of the edge, by OTLP over gRPC; istiod-values.yaml names it, too. */
  collector?: Host;
  /** Whom pods find that are no service of ours (jobs, tools): all that is in the namespace, servers of tests too, or our services. */
  others_find: 'namespace' | 'services';
};

/** Part of the proxy's image. */
const PUBLIC_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

const IN_CLUSTER = { mysql: [inCluster('mysql', 3306)], redis: [inCluster('redis', 6379)], nats: [inCluster('nats', 4222)] };

/** What a trial in one cluster brings along: stores, and stand-ins for the systems of others. */
export const LAB: Place = {
  name: 'lab',
  stores: IN_CLUSTER,
  systems: { railway: labSystem('railway'), realname: labSystem('realname'), gateway: labSystem('gateway'), messaging: labSystem('messaging') },
  others_find: 'namespace',
};

/** To be replaced, as all names under example.com (RFC 2606). */
const ELSEWHERE: Place['systems'] = {
  railway: elsewhere('railway.example.com'),
  realname: elsewhere('realname.example.com'),
  gateway: elsewhere('gateway.example.com'),
  messaging: elsewhere('messaging.example.com'),
};

/** The smallest deployment: its stores are in the cluster, and its Redis is found by asking sentinels. */
export const MINIMAL: Place = {
  name: 'minimal',
  stores: { ...IN_CLUSTER, redis: [...IN_CLUSTER.redis, inCluster('redis-sentinel', 26379)] },
  systems: ELSEWHERE,
  others_find: 'services',
};

/** Names and networks under example.com and 192.0.2.0/24 (RFC 2606, RFC 5737) are to be replaced. */
export const PRODUCTION: Place = {
  name: 'production',
  stores: {
    mysql: [{ name: 'mysql', host: 'mysql.data.example.com', port: 3306, addresses: ['192.0.2.0/26'] }],
    redis: [{ name: 'redis', host: 'redis.data.example.com', port: 6379, addresses: ['192.0.2.64/26'] }],
    nats: [{ name: 'nats', host: 'nats.data.example.com', port: 4222, addresses: ['192.0.2.128/26'] }],
  },
  systems: ELSEWHERE,
  collector: { host: 'otel-collector.monitoring.svc.cluster.local', namespace: 'monitoring' },
  others_find: 'services',
};

function inCluster(name: string, port: number): StoreHost {
  const namespace = 'chunyun-data';
  return { name, host: `${name}.${namespace}.svc.cluster.local`, namespace, port };
}

function elsewhere(host: string): SystemHost {
  return { host, tls_port: 443, ca_file: PUBLIC_AUTHORITIES };
}

function labSystem(name: OutsideSystem): SystemHost {
  const namespace = 'chunyun-outside';
  return { host: `${name}.${namespace}.svc.cluster.local`, namespace, tls_port: 8443, ca_file: '/etc/outside-ca/ca.crt' };
}
