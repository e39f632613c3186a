/** Memory of the processes of a stack, as the kernel counts it: shared pages are divided among those who share them. */
import { readFileSync, readdirSync } from 'node:fs';

export type ProcessMemory = { name: string; pss_mib: number };

/** Proportional set size of each named process and of what it has started, in MiB. */
export function memoryOf(processes: readonly { name: string; pid: number }[]): ProcessMemory[] {
  const children = childrenByParent();
  return processes.map(({ name, pid }) => ({ name, pss_mib: Math.round(familyOf(pid, children).reduce((sum, one) => sum + pssKib(one), 0) / 1024) }));
}

function familyOf(pid: number, children: ReadonlyMap<number, number[]>): number[] {
  return [pid, ...(children.get(pid) ?? []).flatMap((child) => familyOf(child, children))];
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(/^PPid:\s+(\d+)/m.exec(readOrEmpty(`/proc/${entry}/status`))?.[1] ?? '0');
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  return children;
}

function pssKib(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1] ?? '0');
}

/** A process may end while it is looked at. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
