/** redis-server: the system's if it is new enough, else unpacked from the distribution's packages. */
import { join } from 'node:path';
import { Told } from '../say.ts';
import { atLeast, executable, versionOf, which } from './command.ts';
import { debianMissing, unpackDebian, unpackedEnv } from './debian.ts';
import { TOOLS } from './paths.ts';
import type { Installer, Tool } from './tool.ts';
import { REDIS_VERSION_MIN } from './versions.ts';

const PACKAGES = ['redis-server', 'redis-tools'];
const FOLDER = join(TOOLS, 'redis-debian');

export const redis: Installer = {
  name: 'redis',
  async find() {
    return (await toolAt(which('redis-server'), '/usr', {})) ?? toolIn(FOLDER);
  },
  missing: () => debianMissing(PACKAGES),
  async install(tell) {
    await unpackDebian(tell, PACKAGES, FOLDER, async (folder) => {
      if (await toolIn(folder)) return;
      const least = REDIS_VERSION_MIN.join('.');
      throw new Told(`the distribution's redis-server is older than ${least} or does not run`, `系统软件源里的 redis-server 低于 ${least} 或无法运行`);
    });
    return (await toolIn(FOLDER))!;
  },
};

function toolIn(folder: string): Promise<Tool | undefined> {
  return toolAt(join(folder, 'usr', 'bin', 'redis-server'), join(folder, 'usr'), unpackedEnv(folder));
}

async function toolAt(path: string | undefined, folder: string, env: Record<string, string>): Promise<Tool | undefined> {
  if (!path || !executable(path)) return undefined;
  const version = await versionOf(path, '--version', { ...process.env, ...env });
  return atLeast(version, REDIS_VERSION_MIN) ? { path, version: version!.join('.'), env, folder } : undefined;
}
