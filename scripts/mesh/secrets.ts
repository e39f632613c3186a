/** Every secret of a lab cluster: passwords, keys and certificates, made once and kept nowhere but in the cluster. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { selfSigned, type Certificate } from '../stack/certificate.ts';
import { keyEnvironment, mysqlUrlOf, OPERATOR_LOGIN } from '../stack/environment.ts';
import { openSecrets, type Secrets } from '../stack/secrets.ts';
import { adminAccount, MYSQL_ADMIN } from '../stack/servers.ts';
import { SERVICE_NAMES, type ServiceName } from '../stack/services.ts';
import type { Cluster } from './cluster.ts';

/** Who the cluster's records of fields name for what `npm run mesh:up` makes. */
export const MANAGER = 'mesh-up';
/** Says that all others are there: it is made last. */
const MARKER = 'lab-secrets-made';
const CERTIFICATE_DAYS = 365;
const DATA = 'chunyun-data.svc.cluster.local';
const MYSQL_URL = `mysql://mysql.${DATA}:3306/?tls=on`;

/** The key files that each service reads; it gets no others. */
const KEYS_OF: Partial<Record<ServiceName, RegExp>> = {
  query: /^(chunyun|railway\.pub)\.pem$/,
  ticketing: /^(chunyun|railway\.pub|ticket-.*)\.pem$/,
  payment: /^(chunyun|chunyun-sm2|gateway\.pub|gateway-sm2\.pub)\.pem$/,
  identity: /^(chunyun|realname\.pub|jwt-.*)\.pem$/,
  notification: /^(chunyun|messaging\.pub)\.pem$/,
};

/** Makes all secrets in the cluster unless an earlier run has; the namespaces must be there. */
export async function ensureSecrets(cluster: Cluster): Promise<void> {
  const known = await cluster.tryKubectl(['-n', 'chunyun', 'get', 'secret', MARKER]);
  if (known.code === 0) return;
  const secrets = openSecrets(undefined);
  const folder = await mkdtemp(join(tmpdir(), 'chunyun-keys-'));
  try {
    const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
    await ensureKeys(dirs);
    await cluster.apply(MANAGER, [...storeSecrets(secrets), ...(await keySecrets(dirs))]);
    await cluster.apply(MANAGER, [secret('chunyun', MARKER, {})]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Stores with their certificates, who may go in with which password, and the certificates that everybody trusts. */
function storeSecrets(secrets: Secrets): object[] {
  const now = new Date();
  const make = (name: string, names: string[]): Certificate => selfSigned(now, CERTIFICATE_DAYS, { common_name: name, dns: names });
  const redis = make('redis', [`redis.${DATA}`, 'localhost']);
  const mysql = make('mysql', [`mysql.${DATA}`]);
  const nats = make('nats', [`nats.${DATA}`]);
  const edge = make('edge', ['edge.chunyun.svc.cluster.local', 'edge.chunyun.svc', 'localhost']);
  const outside = make('outside', ['railway', 'realname', 'gateway', 'messaging'].map((name) => `${name}.chunyun-outside.svc.cluster.local`));
  const pem = ({ certificate_pem, key_pem }: Certificate) => ({ 'tls.crt': certificate_pem, 'tls.key': key_pem });
  const trusted = [redis, mysql, nats, edge, outside].map(({ certificate_pem }) => certificate_pem).join('');
  const trust = (namespace: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'trust', namespace }, data: { 'ca.crt': trusted, 'outside-ca.crt': outside.certificate_pem } });
  const [redis_password, mysql_password, nats_token] = ['redis', 'mysql', 'nats'].map((name) => secrets.get(name)) as [string, string, string];
  const { CALLER_KEY, ...column_keys } = keyEnvironment(secrets);
  return [
    secret('chunyun-data', 'redis-server', { ...pem(redis), 'redis.conf': redisConf(redis_password) }),
    secret('chunyun-data', 'mysql-server', { ...pem(mysql), 'init.sql': adminAccount('%', mysql_password) }),
    secret('chunyun-data', 'nats-server', { ...pem(nats), 'nats.conf': natsConf(nats_token) }),
    secret('chunyun-outside', 'outside-tls', pem(outside)),
    secret('chunyun', 'edge-tls', pem(edge)),
    trust('chunyun'),
    trust('chunyun-outside'),
    secret('chunyun', 'redis', { REDIS_URL: `rediss://:${redis_password}@redis.${DATA}:6379` }),
    secret('chunyun', 'nats', { NATS_TOKEN: nats_token }),
    secret('chunyun', 'mysql-admin', { MYSQL_ADMIN_URL: MYSQL_URL.replace('//', `//${MYSQL_ADMIN}:${mysql_password}@`) }),
    ...SERVICE_NAMES.map((name) => secret('chunyun', `mysql-${name}`, { [`MYSQL_URL_${name.toUpperCase()}`]: mysqlUrlOf(name, MYSQL_URL, secrets) })),
    secret('chunyun', 'caller-key', { CALLER_KEY }),
    secret('chunyun', 'column-keys', column_keys),
    secret('chunyun', 'operator', { IDENTITY_OPERATOR_LOGIN: OPERATOR_LOGIN, IDENTITY_OPERATOR_PASSWORD: secrets.get('operator_password') }),
  ];
}

async function keySecrets({ signing_keys_dir, sandbox_keys_dir }: { signing_keys_dir: string; sandbox_keys_dir: string }): Promise<object[]> {
  const ours = await readAll(signing_keys_dir);
  const of = ([name, files]: [string, RegExp]): object => secret('chunyun', `keys-${name}`, Object.fromEntries(Object.entries(ours).filter(([file]) => files.test(file))));
  return [...Object.entries(KEYS_OF).map(of), secret('chunyun-outside', 'sandbox', await readAll(sandbox_keys_dir))];
}

async function readAll(folder: string): Promise<Record<string, string>> {
  const files = await readdir(folder);
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const)));
}

function secret(namespace: string, name: string, stringData: Record<string, string>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': 'chunyun' } }, stringData };
}

function redisConf(password: string): string {
  const tls = ['port 0', 'tls-port 6379', 'tls-cert-file /etc/secret/tls.crt', 'tls-key-file /etc/secret/tls.key', 'tls-auth-clients no', 'tls-ca-cert-file /etc/secret/tls.crt'];
  return ['bind 0.0.0.0', 'protected-mode yes', `requirepass ${password}`, ...tls, 'dir /data', 'appendonly yes', 'appendfsync everysec', 'save ""', 'maxmemory-policy noeviction', ''].join('\n');
}

function natsConf(token: string): string {
  return [
    'listen: "0.0.0.0:4222"',
    'http: "0.0.0.0:8222"',
    'server_name: "chunyun"',
    `authorization { token: "${token}" }`,
    'tls { cert_file: "/etc/secret/tls.crt", key_file: "/etc/secret/tls.key" }',
    'jetstream { store_dir: "/data", max_memory_store: 256MB, max_file_store: 16GB }',
    'max_payload: 1MB',
    '',
  ].join('\n');
}
