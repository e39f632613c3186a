import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { Told, words } from '../../say.ts';

export const PARTS = ['redis', 'durable', 'unary', 'hot', 'delay', 'oracle', 'rebuild', 'served'] as const;
export type PartName = (typeof PARTS)[number];

/** How much is measured. */
export type Sizes = {
  runs: number;
  /** Runs on which all holds of a moment meet, one after the other as they fill. */
  hot_runs: number;
  rounds: number;
  round_ms: number;
  open_loop_ms: number;
  churn_ms: number;
  rebuilt_holds_per_run: number;
  /** Of a run of 100 seats; a tenth as many of one of 1,000. */
  simulations: number;
};

export type BenchOptions = { parts: ReadonlySet<PartName>; sizes: Sizes; profile_folder: string | undefined; keep: boolean };

const FULL: Sizes = { runs: 2_000, hot_runs: 64, rounds: 7, round_ms: 1_000, open_loop_ms: 10_000, churn_ms: 5_000, rebuilt_holds_per_run: 500, simulations: 50 };
const QUICK: Sizes = { runs: 200, hot_runs: 16, rounds: 3, round_ms: 400, open_loop_ms: 2_000, churn_ms: 1_500, rebuilt_holds_per_run: 100, simulations: 5 };

/** Undefined when help was asked for. */
export function benchOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, profile: { type: 'string' }, keep: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) return undefined;
  const sizes = { ...(values.quick ? QUICK : FULL) };
  if (values.rounds !== undefined) sizes.rounds = roundsOf(values.rounds);
  const profile_folder = values.profile === undefined ? undefined : resolve(process.env.INIT_CWD ?? process.cwd(), values.profile);
  return { parts: new Set(partsOf(values.only)), sizes, profile_folder, keep: values.keep };
}

export function helpText(): string {
  const parts = PARTS.join(',');
  return words(
    `npm run bench -- inventory [options]
  --only PARTS    only these, of ${parts}
  --quick         a tenth of the size: to see that it works, not for figures
  --rounds N      how many short rounds of base and subject alternate (7)
  --profile DIR   writes CPU profiles of the inventory process there (--cpu-prof)
  --keep          keeps the servers' folders and logs`,
    `npm run bench -- inventory [选项]
  --only 部分     只测这些部分：${parts}
  --quick         十分之一规模：只看能否运行，不取数据
  --rounds N      基准与被测对象交替的轮数（7）
  --profile 目录  把 inventory 进程的 CPU 剖析写到该目录（--cpu-prof）
  --keep          保留各服务器的目录和日志`,
  );
}

function partsOf(only: string | undefined): PartName[] {
  if (only === undefined) return [...PARTS];
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !PARTS.some((part) => part === name));
  if (unknown.length > 0) throw new Told(`There is no part "${unknown.join(', ')}". There are: ${PARTS.join(', ')}.`, `没有名为 "${unknown.join('、')}" 的部分。可用：${PARTS.join('、')}。`);
  return PARTS.filter((part) => names.includes(part));
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Told(`--rounds takes 1 to 100, not ${text}`, `--rounds 取 1 到 100，不能是 ${text}`);
  return rounds;
}
