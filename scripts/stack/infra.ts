/** Redis, MariaDB and NATS together: what every stack and every test run stands on. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Say } from '../say.ts';
import type { Tool } from '../tools/index.ts';
import { keep, type ChildFolders, type ChildSpec, type Kept } from './child.ts';
import { LOOPBACK, type PortBook } from './ports.ts';
import type { Secrets } from './secrets.ts';
import { initMysql, MYSQL_ADMIN, mysqlSpec, natsSpec, redisSpec, type MysqlOptions, type RedisOptions } from './servers.ts';

export type InfraParts = { redis?: boolean; mysql?: boolean; nats?: boolean };

export type InfraSettings = {
  /** Everything is kept below it. */
  folder: string;
  parts: InfraParts;
  tools: { redis?: Tool; mariadb?: Tool; nats?: Tool };
  ports: PortBook;
  secrets: Secrets;
  tell: Say;
  signal: AbortSignal;
  redis?: RedisOptions;
  mysql?: MysqlOptions;
};

export type Infra = {
  /** `redis://:password@127.0.0.1:port` */
  redis_url: string | undefined;
  /** `mysql://root:password@127.0.0.1:port/`, without a database. */
  mysql_url: string | undefined;
  nats_url: string | undefined;
  nats_token: string | undefined;
  /** HTTP, for /healthz, /jsz and /varz. */
  nats_monitor_url: string | undefined;
  kept: Kept[];
  stop: () => Promise<void>;
};

/** Starts the named parts side by side and resolves when all of them serve. If one can't, none is left running. */
export async function startInfra(settings: InfraSettings): Promise<Infra> {
  const { folder, parts, ports, secrets } = settings;
  const folders: ChildFolders = { pids: join(folder, 'pids'), logs: join(folder, 'logs') };
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true, mode: 0o700 });
  const kept: Kept[] = [];
  // One that fails ends the waiting for the others.
  const failed = new AbortController();
  const signal = AbortSignal.any([settings.signal, failed.signal]);
  const start = async (part: boolean | undefined, spec: () => Promise<ChildSpec>): Promise<void> => {
    if (!part) return;
    try {
      kept.push(await keep(await spec(), folders, settings.tell, signal));
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const redis_port = parts.redis ? await ports.port('redis') : 0;
  const mysql_port = parts.mysql ? await ports.port('mysql') : 0;
  const nats_port = parts.nats ? await ports.port('nats') : 0;
  const nats_monitor_port = parts.nats ? await ports.port('nats_monitor') : 0;
  const stop = async (): Promise<void> => void (await Promise.all(kept.map((child) => child.stop())));
  const outcomes = await Promise.allSettled([
    start(parts.redis, async () => redisSpec(settings.tools.redis!, join(folder, 'redis'), redis_port, secrets.get('redis_password'), settings.redis)),
    start(parts.mysql, async () => {
      await initMysql(settings.tools.mariadb!, join(folder, 'mariadb'));
      return mysqlSpec(settings.tools.mariadb!, join(folder, 'mariadb'), mysql_port, secrets.get('mysql_root_password'), settings.mysql);
    }),
    start(parts.nats, async () => natsSpec(settings.tools.nats!, join(folder, 'nats'), nats_port, nats_monitor_port, secrets.get('nats_token'))),
  ]);
  if (outcomes.some((outcome) => outcome.status === 'rejected')) {
    await stop();
    throw settings.signal.aborted ? settings.signal.reason : failed.signal.reason;
  }
  return {
    redis_url: parts.redis ? `redis://:${secrets.get('redis_password')}@${LOOPBACK}:${redis_port}` : undefined,
    mysql_url: parts.mysql ? `mysql://${MYSQL_ADMIN}:${secrets.get('mysql_root_password')}@${LOOPBACK}:${mysql_port}/` : undefined,
    nats_url: parts.nats ? `nats://${LOOPBACK}:${nats_port}` : undefined,
    nats_token: parts.nats ? secrets.get('nats_token') : undefined,
    nats_monitor_url: parts.nats ? `http://${LOOPBACK}:${nats_monitor_port}` : undefined,
    kept,
    stop,
  };
}
