/**
 * Servers from the distribution's packages, unpacked into a private folder instead of installed: no service of the
 * system is started or touched, no root is needed, and the distribution's own patches come along.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Told, type Say } from '../say.ts';
import { outcomeOf, outputOf, which } from './command.ts';
import { place } from './place.ts';
import type { Missing } from './tool.ts';

const APT_ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
/** Another package manager may be at work; we wait for it instead of failing. */
const APT_WAIT = ['-o', 'DPkg::Lock::Timeout=300'];
const UPDATE_TRIES_MAX = 5;
const UPDATE_PAUSE_MS = 5_000;

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Whether the package manager's lists know all the packages in a version that can be downloaded. */
export async function aptKnows(packages: readonly string[]): Promise<boolean> {
  const { code, stdout } = await outcomeOf(['apt-cache', 'policy', ...packages], { env: APT_ENV });
  if (code !== 0) return false;
  const candidates = [...stdout.matchAll(/^ {2}Candidate: (.+)$/gm)].map((match) => match[1]);
  return candidates.length >= packages.length && !candidates.includes('(none)');
}

/** What stands in the way of `unpackDebian`: not a Debian, or no package lists and no right to fetch them. */
export async function debianMissing(packages: readonly string[]): Promise<Missing[]> {
  if (!which('apt-get') || !which('dpkg')) {
    return [{ what: `${packages.join(', ')} (this is no Debian or Ubuntu: put them on the PATH by your own means)`, what_zh: `${packages.join('、')}（本机不是 Debian 或 Ubuntu，请自行安装到 PATH）`, commands: [] }];
  }
  if (isRoot() || (await aptKnows(packages))) return [];
  return [{ what: `the package lists, for ${packages.join(', ')}`, what_zh: `软件包列表（需要 ${packages.join('、')}）`, commands: ['sudo apt-get update'] }];
}

/** Fetches fresh package lists (root only). Waits for another package manager that holds them. */
export async function aptUpdate(tell: Say): Promise<void> {
  tell('updating the package lists (apt-get update)', '正在更新软件包列表（apt-get update）');
  for (let attempt = 1; ; attempt++) {
    const { code, stdout, stderr } = await outcomeOf(['apt-get', ...APT_WAIT, 'update'], { env: APT_ENV });
    if (code === 0) return;
    const last_words = `${stdout}\n${stderr}`.trim().slice(-1500);
    if (attempt >= UPDATE_TRIES_MAX || !/lock/i.test(stderr)) throw new Told(`apt-get update failed:\n${last_words}`, `apt-get update 失败：\n${last_words}`);
    await new Promise((resolve) => setTimeout(resolve, UPDATE_PAUSE_MS));
  }
}

/** Installs packages into the system (root only). Runlevel 1 keeps a service that comes along from starting. */
export async function aptInstall(tell: Say, packages: readonly string[]): Promise<void> {
  if (!(await aptKnows(packages))) await aptUpdate(tell);
  tell(`apt-get install ${packages.join(' ')}`);
  const env = { ...APT_ENV, NEEDRESTART_MODE: 'l', RUNLEVEL: '1' };
  await outputOf(['apt-get', ...APT_WAIT, 'install', '-y', '--no-install-recommends', ...packages], { env });
}

/**
 * Unpacks packages, and those of their dependencies that the system lacks, under `folder`. Nothing is configured and no
 * script of a package runs. `verify` judges the result before it is put in place.
 */
export async function unpackDebian(tell: Say, packages: readonly string[], folder: string, verify: (temporary: string) => Promise<void>): Promise<void> {
  if (!(await aptKnows(packages))) await aptUpdate(tell);
  await place(folder, async (temporary) => {
    const archives = join(temporary, 'archives');
    mkdirSync(archives);
    let wanted = await neededPackages(packages);
    let fetched = await download(wanted, archives);
    if (fetched !== '' && isRoot()) {
      // Lists older than the archive name versions that are no longer there.
      await aptUpdate(tell);
      wanted = await neededPackages(packages);
      fetched = await download(wanted, archives);
    }
    if (fetched !== '') throw new Told(`cannot download ${wanted.join(' ')}; try: sudo apt-get update\n${fetched}`, `无法下载 ${wanted.join(' ')}；请尝试：sudo apt-get update\n${fetched}`);
    for (const name of readdirSync(archives)) await outputOf(['dpkg', '-x', join(archives, name), temporary]);
    await outputOf(['rm', '-rf', archives]);
    await verify(temporary);
  });
}

/** `name=version` of the packages themselves and of what apt would have to add for them. */
async function neededPackages(packages: readonly string[]): Promise<string[]> {
  const plan = await outputOf(['apt-get', '--simulate', '--no-install-recommends', '--reinstall', 'install', ...packages], { env: APT_ENV });
  const needed = [...plan.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)/gm)].map((match) => `${match[1]}=${match[2]}`);
  if (needed.length === 0) throw new Told(`apt has no plan for ${packages.join(' ')}:\n${plan.slice(-1000)}`);
  return needed;
}

/** Downloads packages into a folder; '' or the reason why not. Root's sandbox user may not write there, so no sandbox. */
async function download(packages: readonly string[], into: string): Promise<string> {
  const { code, stderr } = await outcomeOf(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', ...packages], { cwd: into, env: APT_ENV });
  return code === 0 ? '' : stderr.trim().slice(-1000) || `exit code ${code}`;
}

/** The environment in which programs of an unpacked folder find their libraries. */
export function unpackedEnv(folder: string): Record<string, string> {
  const paths: string[] = [];
  for (const parent of [join(folder, 'usr', 'lib'), join(folder, 'lib')]) {
    if (!existsSync(parent)) continue;
    for (const name of readdirSync(parent)) if (name.endsWith('-linux-gnu') && statSync(join(parent, name)).isDirectory()) paths.push(join(parent, name));
  }
  return paths.length === 0 ? {} : { LD_LIBRARY_PATH: [...paths, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') };
}
