// A world for tests of identity and notification: key files, outside systems and the services themselves, over real
// HTTP and gRPC, with a database each.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import type { CallOptions, ServiceClient } from '#kit/rpc/client.ts';
import { readConfig } from '#kit/run/config.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import type { Database } from '#kit/store/mysql.ts';
import * as realname from '../../sandbox/realname/main.ts';
import type { Sandbox } from '../../sandbox/shared/sandbox.ts';
import * as identity from '../../services/identity/main.ts';
import { freshDatabase } from '../support/stack.ts';

export const CALLER_KEY = randomBytes(32).toString('hex');

export type World = {
  lifecycle: Lifecycle;
  /** What every service's configuration needs. */
  env: Record<string, string>;
  sandbox_env: Record<string, string>;
};

export async function openWorld(): Promise<World> {
  const lifecycle = new Lifecycle();
  const folder = await mkdtemp(join(tmpdir(), 'chunyun-world-'));
  lifecycle.onStop('folder', () => rm(folder, { recursive: true, force: true }));
  const dirs = { signing_keys_dir: join(folder, 'keys'), sandbox_keys_dir: join(folder, 'sandbox_keys') };
  await ensureKeys(dirs);
  const env = {
    CALLER_KEY,
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }),
    BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    SIGNING_KEYS_DIR: dirs.signing_keys_dir,
  };
  return { lifecycle, env, sandbox_env: { SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, SANDBOX_DATA_DIR: join(folder, 'sandbox') } };
}

export type IdentityWorld = World & {
  realname: Sandbox;
  identity: identity.Running;
  client: ServiceClient<typeof IdentityService>;
  /** The client of another service of ours. */
  as(service: string): ServiceClient<typeof IdentityService>;
  db: Database;
  config: identity.Config;
};

/** Identity with its authority. Waits for the authority are short, so that tests of outages are. */
export async function openIdentity(extra: Record<string, string> = {}): Promise<IdentityWorld> {
  const world = await openWorld();
  const { lifecycle } = world;
  const database = await freshDatabase();
  lifecycle.onStop('database', database.stop);
  const authority = lifecycle.add('realname', await realname.start(readConfig(realname.configSchema, world.sandbox_env)));
  const env = { ...world.env, MYSQL_URL_IDENTITY: database.url, REALNAME_URL: authority.url, IDENTITY_REALNAME_TIMEOUT_MS: '300', IDENTITY_VERIFY_RETRY_MS: '300', ...extra };
  const config = readConfig(identity.configSchema, env);
  const running = lifecycle.add('identity', await identity.start(config, { log: silentLog() }));
  const as = (service: string, caller_key: Uint8Array | undefined = Buffer.from(CALLER_KEY, 'hex')) => {
    const client = createClient(IdentityService, { default_timeout_ms: 60_000, address: running.address, service, caller_key });
    lifecycle.onStop('client', () => client.close());
    return client;
  };
  const db = await openDatabase({ url: database.url, log: silentLog(), service: 'test' });
  lifecycle.onStop('connection', () => db.close());
  const client = createClient(IdentityService, { default_timeout_ms: 60_000, address: running.address, service: 'test' });
  lifecycle.onStop('client', () => client.close());
  return { ...world, realname: authority, identity: running, client, as, db, config };
}

export const requestId = (): string => uuid7(systemClock, systemRandom);

/** The header that a logged-in client sends. */
export function bearer(access_token: string | undefined): CallOptions {
  return { metadata: { authorization: `Bearer ${access_token ?? ''}` } };
}

let people = 0;

/** A new account with its tokens. */
export async function registerSomebody({ client }: Pick<IdentityWorld, 'client'>, more: { phone?: string; email?: string; language?: string } = {}) {
  people += 1;
  const login_name = `traveller_${people}`;
  const password = `spring-${people}-2026`;
  const answer = await client.register({ requestId: requestId(), loginName: login_name, password, phone: more.phone ?? '13800138000', email: more.email ?? '', language: more.language ?? 'zh', deviceId: 'device-1', city: '北京' });
  return { login_name, password, account_id: answer.account!.accountId, tokens: answer.tokens!, auth: bearer(answer.tokens?.accessToken) };
}

/** The reason of the error table that a call was refused with. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    return (error as { reason?: string }).reason ?? String(error);
  }
}

/** Everything that stands in any table, as text: numbers and texts as they are, bytes as text and in hexadecimal. */
export async function dumpTables(db: Database): Promise<string> {
  const tables = await db.query<{ name: string }>('SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()');
  const parts: string[] = [];
  for (const { name } of tables) {
    for (const row of await db.query(`SELECT * FROM \`${name}\``)) {
      for (const [column, value] of Object.entries(row)) parts.push(`${name}.${column}=${Buffer.isBuffer(value) ? `${value.toString('utf8')} ${value.toString('hex')}` : String(value)}`);
    }
  }
  return parts.join('\n');
}

/** Waits for something to become true by looking; the test's own time limit ends it. */
export async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
