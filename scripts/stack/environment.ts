/** The environment of each service process: addresses of its peers, its own database users, its keys (docs/ARCHITECTURE.md). */
import type { Infra } from './infra.ts';
import { LOOPBACK, type PortBook } from './ports.ts';
import type { Secrets } from './secrets.ts';
import { isSandbox, SANDBOX_NAMES, SERVICE_NAMES, type ServiceName, type ServiceProcess, type UnitName } from './services.ts';

export type StackAddresses = {
  /** Port of each unit: gRPC of a service, HTTP of a sandbox. */
  ports: Record<string, number>;
  http_ports: Record<string, number>;
  edge_port: number;
  edge_tls_port: number;
  public_url: string;
};

export const JWT_ISSUER = 'chunyun';
export const JWT_AUDIENCE = 'chunyun';
export const OPERATOR_LOGIN = 'operator';
/** Who signs the first personal-data key of a stack; a rotation adds another. */
const COLUMN_KEY_ID = 'k1';

export async function chooseAddresses(ports: PortBook): Promise<StackAddresses> {
  const grpc: Record<string, number> = {};
  const http: Record<string, number> = {};
  for (const name of SERVICE_NAMES) grpc[name] = await ports.port(name);
  for (const name of [...SERVICE_NAMES, ...SANDBOX_NAMES]) http[name] = await ports.port(`${name}_http`);
  const edge_port = await ports.port('edge');
  return { ports: grpc, http_ports: http, edge_port, edge_tls_port: await ports.port('edge_tls'), public_url: `http://${LOOPBACK}:${edge_port}` };
}

/** `chunyun_order` for `order`: the database, and the name of its user. */
export function databaseOf(service: ServiceName): string {
  return `chunyun_${service}`;
}

/** URL of a service's own database as its own user. */
export function mysqlUrlOf(service: ServiceName, mysql_url: string, secrets: Secrets): string {
  const url = new URL(mysql_url);
  url.username = databaseOf(service);
  url.password = secrets.get(`mysql_${service}_password`);
  url.pathname = `/${databaseOf(service)}`;
  return url.href;
}

/** What both services and tools of the stack may know: where everybody is. No secret in it. */
export function addressEnvironment(addresses: StackAddresses): Record<string, string> {
  const env: Record<string, string> = { LISTEN_HOST: LOOPBACK, PUBLIC_URL: addresses.public_url, JWKS_URL: `http://${LOOPBACK}:${addresses.http_ports.identity}/.well-known/jwks.json`, JWT_ISSUER, JWT_AUDIENCE };
  for (const [name, port] of Object.entries(addresses.ports)) {
    env[`${name.toUpperCase()}_PORT`] = String(port);
    env[`${name.toUpperCase()}_ADDRESS`] = `${LOOPBACK}:${port}`;
  }
  for (const [name, port] of Object.entries(addresses.http_ports)) {
    env[`${name.toUpperCase()}_HTTP_PORT`] = String(port);
    env[`${name.toUpperCase()}_URL`] = `http://${LOOPBACK}:${port}`;
  }
  return env;
}

export type EnvironmentInput = {
  addresses: StackAddresses;
  infra: Infra;
  secrets: Secrets;
  signing_keys_dir: string;
  sandbox_keys_dir: string;
  /** Where the outside world remembers. */
  sandbox_data_dir: string;
  /** What the railway publishes. */
  feed_file: string;
  log_level: string;
};

/** The secrets a process needs: databases of its own services only, and for the outside world none of ours. */
export function secretEnvironment(units: readonly UnitName[], input: EnvironmentInput): Record<string, string> {
  const { infra, secrets } = input;
  if (units.every(isSandbox)) return { SANDBOX_KEYS_DIR: input.sandbox_keys_dir, SANDBOX_DATA_DIR: input.sandbox_data_dir, RAILWAY_FEED_FILE: input.feed_file };
  const services = units.filter((unit): unit is ServiceName => !isSandbox(unit));
  return {
    REDIS_URL: infra.redis_url!,
    NATS_URL: infra.nats_url!,
    NATS_TOKEN: infra.nats_token!,
    ...keyEnvironment(secrets),
    SIGNING_KEYS_DIR: input.signing_keys_dir,
    // The first operator of the stack; its password is in the stack's secrets.json.
    ...(services.includes('identity') ? { IDENTITY_OPERATOR_LOGIN: OPERATOR_LOGIN, IDENTITY_OPERATOR_PASSWORD: secrets.get('operator_password') } : {}),
    ...Object.fromEntries(services.map((name) => [`MYSQL_URL_${name.toUpperCase()}`, mysqlUrlOf(name, infra.mysql_url!, secrets)])),
  };
}

/** The key by which services know each other, and those of personal data. */
export function keyEnvironment(secrets: Secrets) {
  return {
    CALLER_KEY: secrets.get('caller_key'),
    COLUMN_KEYS: JSON.stringify({ active: COLUMN_KEY_ID, keys: { [COLUMN_KEY_ID]: secrets.get('column_key') } }),
    BLIND_INDEX_KEY: secrets.get('blind_index_key'),
  };
}

export function processEnvironment(group: ServiceProcess, metrics_port: number, input: EnvironmentInput): Record<string, string> {
  return {
    ...addressEnvironment(input.addresses),
    ...secretEnvironment(group.units, input),
    LOG_LEVEL: input.log_level,
    METRICS_PORT: String(metrics_port),
  };
}
