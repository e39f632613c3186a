/** The three servers that hold data, each private: own port on the loopback, own folder, own password. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { outputOf } from '../tools/command.ts';
import { mariadbProgram, type Tool } from '../tools/index.ts';
import type { ChildSpec } from './child.ts';
import { LOOPBACK } from './ports.ts';
import { mysqlServes, natsServes, redisServes, until } from './probe.ts';
import { writePrivate } from './secrets.ts';

export type RedisOptions = {
  /** What a Redis that loses power may lose: nothing (always), a second, or all (no, for tests). */
  fsync?: 'always' | 'everysec' | 'no';
};

export function redisSpec(tool: Tool, folder: string, port: number, password: string, options: RedisOptions = {}): ChildSpec {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'redis.conf');
  const lines = [
    `bind ${LOOPBACK}`,
    `port ${port}`,
    'protected-mode yes',
    `requirepass ${password}`,
    `dir "${folder}"`,
    'daemonize no',
    'databases 256',
    'appendonly yes',
    `appendfsync ${options.fsync ?? 'everysec'}`,
    'save ""',
    // What owns seats must not vanish because memory is short: writes fail instead.
    'maxmemory 0',
    'maxmemory-policy noeviction',
    'tcp-backlog 511',
  ];
  writePrivate(config, `${lines.join('\n')}\n`);
  return {
    name: 'redis',
    words: [tool.path, config],
    env: { ...process.env, ...tool.env },
    cwd: folder,
    ready: (signal) => until(signal, () => redisServes(port, password)),
  };
}

export type MysqlOptions = {
  buffer_pool_mb?: number;
  flush_log_at_trx_commit?: 0 | 1 | 2;
  max_connections?: number;
  /** Files in PEM. Without them the server offers no TLS. */
  tls?: { certificate: string; key: string };
};

/** Makes the data folder if there is none, whole or not at all. */
export async function initMysql(tool: Tool, folder: string): Promise<void> {
  const data = join(folder, 'data');
  if (existsSync(data)) return;
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, 'data.part');
  rmSync(temporary, { recursive: true, force: true });
  const TMPDIR = ownTemporary(folder);
  const user = userInfo().username;
  await outputOf(
    [
      mariadbProgram(tool, 'mariadb-install-db'),
      '--no-defaults',
      `--basedir=${tool.folder}`,
      `--datadir=${temporary}`,
      `--user=${user}`,
      // The superuser logs in by the operating system's word only; the one with a password is made at start.
      '--auth-root-authentication-method=socket',
      `--auth-root-socket-user=${user}`,
      '--skip-test-db',
      '--skip-name-resolve',
      // Leaves the ownership of the system's own plugin folders alone.
      '--rpm',
      `--innodb-log-file-size=${REDO_LOG_MB}M`,
    ],
    { env: { ...process.env, ...tool.env, TMPDIR } },
  );
  renameSync(temporary, data);
}

/** Temporary tables are named by a counter, so two servers that begin at once in one folder meet. */
function ownTemporary(folder: string): string {
  const path = join(folder, 'tmp');
  mkdirSync(path, { recursive: true });
  return path;
}

const REDO_LOG_MB = 64;

export function mysqlSpec(tool: Tool, folder: string, port: number, password: string, options: MysqlOptions = {}): ChildSpec {
  // Run by the server before it lets anybody in, so there is no moment without a password.
  const init = join(folder, 'init.sql');
  writePrivate(init, adminAccount(LOOPBACK, password));
  return {
    name: 'mariadb',
    words: [
      tool.path,
      '--no-defaults',
      `--basedir=${tool.folder}`,
      `--datadir=${join(folder, 'data')}`,
      `--tmpdir=${ownTemporary(folder)}`,
      `--plugin-dir=${join(tool.folder, 'lib', 'mysql', 'plugin')}`,
      `--user=${userInfo().username}`,
      `--bind-address=${LOOPBACK}`,
      `--port=${port}`,
      // Relative to the data folder: the kernel limits a socket's path to 107 bytes.
      '--socket=mysqld.sock',
      `--pid-file=${join(folder, 'mysqld.pid')}`,
      `--init-file=${init}`,
      '--skip-name-resolve',
      '--skip-log-bin',
      '--local-infile=0',
      '--character-set-server=utf8mb4',
      '--collation-server=utf8mb4_bin',
      '--transaction-isolation=READ-COMMITTED',
      '--default-time-zone=+00:00',
      `--innodb-flush-log-at-trx-commit=${options.flush_log_at_trx_commit ?? 1}`,
      `--innodb-buffer-pool-size=${options.buffer_pool_mb ?? 256}M`,
      `--innodb-log-file-size=${REDO_LOG_MB}M`,
      `--max-connections=${options.max_connections ?? 400}`,
      '--log-warnings=1',
      ...(options.tls === undefined ? [] : [`--ssl-cert=${options.tls.certificate}`, `--ssl-key=${options.tls.key}`]),
    ],
    env: { ...process.env, ...tool.env },
    cwd: folder,
    ready: (signal) => until(signal, () => mysqlServes(port)),
    stop_within_ms: 30_000,
  };
}

/** Statements that make the account of migrations, for connections from `host` (`%` is anywhere), and give it this password. */
export function adminAccount(host: string, password: string): string {
  const admin = `'${MYSQL_ADMIN}'@'${host}'`;
  return [`CREATE USER IF NOT EXISTS ${admin} IDENTIFIED BY '${password}';`, `ALTER USER ${admin} IDENTIFIED BY '${password}';`, `GRANT ALL PRIVILEGES ON *.* TO ${admin} WITH GRANT OPTION;`, ''].join('\n');
}

/** The account of migrations and tests; services have accounts of their own with fewer rights. */
export const MYSQL_ADMIN = 'root';

export function natsSpec(tool: Tool, folder: string, port: number, monitor_port: number, token: string): ChildSpec {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'nats.conf');
  const lines = [
    `listen: "${LOOPBACK}:${port}"`,
    `http: "${LOOPBACK}:${monitor_port}"`,
    `server_name: "chunyun"`,
    `authorization { token: "${token}" }`,
    `jetstream { store_dir: "${join(folder, 'data')}", max_memory_store: 256MB, max_file_store: 16GB }`,
    'max_payload: 1MB',
  ];
  writePrivate(config, `${lines.join('\n')}\n`);
  return {
    name: 'nats',
    words: [tool.path, '-c', config],
    env: { ...process.env, ...tool.env },
    cwd: folder,
    ready: (signal) => until(signal, () => natsServes(port, token)),
  };
}
