/** The folder of a stack, `.run/<name>/`: what is in it, and whether it can still be used. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Told, type Say } from '../say.ts';
import { RUN } from '../tools/paths.ts';
import { isRunning, type ProcessIdentity } from './identity.ts';

/** Raised when an older folder can't be used any more by what reads it now. */
const LAYOUT_VERSION = 1;
const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,30}$/;

export type StackFolder = { name: string; path: string; pids: string; logs: string; secrets: string; ports: string; lock: string };

export function stackFolder(name: string): StackFolder {
  if (!NAME_PATTERN.test(name)) throw new Told(`not a name for a stack: ${name} (small letters, digits, - and _)`, `不能用作名称：${name}（只能用小写字母、数字、- 和 _）`);
  const path = join(RUN, name);
  return {
    name,
    path,
    pids: join(path, 'pids'),
    logs: join(path, 'logs'),
    secrets: join(path, 'secrets.json'),
    ports: join(path, 'ports.json'),
    // Beside the folder, so that a reset does not pull it away.
    lock: join(RUN, `${name}.lock`),
  };
}

/**
 * Makes the folder ready for use. Data of an older layout or of another MariaDB (which can't go back) is not deleted
 * but moved aside, once, and said so. Call it under the stack's lock.
 */
export function prepareFolder(folder: StackFolder, mariadb_version: string, tell: Say): void {
  const version = `${LAYOUT_VERSION} mariadb ${mariadb_version.split('.').slice(0, 2).join('.')}\n`;
  const version_path = join(folder.path, 'version');
  const found = existsSync(version_path) ? readFileSync(version_path, 'utf8') : undefined;
  if (found !== version && existsSync(join(folder.path, 'mariadb', 'data'))) {
    const aside = `${folder.path}.old`;
    rmSync(aside, { recursive: true, force: true });
    renameSync(folder.path, aside);
    tell(`the data in ${folder.path} is of another version; it is now in ${aside}`, `${folder.path} 的数据属于其他版本，已移至 ${aside}`);
  }
  for (const path of [folder.path, folder.pids, folder.logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(version_path, version);
}

export type StackState = 'starting' | 'ready' | 'stopping' | 'stopped';

/** `.run/<name>/stack.json`: who runs the stack and where everything is. Holds no secret. */
export type StackStatus = {
  name: string;
  state: StackState;
  supervisor: ProcessIdentity;
  started_at: string;
  page: string;
  page_tls: string;
  /** `name: host:port`, of servers, services and the edge's administration. */
  addresses: Record<string, string>;
  logs: string;
};

export function writeStatus(folder: StackFolder, status: StackStatus): void {
  const path = join(folder.path, 'stack.json');
  writeFileSync(`${path}.part`, `${JSON.stringify(status, null, 2)}\n`);
  renameSync(`${path}.part`, path);
}

/** The status of a stack whose supervisor runs; undefined when there is none. */
export function readStatus(name: string): StackStatus | undefined {
  try {
    const status = JSON.parse(readFileSync(join(stackFolder(name).path, 'stack.json'), 'utf8')) as StackStatus;
    return isRunning(status.supervisor) ? status : undefined;
  } catch (error) {
    if (error instanceof Told) throw error;
    return undefined;
  }
}

/** The environment for tools of a stack (`bench`, `demo`, tests): addresses and the secrets of an administrator. */
export function readToolEnvironment(name: string): Record<string, string> {
  return JSON.parse(readFileSync(join(stackFolder(name).path, 'environment.json'), 'utf8')) as Record<string, string>;
}
