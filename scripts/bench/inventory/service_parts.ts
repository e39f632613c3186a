/** The parts that load the service itself: one world for all of them, and the oracle over what they leave. */
import { say, step } from '../../say.ts';
import { Acknowledgements } from './acknowledged.ts';
import { churn } from './churn.ts';
import { untilIdle } from './cpu.ts';
import { measureDurable } from './durable.ts';
import { measureDelay, measureHot } from './latency.ts';
import { batchCall, refusedText, Wishes, type Outcome } from './load.ts';
import { round } from './measure.ts';
import { HOLDS_PER_CALL, trainName } from './mix.ts';
import type { BenchOptions, PartName } from './options.ts';
import { askOracle } from './oracle.ts';
import type { Findings } from './oracle_rules.ts';
import { measureUnary } from './unary.ts';
import { startWorld, type World } from './world.ts';

export const SERVICE_PARTS: readonly PartName[] = ['durable', 'unary', 'hot', 'delay', 'oracle'];

/** Few, so that they are full soon. */
const CHURNED_RUNS = 2;

export async function measureService(options: BenchOptions): Promise<{ fields: Record<string, unknown>; findings: Findings }> {
  const { parts, sizes } = options;
  const world = await startWorld(options);
  try {
    const acknowledged = new Acknowledgements();
    const { wishes, churned, fields } = await prepare(world, options, acknowledged);
    const result = { ...fields };
    if (parts.has('durable')) Object.assign(result, await measureDurable(world, wishes, acknowledged, sizes));
    if (parts.has('unary')) Object.assign(result, await measureUnary(world, wishes, acknowledged, sizes));
    if (parts.has('delay')) Object.assign(result, await measureDelay(world, wishes, acknowledged, sizes));
    if (parts.has('hot')) Object.assign(result, await measureHot(world, wishes, acknowledged, sizes));
    if (parts.has('oracle')) await churn(world, wishes, churned, acknowledged, sizes.churn_ms);
    const findings = await askOracle(world, acknowledged);
    return { fields: { ...result, acknowledged_holds: acknowledged.all.size }, findings };
  } finally {
    await world.stop();
  }
}

/** Opens the runs, starts the service again on them, and holds a seat on each, so that their seat rows exist. */
async function prepare(world: World, { sizes }: BenchOptions, acknowledged: Acknowledgements): Promise<{ wishes: Wishes; churned: string[]; fields: Record<string, unknown> }> {
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, index) => trainName(kind, index));
  const opened = await step(say, `opening ${sizes.runs} runs`, `正在开售 ${sizes.runs} 个车次`, () => world.open(names('G', sizes.runs)));
  const hot = await world.open(names('H', sizes.hot_runs));
  const churned = await world.open(names('C', CHURNED_RUNS));
  const start_s = await world.restart();
  const wishes = new Wishes(opened.run_ids, hot.run_ids);
  const all = [...opened.run_ids, ...hot.run_ids, ...churned.run_ids];
  await step(say, 'a first hold on every run', '每个车次先预扣一次', async () => {
    for (let start = 0; start < all.length; start += HOLDS_PER_CALL) await holdOnEach(world, wishes, all.slice(start, start + HOLDS_PER_CALL), acknowledged);
    await untilIdle(world.processes());
  });
  return { wishes, churned: churned.run_ids, fields: { open_runs_per_s: round(sizes.runs / opened.took_s), service_start_s: round(start_s, 1) } };
}

async function holdOnEach(world: World, wishes: Wishes, run_ids: readonly string[], acknowledged: Acknowledgements): Promise<void> {
  const outcome: Outcome = { held: 0, refused: new Map(), took_s: 0 };
  const held = await batchCall(world.client, run_ids.map((run_id) => wishes.on(run_id)), acknowledged, outcome);
  if (held !== run_ids.length) throw new Error(`the first holds were refused: ${refusedText(outcome)}`);
}
