/** Many seeds one after the other, with sums of what went wrong in them and how orders ended. */
import { FAULTS, noFaults, type FaultCounts } from './faults.ts';
import type { Plant } from './plant.ts';
import { runSeed } from './run_seed.ts';
import type { SeedResult } from './world.ts';

export type Sums = { seeds: number; steps: number; counts: FaultCounts; crashes: Record<string, number>; outcomes: Record<string, number>; failed: { seed: number; violations: string[] }[] };

export type ManyOptions = {
  from: number;
  count: number;
  plant?: Plant;
  /** Ends after so many seeds have failed. */
  failures_max?: number;
  onSeed?: (sums: Sums) => void;
};

export async function runSeeds({ from, count, plant, failures_max = 10, onSeed }: ManyOptions): Promise<Sums> {
  const sums: Sums = { seeds: 0, steps: 0, counts: noFaults(), crashes: {}, outcomes: {}, failed: [] };
  for (let seed = from; seed < from + count && sums.failed.length < failures_max; seed += 1) {
    add(sums, await runSeed(seed, { plant }));
    onSeed?.(sums);
  }
  return sums;
}

export function add(sums: Sums, { seed, steps, counts, crashes, outcomes, violations }: SeedResult): void {
  sums.seeds += 1;
  sums.steps += steps;
  for (const fault of FAULTS) sums.counts[fault] += counts[fault];
  addCounts(sums.crashes, crashes);
  addCounts(sums.outcomes, outcomes);
  if (violations.length > 0) sums.failed.push({ seed, violations });
}

export function merged(left: Sums, right: Sums): Sums {
  const counts = noFaults();
  for (const fault of FAULTS) counts[fault] = left.counts[fault] + right.counts[fault];
  const crashes = addCounts({ ...left.crashes }, right.crashes);
  const outcomes = addCounts({ ...left.outcomes }, right.outcomes);
  return { seeds: left.seeds + right.seeds, steps: left.steps + right.steps, counts, crashes, outcomes, failed: [...left.failed, ...right.failed] };
}

function addCounts(sums: Record<string, number>, more: Readonly<Record<string, number>>): Record<string, number> {
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
