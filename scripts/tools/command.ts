/** Running programs and finding them: what the installers share. */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { Told } from '../say.ts';

export type Outcome = { code: number; stdout: string; stderr: string };
export type CommandOptions = { cwd?: string; env?: NodeJS.ProcessEnv; input?: string; deadline_ms?: number };

/** Of each stream; a cluster says all it knows of its pods in a few million. */
const OUTPUT_CHARS_MAX = 32_000_000;
const DEADLINE_MS = 15 * 60_000;

/** Runs a program to its end; never throws for an exit code. A program that can't be started has code 127. */
export function outcomeOf(words: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const [program, ...args] = [...dieWithUs(), ...words];
    const child = spawn(program!, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    running.add(child);
    const timer = setTimeout(() => killGroup(child), options.deadline_ms ?? DEADLINE_MS);
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (data: Buffer) => (stdout = `${stdout}${data.toString()}`.slice(-OUTPUT_CHARS_MAX)));
    child.stderr!.on('data', (data: Buffer) => (stderr = `${stderr}${data.toString()}`.slice(-OUTPUT_CHARS_MAX)));
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
    const end = (outcome: Outcome): void => {
      clearTimeout(timer);
      running.delete(child);
      resolve(outcome);
    };
    child.on('error', (error) => end({ code: 127, stdout, stderr: error.message }));
    child.on('close', (code) => end({ code: code ?? 137, stdout, stderr }));
  });
}

/** Words before a command that make the kernel kill it when this process ends, however it ends (util-linux). */
export function dieWithUs(): string[] {
  setpriv ??= (process.platform === 'linux' && which('setpriv')) || '';
  return setpriv ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
}

let setpriv: string | undefined;
const running = new Set<ChildProcess>();

// A compiler's own children go with it when this process is interrupted.
process.on('exit', () => running.forEach(killGroup));

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Runs a program that must succeed and returns what it printed; its last words become the error. */
export async function outputOf(words: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await outcomeOf(words, options);
  if (code === 0) return stdout;
  const last_words = `${stdout}\n${stderr}`.trim().split('\n').slice(-15).join('\n');
  throw new Told(`${words.join(' ')}\nfailed with exit code ${code}:\n${last_words}`, `${words.join(' ')}\n失败，退出码 ${code}：\n${last_words}`);
}

/** The full path of a program: on the PATH, or where Debian keeps servers, which an ordinary user's PATH leaves out. */
export function which(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.filter(Boolean).map((folder) => join(folder, program)).find(executable);
}

export function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first dotted number in what `program --version` (or another flag) prints; undefined if it does not run. */
export async function versionOf(program: string, flag = '--version', env?: NodeJS.ProcessEnv): Promise<number[] | undefined> {
  const { code, stdout, stderr } = await outcomeOf([program, flag], { env, deadline_ms: 20_000 });
  const found = code === 0 ? /(\d+)\.(\d+)(?:\.(\d+))?/.exec(`${stdout} ${stderr}`) : null;
  return found?.slice(1).filter(Boolean).map(Number);
}

/** Whether a version is `least` or newer, compared number by number. */
export function atLeast(version: readonly number[] | undefined, least: readonly number[]): boolean {
  if (!version) return false;
  for (const [index, number] of least.entries()) {
    const own = version[index] ?? 0;
    if (own !== number) return own > number;
  }
  return true;
}
