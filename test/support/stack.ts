/**
 * Servers for tests. `npm test` starts one MariaDB, Redis and NATS for the whole run and names them in the environment;
 * each test file then takes a corner of its own by `freshDatabase`, `freshRedis` and `freshNats`. A test file run alone
 * (`npx ava test/x.test.ts`) starts its own servers by the same calls. Everything ends with the test process, even when
 * that is killed.
 *
 *     const { url, stop } = await freshDatabase();
 *     test.after.always(stop);
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quiet, type Say } from '../../scripts/say.ts';
import { startInfra as start, type Infra, type InfraParts } from '../../scripts/stack/infra.ts';
import { openPortBook } from '../../scripts/stack/ports.ts';
import { openSecrets } from '../../scripts/stack/secrets.ts';
import type { MysqlOptions, RedisOptions } from '../../scripts/stack/servers.ts';
import { databaseStatements, runSql } from '../../scripts/stack/sql.ts';
import { ensureTools, type Tool, type ToolName } from '../../scripts/tools/index.ts';

export type TestInfraOptions = InfraParts & { redis_options?: RedisOptions; mysql_options?: MysqlOptions; tell?: Say };
export type TestInfra = Infra & { folder: string };

/** Private servers in a temporary folder, for tests that kill, pause or fill them. A killed one is started again. */
export async function startInfra(options: TestInfraOptions): Promise<TestInfra> {
  const tell = options.tell ?? quiet;
  const names: ToolName[] = [];
  if (options.redis) names.push('redis');
  if (options.mysql) names.push('mariadb');
  if (options.nats) names.push('nats');
  const tools: Partial<Record<ToolName, Tool>> = await ensureTools(names, tell);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-test-'));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const infra = await start({
      folder,
      parts: options,
      tools,
      ports: openPortBook(undefined),
      secrets: openSecrets(undefined),
      tell,
      signal: new AbortController().signal,
      redis: { fsync: 'no', ...options.redis_options },
      mysql: { buffer_pool_mb: 128, flush_log_at_trx_commit: 2, ...options.mysql_options },
    });
    const stop = async (): Promise<void> => {
      await infra.stop();
      clean();
    };
    return { ...infra, folder, stop };
  } catch (error) {
    clean();
    throw error;
  }
}

export type FreshDatabase = {
  /** `mysql://user:password@127.0.0.1:port/name`; the user may do anything in this database and nothing outside it. */
  url: string;
  name: string;
  /** The administrator's URL of the server, for a second user or a second database. */
  root_url: string;
  stop: () => Promise<void>;
};

/** An empty database with a user of its own. `stop` drops both. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const server = await shared('mysql');
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const password = randomBytes(16).toString('hex');
  await runSql(server.url, databaseStatements(name, name, password, 'schema'));
  const url = new URL(server.url);
  const root_url = url.href;
  url.username = name;
  url.password = password;
  url.pathname = `/${name}`;
  const stop = async (): Promise<void> => {
    await runSql(root_url, [`DROP DATABASE IF EXISTS \`${name}\``, `DROP USER IF EXISTS '${name}'@'127.0.0.1'`]);
    await server.stop();
  };
  return { url: url.href, name, root_url, stop };
}

export type FreshRedis = { url: string; stop: () => Promise<void> };

/** A Redis server of the test's own, empty: Functions and FLUSHALL concern a whole server, and one costs 30 ms. */
export async function freshRedis(options: RedisOptions = {}): Promise<FreshRedis> {
  const infra = await startInfra({ redis: true, redis_options: options });
  return { url: infra.redis_url!, stop: infra.stop };
}

export type FreshNats = { url: string; token: string; monitor_url: string; stop: () => Promise<void> };

/** A NATS server of the test's own, with JetStream: services name their streams, and one server costs 30 ms. */
export async function freshNats(): Promise<FreshNats> {
  const infra = await startInfra({ nats: true });
  return { url: infra.nats_url!, token: infra.nats_token!, monitor_url: infra.nats_monitor_url!, stop: infra.stop };
}

export type SharedRedis = { url: string; prefix: string; stop: () => Promise<void> };

/** The run's Redis, for tests that keep to keys that begin with `prefix` and load no Functions. */
export async function sharedRedis(): Promise<SharedRedis> {
  return { ...(await shared('redis')), prefix: `${ownPrefix()}:` };
}

export type SharedNats = { url: string; token: string; prefix: string; stop: () => Promise<void> };

/** The run's NATS, for tests whose streams and subjects begin with `prefix`. */
export async function sharedNats(): Promise<SharedNats> {
  const server = await shared('nats');
  return { ...server, token: server.token!, prefix: ownPrefix() };
}

/** What `scripts/test.ts` puts into the environment for these helpers. */
export function testEnvironment(infra: Infra): Record<string, string> {
  return {
    CHUNYUN_TEST_REDIS_URL: infra.redis_url!,
    CHUNYUN_TEST_MYSQL_URL: infra.mysql_url!,
    CHUNYUN_TEST_NATS_URL: infra.nats_url!,
    CHUNYUN_TEST_NATS_TOKEN: infra.nats_token!,
  };
}

type Server = { url: string; token?: string; stop: () => Promise<void> };

const own_servers = new Map<keyof InfraParts, { users: number; infra: Promise<TestInfra> }>();

/** The server of the run, else one of this process, which ends with its last user. */
async function shared(part: keyof InfraParts): Promise<Server> {
  const given = process.env[`CHUNYUN_TEST_${part.toUpperCase()}_URL`];
  if (given) return { url: given, token: process.env.CHUNYUN_TEST_NATS_TOKEN, stop: async () => {} };
  const own = own_servers.get(part) ?? { users: 0, infra: startInfra({ [part]: true }) };
  own_servers.set(part, own);
  own.users++;
  const infra = await own.infra;
  const stop = async (): Promise<void> => {
    own.users--;
    if (own.users > 0) return;
    own_servers.delete(part);
    await infra.stop();
  };
  return { url: (infra[`${part}_url`])!, token: infra.nats_token, stop };
}

function ownPrefix(): string {
  return `t${randomBytes(5).toString('hex')}`;
}
