import { existsSync, readFileSync } from 'node:fs';
import { MAX_CACHE_BYTES } from './reads.ts';
import { EDGE_CONFIG_PATH, namesIn, type CertificateFiles, type EdgeValues } from './render.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const GRPC_PORT = 9000;
const HTTP_PORT = 8080;

/** Of the memory that a container may have beside the kept answers, which lie in memory too; the rest is for what Envoy does not count. */
const HEAP_SHARE = 0.75;
const MEMORY_BYTES = 1_073_741_824;
/** What a connection takes of the heap at the most when it does nothing in particular. */
const CONNECTION_BYTES = 65_536;
/** Of them those that ask for the way to TLS, or whether we are well. */
const REDIRECT_SHARE = 0.25;

/**
 * The values of a pod in Kubernetes. Services stand at `<name>.<namespace>.svc.cluster.local`, gRPC on 9000 and HTTP on 8080.
 * Everything else has a default that the environment may overrule by the same name; `JWT_ISSUER` and `JWT_AUDIENCE` have none.
 * `MEMORY_LIMIT_BYTES` is the container's own limit. Addresses of services are not looked for in the environment, where
 * Kubernetes itself writes names like `ORDER_PORT`.
 */
export function clusterValues(env: Environment, template: string = readFileSync(EDGE_CONFIG_PATH, 'utf8')): EdgeValues {
  const values: EdgeValues = {};
  for (const [name, value] of Object.entries({ ...defaults(env), JWT_ISSUER: '', JWT_AUDIENCE: '' })) {
    const given = env[name] ?? value;
    if (given === '') throw new Error(`the edge needs ${name} in its environment`);
    values[name] = given;
  }
  return { ...upstreams(template, values, env.NAMESPACE ?? 'chunyun'), ...values };
}

/** Where the Secret with the edge's certificate is mounted; `TLS_CERT` and `TLS_KEY` overrule it. */
export function clusterCertificate(env: Environment): CertificateFiles {
  return { certificate_path: env.TLS_CERT ?? '/etc/edge/tls/tls.crt', key_path: env.TLS_KEY ?? '/etc/edge/tls/tls.key' };
}

function defaults(env: Environment): EdgeValues {
  const heap_bytes = Math.floor((Number(env.MEMORY_LIMIT_BYTES ?? MEMORY_BYTES) - MAX_CACHE_BYTES) * HEAP_SHARE);
  const connections = Math.floor(heap_bytes / CONNECTION_BYTES);
  return {
    LISTEN_HOST: '0.0.0.0',
    TLS_PORT: 8443,
    REDIRECT_PORT: 8080,
    // Without TLS only within the pod; elsewhere where a load balancer in front of it speaks TLS.
    PLAIN_HOST: '127.0.0.1',
    PLAIN_PORT: 8081,
    ADMIN_PORT: 9901,
    ACCESS_LOG: '/dev/stdout',
    CACHE_DIR: '/var/cache/edge/',
    DESCRIPTORS: pathOf('gen/descriptors.binpb'),
    // Partners can go on without the page; who opens it is told to wait.
    WEB_DIST: existsSync(pathOf('web/dist/index.html')) ? pathOf('web/dist') : pathOf('envoy/away'),
    LOCAL_LIMIT_PER_S: 5_000,
    TRUSTED_HOPS: 0,
    MAX_HEAP_BYTES: heap_bytes,
    MAX_CONNECTIONS: connections,
    MAX_REDIRECT_CONNECTIONS: Math.floor(connections * REDIRECT_SHARE),
    // A collector of OTLP over gRPC; with 0 of 100 recorded nothing is sent to it.
    TRACES_HOST: '127.0.0.1',
    TRACES_PORT: 4317,
    TRACES_PERCENT: 0,
  };
}

/** Where the file lies beside this one, in the image as in a checkout. */
function pathOf(file: string): string {
  return new URL(`../${file}`, import.meta.url).pathname;
}

function upstreams(template: string, others: EdgeValues, namespace: string): EdgeValues {
  const values: EdgeValues = {};
  for (const name of namesIn(template)) {
    const upstream = /^(?<service>[A-Z]+?)(?<http>_HTTP)?_HOST$/.exec(name)?.groups;
    if (upstream === undefined || name in others) continue;
    values[name] = `${upstream.service!.toLowerCase()}.${namespace}.svc.cluster.local`;
    values[name.replace(/HOST$/, 'PORT')] = upstream.http === undefined ? GRPC_PORT : HTTP_PORT;
  }
  return values;
}
