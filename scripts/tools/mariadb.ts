/**
 * MariaDB: mariadbd with its client and the script that makes a data folder. The system's if it is new enough, else
 * unpacked from the distribution's packages; a MariaDB service of the system is never started or stopped.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Told } from '../say.ts';
import { atLeast, executable, versionOf, which } from './command.ts';
import { debianMissing, unpackDebian, unpackedEnv } from './debian.ts';
import { TOOLS } from './paths.ts';
import type { Installer, Tool } from './tool.ts';
import { MARIADB_VERSION_MIN } from './versions.ts';

const PACKAGES = ['mariadb-server-core', 'mariadb-client-core'];
const FOLDER = join(TOOLS, 'mariadb-debian');

export const mariadb: Installer = {
  name: 'mariadb',
  async find() {
    const server = which('mariadbd');
    return (await toolAt(server, server?.startsWith('/usr/local/') ? '/usr/local' : '/usr', {})) ?? toolIn(FOLDER);
  },
  missing: () => debianMissing(PACKAGES),
  async install(tell) {
    await unpackDebian(tell, PACKAGES, FOLDER, async (folder) => {
      if (await toolIn(folder)) return;
      const least = MARIADB_VERSION_MIN.join('.');
      throw new Told(`the distribution's mariadbd is older than ${least} or does not run`, `系统软件源里的 mariadbd 低于 ${least} 或无法运行`);
    });
    return (await toolIn(FOLDER))!;
  },
};

/** A program that comes with the server: `mariadb`, `mariadb-install-db`, `mariadb-dump`. */
export function mariadbProgram(tool: Tool, name: string): string {
  return join(tool.folder, 'bin', name);
}

function toolIn(folder: string): Promise<Tool | undefined> {
  return toolAt(join(folder, 'usr', 'sbin', 'mariadbd'), join(folder, 'usr'), unpackedEnv(folder));
}

/** `folder` is what MariaDB calls basedir. All three programs must be there: some machines have only one of them. */
async function toolAt(path: string | undefined, folder: string, env: Record<string, string>): Promise<Tool | undefined> {
  if (!path || !executable(path)) return undefined;
  const complete = ['mariadb', 'mariadb-install-db'].every((name) => existsSync(join(folder, 'bin', name)));
  const version = complete ? await versionOf(path, '--version', { ...process.env, ...env }) : undefined;
  return atLeast(version, MARIADB_VERSION_MIN) ? { path, version: version!.join('.'), env, folder } : undefined;
}
