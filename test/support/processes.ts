/** Finding processes from outside, as an operator would: by what the kernel says of them. */
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

/** Resolves when a condition holds; the test's own timeout is the limit. */
export async function eventually<T>(look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await sleep(20);
  }
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
