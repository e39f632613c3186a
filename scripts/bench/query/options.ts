import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { Told, words } from '../../say.ts';

export const PARTS = ['search', 'tiers', 'edge', 'cached', 'freshness', 'wrong'] as const;
export type PartName = (typeof PARTS)[number];

/** How much is measured. */
export type Sizes = { rounds: number; round_ms: number; warm_ms: number; /** At least, so that what is measured is compiled, also on a busy machine. */ warm_answers: number; open_loop_ms: number; holds: number; searches_compared: number };

export type QueryOptions = { parts: ReadonlySet<PartName>; sizes: Sizes; /** A GTFS zip; without it the network that the product generates. */ feed: string | undefined; profile_folder: string | undefined };

const FULL: Sizes = { rounds: 7, round_ms: 2_000, warm_ms: 6_000, warm_answers: 10_000, open_loop_ms: 10_000, holds: 200, searches_compared: 10_000 };
const QUICK: Sizes = { rounds: 3, round_ms: 700, warm_ms: 2_000, warm_answers: 2_000, open_loop_ms: 3_000, holds: 40, searches_compared: 300 };

/** Undefined when help was asked for. */
export function queryOptions(args: readonly string[]): QueryOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { feed: { type: 'string' }, only: { type: 'string' }, quick: { type: 'boolean', default: false }, profile: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) return undefined;
  const path = (text: string | undefined) => (text === undefined ? undefined : resolve(process.env.INIT_CWD ?? process.cwd(), text));
  return { parts: new Set(partsOf(values.only)), sizes: values.quick ? QUICK : FULL, feed: path(values.feed), profile_folder: path(values.profile) };
}

export function helpText(): string {
  const parts = PARTS.join(',');
  return words(
    `npm run bench -- query [options]
  --feed FILE     the timetable, a GTFS zip; without it the network that the product generates
  --only PARTS    only these, of ${parts}
  --quick         short rounds: to see that it works, not for figures
  --profile DIR   writes a CPU profile of the measured replica there (--cpu-prof)`,
    `npm run bench -- query [选项]
  --feed 文件     时刻表（GTFS 压缩包）；不指定则用产品生成的路网
  --only 部分     只测这些部分：${parts}
  --quick         短轮次：只看能否运行，不取数据
  --profile 目录  把被测副本的 CPU 剖析写到该目录（--cpu-prof）`,
  );
}

function partsOf(only: string | undefined): PartName[] {
  if (only === undefined) return [...PARTS];
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !PARTS.some((part) => part === name));
  if (unknown.length > 0) throw new Told(`There is no part "${unknown.join(', ')}". There are: ${PARTS.join(', ')}.`, `没有名为 "${unknown.join('、')}" 的部分。可用：${PARTS.join('、')}。`);
  return PARTS.filter((part) => names.includes(part));
}
