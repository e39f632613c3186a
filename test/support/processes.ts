/** Finding processes from outside, as an operator would: by what the kernel says of them. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Processes other than this one that run in a folder or were started with it on their command line. */
export function processesOfFolder(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = attempt(() => readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim());
      const cwd = attempt(() => readlinkSync(`/proc/${name}/cwd`));
      const inside = cwd === folder || cwd.startsWith(`${folder}/`) || command.includes(`${folder}/`);
      return inside && command !== '' ? [{ pid: Number(name), command }] : [];
    });
}

/** Ends a process at once, whatever it does, and resolves when it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Resolves when a condition holds; the test's own timeout is the limit. */
export async function eventually<T>(look: () => T | undefined | false | Promise<T | undefined | false>, pause_ms = 20): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await sleep(pause_ms);
  }
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
