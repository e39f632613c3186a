/**
 * Who a process is, beyond its number: the kernel gives numbers again, so a recorded process is only ours when it also
 * started at the recorded tick of the recorded boot. Nothing is ever signalled by number alone.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type ProcessIdentity = { pid: number; start_ticks: string; boot_id: string };

const POLL_MS = 25;

/** The identity of a running process; undefined when there is none by that number, or only its remains (a zombie). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything; the fields behind it are plain.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, start_ticks: fields[19]!, boot_id: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() };
  } catch {
    return undefined;
  }
}

export function isRunning(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== undefined && now.start_ticks === identity.start_ticks && now.boot_id === identity.boot_id;
}

/** Signals the group that a process leads, if it is still that process. */
export function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(-identity.pid, signal);
  } catch {
    try {
      process.kill(identity.pid, signal);
    } catch {
      // It ended in between.
    }
  }
}

/** Waits until a process is gone; false when it is still there after `within_ms`. */
export async function waitGone(identity: ProcessIdentity, within_ms: number): Promise<boolean> {
  const until_ms = performance.now() + within_ms;
  while (isRunning(identity)) {
    if (performance.now() > until_ms) return false;
    await sleep(POLL_MS);
  }
  return true;
}

export function recordProcess(folder: string, name: string, identity: ProcessIdentity): void {
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(identity));
}

export function forgetProcess(folder: string, name: string): void {
  rmSync(join(folder, `${name}.json`), { force: true });
}

/**
 * Ends what an earlier supervisor left behind (it was killed and the kernel did not take its children along), and
 * returns their names. The databases get a moment to end in order.
 */
export async function endOrphans(folder: string): Promise<string[]> {
  const ended: string[] = [];
  await Promise.all(
    recorded(folder).map(async ([name, identity]) => {
      if (isRunning(identity)) {
        ended.push(name);
        signalGroup(identity, 'SIGTERM');
        if (!(await waitGone(identity, 5_000))) signalGroup(identity, 'SIGKILL');
        await waitGone(identity, 10_000);
      }
      forgetProcess(folder, name);
    }),
  );
  return ended;
}

function recorded(folder: string): [string, ProcessIdentity][] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.flatMap((file): [string, ProcessIdentity][] => {
    try {
      return [[file.slice(0, -'.json'.length), JSON.parse(readFileSync(join(folder, file), 'utf8')) as ProcessIdentity]];
    } catch {
      return [];
    }
  });
}
