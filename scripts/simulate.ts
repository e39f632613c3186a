/**
 * `npm run simulate`: the saga of orders, payments and tickets under a seeded scheduler with faults. A seed that breaks a
 * promise is named; `--seed N` runs it again and prints its trace.
 */
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { parseArgs } from 'node:util';
import { FAULTS } from '../test/simulation/faults.ts';
import { merged, runSeeds, type Sums } from '../test/simulation/many_seeds.ts';
import { PLANTED } from '../test/simulation/planted.ts';
import { runSeed } from '../test/simulation/run_seed.ts';
import { printError, say, Told, words } from './say.ts';

const SEEDS = 10_000;
const SEEDS_MAX = 100_000_000;
/** Seeds that a worker takes at a time, between two words of progress. */
const PORTION = 250;
const PROGRESS_MS = 5000;
const FAILURES_MAX = 10;

type Portion = { from: number; count: number; plant: string | undefined };

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { seeds: { type: 'string' }, from: { type: 'string' }, seed: { type: 'string' }, plant: { type: 'string' }, workers: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) return help();
  const plant = values.plant === undefined ? undefined : plantNamed(values.plant);
  if (values.seed !== undefined) return one(number('--seed', values.seed), plant);
  return many(number('--from', values.from ?? '1'), number('--seeds', values.seeds ?? String(SEEDS)), number('--workers', values.workers ?? String(availableParallelism())), plant);
}

async function one(seed: number, plant: string | undefined): Promise<number> {
  const { trace, violations, steps, outcomes } = await runSeed(seed, { plant: plant === undefined ? undefined : PLANTED[plant], traced: true });
  console.log(trace!.join('\n'));
  console.log(`\n${words(`seed ${seed}: ${steps} steps`, `种子 ${seed}：${steps} 步`)}  ${JSON.stringify(outcomes)}`);
  for (const violation of violations) console.log(`✘ ${violation}`);
  if (violations.length === 0) console.log(words('✔ every promise was kept', '✔ 所有承诺均已遵守'));
  return violations.length === 0 ? 0 : 1;
}

async function many(from: number, count: number, workers: number, plant: string | undefined): Promise<number> {
  say(`${count} seeds from ${from}, ${workers} at a time`, `从 ${from} 起共 ${count} 个种子，${workers} 个并行`);
  const started_ms = performance.now();
  const portions = Array.from({ length: Math.ceil(count / PORTION) }, (_, index) => ({ from: from + index * PORTION, count: Math.min(PORTION, count - index * PORTION), plant })).values();
  let sums: Sums | undefined;
  let told_ms = started_ms;
  const work = async (): Promise<void> => {
    for (const portion of portions) {
      const done = await inWorker(portion);
      sums = sums === undefined ? done : merged(sums, done);
      if (performance.now() - told_ms > PROGRESS_MS) {
        told_ms = performance.now();
        say(`… ${sums.seeds} of ${count} seeds, ${sums.failed.length} failed`, `……已完成 ${sums.seeds}/${count} 个种子，失败 ${sums.failed.length}`);
      }
      if (sums.failed.length >= FAILURES_MAX) return;
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return report(sums!, performance.now() - started_ms, plant);
}

function inWorker(portion: Portion): Promise<Sums> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: portion });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function report({ seeds, steps, counts, crashes, outcomes, failed }: Sums, took_ms: number, plant: string | undefined): number {
  console.log(words('\nfaults', '\n故障次数'));
  for (const fault of FAULTS) console.log(`  ${fault.padEnd(24)} ${String(counts[fault]).padStart(10)}`);
  console.log(words(`processes ended at ${Object.keys(crashes).length} different points`, `进程在 ${Object.keys(crashes).length} 个不同的位置终止`));
  console.log(words('how it ended', '结局'));
  for (const [end, count] of Object.entries(outcomes).toSorted(([, a], [, b]) => b - a)) console.log(`  ${end.padEnd(24)} ${String(count).padStart(10)}`);
  for (const { seed, violations } of failed.toSorted((a, b) => a.seed - b.seed).slice(0, FAILURES_MAX)) {
    console.log(`✘ ${words(`seed ${seed}`, `种子 ${seed}`)}: ${violations[0]}`);
    console.log(`  npm run simulate -- --seed ${seed}${plant === undefined ? '' : ` --plant '${plant}'`}`);
  }
  console.log(words(`${seeds} seeds, ${steps} steps in ${Math.round(took_ms / 1000)} s, ${failed.length} failed`, `${seeds} 个种子，${steps} 步，用时 ${Math.round(took_ms / 1000)} 秒，失败 ${failed.length}`));
  console.log(JSON.stringify({ seeds, steps, failed: failed.length, counts, crashes, outcomes }));
  return failed.length === 0 ? 0 : 1;
}

function plantNamed(text: string): string {
  const found = Object.keys(PLANTED).filter((name) => name.includes(text));
  if (found.length === 1) return found[0]!;
  throw new Told(`"${text}" names ${found.length} planted bugs. There are:\n  ${Object.keys(PLANTED).join('\n  ')}`, `"${text}" 对应 ${found.length} 个预置错误。可选：\n  ${Object.keys(PLANTED).join('\n  ')}`);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > SEEDS_MAX) throw new Told(`${name} is a whole number from 1 to ${SEEDS_MAX}.`, `${name} 须为 1 到 ${SEEDS_MAX} 的整数。`);
  return value;
}

function help(): number {
  console.log(words(
    `npm run simulate [-- options]   simulates sales with faults and checks every promise
  --seeds N      how many seeds (${SEEDS})
  --from N       the first seed (1)
  --seed N       one seed, with its trace
  --plant NAME   with a planted bug: ${Object.keys(PLANTED).length} of them; a part of the name is enough
  --workers N    how many at a time (as many as there are cores)`,
    `npm run simulate [-- 选项]   在注入故障的情况下模拟售票，并检查每项承诺
  --seeds N      种子数量（${SEEDS}）
  --from N       第一个种子（1）
  --seed N       只运行一个种子，并输出过程
  --plant NAME   预置一个错误（共 ${Object.keys(PLANTED).length} 个），写出名称的一部分即可
  --workers N    并行数量（默认等于核数）`,
  ));
  return 0;
}

if (isMainThread) {
  try {
    process.exit(await main());
  } catch (error) {
    printError(error);
    process.exit(1);
  }
} else {
  const { from, count, plant } = workerData as Portion;
  parentPort!.postMessage(await runSeeds({ from, count, plant: plant === undefined ? undefined : PLANTED[plant], failures_max: FAILURES_MAX }));
}
