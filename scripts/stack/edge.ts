/** Envoy for a local stack: envoy/edge.yaml filled in with this stack's addresses. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EDGE_CONFIG_PATH, renderEdge, type EdgeValues } from '../../envoy/render.ts';
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
const LOCAL_LIMIT_PER_S = 5_000;

export type EdgeInput = { tool: Tool; folder: string; addresses: StackAddresses; admin_port: number; web_dist: string; trusted_hops?: number };

export function edgeSpec({ tool, folder, addresses, admin_port, web_dist, trusted_hops = 0 }: EdgeInput): ChildSpec {
  mkdirSync(folder, { recursive: true });
  const certificate = ensureCertificate(folder);
  const config = join(folder, 'edge.yaml');
  const values: EdgeValues = {
    LISTEN_HOST: LOOPBACK,
    LISTEN_PORT: addresses.edge_port,
    TLS_PORT: addresses.edge_tls_port,
    TLS_CERT: certificate.certificate_path,
    TLS_KEY: certificate.key_path,
    ADMIN_PORT: admin_port,
    ACCESS_LOG: join(folder, 'access.log'),
    DESCRIPTORS: join(ROOT, 'gen', 'descriptors.binpb'),
    WEB_DIST: web_dist,
    JWT_ISSUER,
    JWT_AUDIENCE,
    LOCAL_LIMIT_PER_S,
    TRUSTED_HOPS: trusted_hops,
    ...upstreams(addresses),
  };
  const template = readFileSync(EDGE_CONFIG_PATH, 'utf8');
  const known = Object.entries(values).filter(([name]) => template.includes(`\${${name}}`));
  writeFileSync(config, renderEdge(Object.fromEntries(known), template));
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

function ensureCertificate(folder: string): { certificate_path: string; key_path: string } {
  const certificate_path = join(folder, 'tls.crt');
  const key_path = join(folder, 'tls.key');
  if (!existsSync(certificate_path) || !existsSync(key_path)) {
    const { certificate_pem, key_pem } = selfSigned(new Date(), CERTIFICATE_DAYS);
    writePrivate(key_path, key_pem);
    writePrivate(certificate_path, certificate_pem);
  }
  return { certificate_path, key_path };
}
