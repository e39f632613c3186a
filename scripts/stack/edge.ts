/** Envoy for a local stack: envoy/edge.yaml filled in with this stack's addresses. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EDGE_CONFIG_PATH, namesIn, writeEdge, type CertificateFiles, type EdgeValues } from '../../envoy/render.ts';
import { ROOT } from '../tools/paths.ts';
import type { Tool } from '../tools/index.ts';
import { selfSigned } from './certificate.ts';
import type { ChildSpec } from './child.ts';
import { JWT_AUDIENCE, JWT_ISSUER, type StackAddresses } from './environment.ts';
import { LOOPBACK } from './ports.ts';
import { httpServes, until } from './probe.ts';
import { writePrivate } from './secrets.ts';

const CERTIFICATE_DAYS = 3650;
/** What the edge lets through in all, before it asks anybody: more than a laptop can serve. */
const LIMIT_PER_S = 5_000;
/** At which the edge begins to refuse, nearly. */
const MAX_HEAP_BYTES = 1_073_741_824;
const MAX_CONNECTIONS = 10_000;
/** Where a collector of traces would listen. */
const OTLP_PORT = 4317;

/** `values` and `template` are for what a test wants otherwise: by names in edge.yaml, and the text itself. */
export type EdgeInput = { tool: Tool; folder: string; addresses: StackAddresses; admin_port: number; web_dist: string; trusted_hops?: number; limit_per_s?: number; values?: EdgeValues; template?: string };

export function edgeSpec({ tool, folder, addresses, admin_port, web_dist, trusted_hops = 0, limit_per_s = LIMIT_PER_S, values: others = {}, template = readFileSync(EDGE_CONFIG_PATH, 'utf8') }: EdgeInput): ChildSpec {
  mkdirSync(folder, { recursive: true });
  // What an earlier edge kept is not looked at again.
  rmSync(join(folder, 'cache'), { recursive: true, force: true });
  mkdirSync(join(folder, 'cache'));
  const certificate = ensureCertificate(folder);
  const config = join(folder, 'edge.yaml');
  const values: EdgeValues = {
    LISTEN_HOST: LOOPBACK,
    PLAIN_HOST: LOOPBACK,
    PLAIN_PORT: addresses.edge_port,
    TLS_PORT: addresses.edge_tls_port,
    ADMIN_PORT: admin_port,
    ACCESS_LOG: join(folder, 'access.log'),
    // With its slash: Envoy writes names behind it as they are.
    CACHE_DIR: `${join(folder, 'cache')}/`,
    DESCRIPTORS: join(ROOT, 'gen', 'descriptors.binpb'),
    WEB_DIST: web_dist,
    JWT_ISSUER,
    JWT_AUDIENCE,
    LOCAL_LIMIT_PER_S: limit_per_s,
    TRUSTED_HOPS: trusted_hops,
    MAX_HEAP_BYTES,
    MAX_CONNECTIONS,
    MAX_REDIRECT_CONNECTIONS: MAX_CONNECTIONS,
    // Nobody is sent anywhere here: a port that nobody knows.
    REDIRECT_PORT: 0,
    TRACES_HOST: LOOPBACK,
    TRACES_PORT: OTLP_PORT,
    TRACES_PERCENT: 0,
    ...upstreams(addresses),
    ...others,
  };
  const names = namesIn(template);
  const known = Object.entries(values).filter(([name]) => names.has(name));
  writeEdge(config, Object.fromEntries(known), certificate, template);
  return {
    name: 'envoy',
    words: [tool.path, '-c', config, '--disable-hot-restart', '--concurrency', '2', '--log-level', 'warning'],
    env: { ...process.env, ...tool.env },
    cwd: folder,
    ready: (signal) => until(signal, () => httpServes(admin_port, '/ready')),
  };
}

function upstreams(addresses: StackAddresses): EdgeValues {
  const of = (name: string, port: number): [string, string | number][] => [
    [`${name.toUpperCase()}_HOST`, LOOPBACK],
    [`${name.toUpperCase()}_PORT`, port],
  ];
  const grpc = Object.entries(addresses.ports).flatMap(([name, port]) => of(name, port));
  const http = Object.entries(addresses.http_ports).flatMap(([name, port]) => of(`${name}_http`, port));
  return Object.fromEntries([...grpc, ...http]);
}

function ensureCertificate(folder: string): CertificateFiles {
  const certificate_path = join(folder, 'tls.crt');
  const key_path = join(folder, 'tls.key');
  if (!existsSync(certificate_path) || !existsSync(key_path)) {
    const { certificate_pem, key_pem } = selfSigned(new Date(), CERTIFICATE_DAYS);
    writePrivate(key_path, key_pem);
    writePrivate(certificate_path, certificate_pem);
  }
  return { certificate_path, key_path };
}
