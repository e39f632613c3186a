/** One seed, from nothing to the judgement. */
import type { Plant } from './plant.ts';
import { World, type SeedResult } from './world.ts';

export async function runSeed(seed: number, options: { plant?: Plant; traced?: boolean } = {}): Promise<SeedResult> {
  return new World(seed, options).run();
}
