/** How long holds take when calls come at their own pace: on one hot run, and how much of it is waiting for a tick. */
import { say } from '../../say.ts';
import type { Acknowledgements } from './acknowledged.ts';
import { untilIdle } from './cpu.ts';
import { batchCall, batchLoop, closedLoop, openLoop, refusedText, unaryHold, type OpenLoopOutcome, type Wishes } from './load.ts';
import { histogramBetween, histogramIn, histogramQuantile, quantile, round, type HistogramCounts } from './measure.ts';
import { HOLDS_PER_CALL } from './mix.ts';
import type { Sizes } from './options.ts';
import { UNARY_CALLERS } from './unary.ts';
import type { World } from './world.ts';

const HOT_PER_S = 2_000;
const BATCH_CALLERS = 8;
/** From a hold being submitted to the start of its tick (services/inventory/app/metrics.ts). */
const TICK_WAIT = 'inventory_tick_wait_seconds';

/** 2,000 single holds a second on one run. */
export async function measureHot(world: World, wishes: Wishes, acknowledged: Acknowledgements, { open_loop_ms }: Sizes): Promise<Record<string, unknown>> {
  const hold = () => unaryHold(world.client, wishes.hot(), acknowledged);
  await openLoop(HOT_PER_S / 4, open_loop_ms / 4, hold);
  const outcome = await openLoop(HOT_PER_S, open_loop_ms, hold);
  await untilIdle(world.processes());
  const [p50, p99] = [quantile(outcome.latencies_ms, 0.5), quantile(outcome.latencies_ms, 0.99)];
  say(`hot: ${told(outcome)}, p50 ${round(p50, 1)} ms, p99 ${round(p99, 1)} ms`, `热门车次：${told(outcome)}，p50 ${round(p50, 1)} ms，p99 ${round(p99, 1)} ms`);
  return {
    hot_p99_ms: round(p99, 2),
    hot_p50_ms: round(p50, 2),
    hot_offered_per_s: round(outcome.offered / (open_loop_ms / 1000)),
    hot_achieved_per_s: round(outcome.held / outcome.took_s),
    hot_refused: Object.fromEntries(outcome.refused),
  };
}

/** At half of what the service can do, by single holds and by calls of 64; what it can do is measured just before. */
export async function measureDelay(world: World, wishes: Wishes, acknowledged: Acknowledgements, { round_ms, open_loop_ms }: Sizes): Promise<Record<string, unknown>> {
  const unary = () => unaryHold(world.client, wishes.spread(), acknowledged);
  const unary_most = await closedLoop(UNARY_CALLERS, round_ms * 2, unary);
  await untilIdle(world.processes());
  const unary_wait = await waitDuring(world, () => openLoop(unary_most.held / unary_most.took_s / 2, open_loop_ms / 2, unary));
  const batch_most = await batchLoop(world.client, BATCH_CALLERS, round_ms * 2, () => wishes.spread(), acknowledged);
  await untilIdle(world.processes());
  const calls_per_s = batch_most.held / batch_most.took_s / HOLDS_PER_CALL / 2;
  const batch = (outcome: Parameters<typeof batchCall>[3]) => batchCall(world.client, Array.from({ length: HOLDS_PER_CALL }, () => wishes.spread()), acknowledged, outcome);
  const batch_wait = await waitDuring(world, () => openLoop(calls_per_s, open_loop_ms / 2, batch));
  return {
    added_delay_p95_ms: unary_wait.p95_ms,
    added_delay_p50_ms: unary_wait.p50_ms,
    added_delay_holds_per_s: unary_wait.holds_per_s,
    added_delay_batch_p95_ms: batch_wait.p95_ms,
    added_delay_batch_p50_ms: batch_wait.p50_ms,
    added_delay_batch_holds_per_s: batch_wait.holds_per_s,
  };
}

async function waitDuring(world: World, load: () => Promise<OpenLoopOutcome>): Promise<{ p95_ms: number | null; p50_ms: number | null; holds_per_s: number }> {
  const before = histogramIn(await world.metrics(), TICK_WAIT);
  const outcome = await load();
  const after = histogramIn(await world.metrics(), TICK_WAIT);
  await untilIdle(world.processes());
  const waits: HistogramCounts = after === undefined ? [] : histogramBetween(before, after);
  const ms = (share: number) => (after === undefined ? null : round(histogramQuantile(waits, share) * 1000, 2));
  say(`delay at half load: ${told(outcome)}, p95 ${ms(0.95)} ms`, `半载下的攒批延迟：${told(outcome)}，p95 ${ms(0.95)} ms`);
  return { p95_ms: ms(0.95), p50_ms: ms(0.5), holds_per_s: round(outcome.held / outcome.took_s) };
}

function told(outcome: OpenLoopOutcome): string {
  return `${outcome.offered} calls, ${outcome.held} held in ${round(outcome.took_s, 1)} s ${refusedText(outcome)}`.trimEnd();
}
