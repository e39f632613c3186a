/** The tools of the local stack: found on the machine, or put under `.tools/` in pinned versions. */
import { join } from 'node:path';
import { say, step, Told, words, type Say } from '../say.ts';
import { chromium } from './chromium.ts';
import { envoy } from './envoy.ts';
import { lockFile } from './filelock.ts';
import { kustomize } from './kustomize.ts';
import { mariadb } from './mariadb.ts';
import { nats } from './nats.ts';
import { opensearch } from './opensearch.ts';
import { TOOLS } from './paths.ts';
import { redis } from './redis.ts';
import type { Installer, Missing, Tool, ToolName } from './tool.ts';

export type { Tool, ToolName } from './tool.ts';
export { mariadbProgram } from './mariadb.ts';

const INSTALLERS: Record<ToolName, Installer> = { redis, mariadb, nats, envoy, chromium, opensearch, kustomize };

/**
 * Every named tool, installed where it is missing. Two runs at the same moment install once; a run that was cut short
 * is made good. Throws `Told` with one list of commands when the machine lacks something this user may not install.
 */
export async function ensureTools<N extends ToolName>(names: readonly N[], tell: Say = say): Promise<Record<N, Tool>> {
  const found = await findTools(names);
  if (names.every((name) => found[name])) return found as Record<N, Tool>;
  const lock = await lockFile(join(TOOLS, 'install.lock'), {
    wait: true,
    onWait: () => tell('another run is installing the tools; waiting for it', '另一个进程正在安装工具，等待中'),
  });
  try {
    return await installMissing(names, tell);
  } finally {
    await lock?.release();
  }
}

/** The named tools that are already there; quick, changes nothing. */
export async function findTools<N extends ToolName>(names: readonly N[]): Promise<Partial<Record<N, Tool>>> {
  const entries = await Promise.all(names.map(async (name) => [name, await INSTALLERS[name].find()] as const));
  return Object.fromEntries(entries.filter(([, tool]) => tool)) as Partial<Record<N, Tool>>;
}

async function installMissing<N extends ToolName>(names: readonly N[], tell: Say): Promise<Record<N, Tool>> {
  const found = await findTools(names);
  const absent = names.filter((name) => !found[name]);
  const missing = (await Promise.all(absent.map((name) => INSTALLERS[name].missing()))).flat();
  if (missing.length > 0) throw new Told(...missingText(missing));
  for (const name of absent) {
    found[name] = await step(tell, `installing ${name}`, `正在安装 ${name}`, () => INSTALLERS[name].install(tell));
  }
  return found as Record<N, Tool>;
}

function missingText(missing: readonly Missing[]): [string, string] {
  const things = (zh: boolean) => [...new Set(missing.map((item) => `  - ${zh ? item.what_zh : item.what}`))].join('\n');
  const commands = [...new Set(missing.flatMap((item) => item.commands))].toSorted((a, b) => Number(b.includes('update')) - Number(a.includes('update')));
  const list = commands.map((command) => `  ${command}`).join('\n');
  return [
    `This machine lacks, and this user may not install:\n${things(false)}\n${list ? `Run this, then start again:\n${list}` : ''}`,
    `本机缺少以下内容，当前用户无权安装：\n${things(true)}\n${list ? `请执行以下命令，然后重试：\n${list}` : ''}`,
  ];
}

if (import.meta.main) {
  const tools = await ensureTools(['redis', 'mariadb', 'nats', 'envoy']);
  for (const [name, tool] of Object.entries(tools)) console.log(words(`${name} ${tool.version} ${tool.path}`));
}
