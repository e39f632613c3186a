/**
 * Databases, their users and their tables. `npm start` calls it; in a cluster it runs as a job, as
 * `node bootstrap.mjs migrate`, with MYSQL_ADMIN_URL (an account that may create databases and users) and one
 * MYSQL_URL_<NAME> for each service to migrate. Doing it again changes nothing.
 */
import { existsSync } from 'node:fs';
import { migrate, type Migration } from '#kit/store/migrate.ts';
import { createLog, type Log } from '#kit/telemetry/log.ts';
import { printError, Told } from './say.ts';
import { migrationsOf, SERVICE_NAMES, type ServiceName } from './stack/services.ts';
import { databaseStatements, runSql } from './stack/sql.ts';

export type MigrateInput = {
  /** Without a database; its user may create databases and users. */
  admin_url: string;
  /** Where each service will find its database: name, user and password are taken from it. */
  service_urls: Partial<Record<ServiceName, string>>;
  log: Log;
};

/** Brings every given service's database up to date; returns how many migrations were applied to each. */
export async function migrateAll(input: MigrateInput): Promise<Partial<Record<ServiceName, number>>> {
  const applied: Partial<Record<ServiceName, number>> = {};
  for (const name of SERVICE_NAMES) {
    const url = input.service_urls[name];
    if (url === undefined) continue;
    applied[name] = await migrateOne(name, url, input);
  }
  return applied;
}

async function migrateOne(name: ServiceName, service_url: string, input: MigrateInput): Promise<number> {
  const { pathname, username, password } = new URL(service_url);
  const database = decodeURIComponent(pathname.slice(1));
  // The service itself only reads and writes rows: a stolen password cannot drop a table.
  await runSql(input.admin_url, databaseStatements(database, decodeURIComponent(username), decodeURIComponent(password), 'rows', accountHost(input.admin_url)));
  const path = migrationsOf(name);
  if (!existsSync(path)) return 0;
  const { migrations } = (await import(path)) as { migrations: readonly Migration[] };
  const url = new URL(input.admin_url);
  url.pathname = `/${database}`;
  return (await migrate(url.href, migrations, { log: input.log })).length;
}

/** On this machine the account works only from here; in a cluster, from wherever the pods are. */
function accountHost(admin_url: string): string {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(admin_url).hostname) ? '127.0.0.1' : '%';
}

function fromEnvironment(): MigrateInput {
  const admin_url = process.env.MYSQL_ADMIN_URL;
  const urls = SERVICE_NAMES.map((name) => [name, process.env[`MYSQL_URL_${name.toUpperCase()}`]] as const);
  const service_urls = Object.fromEntries(urls.filter(([, url]) => url));
  if (!admin_url || Object.keys(service_urls).length === 0) throw new Told('set MYSQL_ADMIN_URL and a MYSQL_URL_<NAME> for each service to migrate', '请设置 MYSQL_ADMIN_URL，并为每个要迁移的服务设置 MYSQL_URL_<NAME>');
  return { admin_url, service_urls, log: createLog({ service: 'migrate' }) };
}

if (import.meta.main) {
  try {
    const applied = await migrateAll(fromEnvironment());
    console.log(JSON.stringify({ applied }));
  } catch (error) {
    printError(error);
    process.exitCode = 1;
  }
}
