/** CPU time of processes as the kernel counts it, user and system, all threads (proc(5), stat). */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** USER_HZ, which Linux tells programs on every architecture it is common on. */
const TICKS_PER_S = 100;
const LOOK_EVERY_MS = 200;
/** Of one core, over one look. */
const IDLE_SHARE = 0.04;
const IDLE_LOOKS = 3;

export type Processes = Readonly<Record<string, number>>;
export type CpuTimes = Record<string, number>;

/** CPU seconds used so far, by name of the process. */
export function cpuOf(processes: Processes): CpuTimes {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, cpu_s(pid)]));
}

export function cpuBetween(before: CpuTimes, after: CpuTimes): CpuTimes {
  return Object.fromEntries(Object.entries(after).map(([name, used_s]) => [name, used_s - (before[name] ?? 0)]));
}

/**
 * Resolves when the processes have little left to do, so that what one round left behind (events to publish, changes to
 * tell) neither slows the next one nor is forgotten in its sum. False when they are still busy at the limit.
 */
export async function untilIdle(processes: Processes, limit_ms = 30_000): Promise<boolean> {
  const deadline_ms = performance.now() + limit_ms;
  let idle_looks = 0;
  for (let before = total_s(processes); performance.now() < deadline_ms; ) {
    const from_ms = performance.now();
    await sleep(LOOK_EVERY_MS);
    const after = total_s(processes);
    idle_looks = (after - before) / ((performance.now() - from_ms) / 1000) < IDLE_SHARE * Object.keys(processes).length ? idle_looks + 1 : 0;
    if (idle_looks >= IDLE_LOOKS) return true;
    before = after;
  }
  return false;
}

function total_s(processes: Processes): number {
  return Object.values(cpuOf(processes)).reduce((sum, used_s) => sum + used_s, 0);
}

function cpu_s(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program is in brackets and may hold anything; fields are counted from behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
