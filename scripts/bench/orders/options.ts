import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { PROCESS_LAYOUTS, type ProcessLayout } from '../../stack/services.ts';
import { Told, words } from '../../say.ts';

export type OrdersOptions = {
  /** Of the main phase. */
  seconds: number;
  /** Arrivals a second in the main phase; looked for where it is not given. */
  rate_per_s: number | undefined;
  runs: number;
  layout: ProcessLayout;
  profile_folder: string | undefined;
  overload: boolean;
};

const SECONDS = '60';
const RUNS = '200';
const SECONDS_MAX = 600;
const RUNS_MAX = 2_000;
const RATE_MAX = 20_000;

/** Undefined when help was asked for. */
export function ordersOptions(args: readonly string[]): OrdersOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: SECONDS }, rate: { type: 'string' }, runs: { type: 'string', default: RUNS }, processes: { type: 'string', default: 'grouped' },
      profile: { type: 'string' }, 'no-overload': { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    seconds: whole('--seconds', values.seconds, SECONDS_MAX),
    rate_per_s: values.rate === undefined ? undefined : whole('--rate', values.rate, RATE_MAX),
    runs: whole('--runs', values.runs, RUNS_MAX),
    layout: layoutOf(values.processes),
    profile_folder: values.profile === undefined ? undefined : resolve(process.env.INIT_CWD ?? process.cwd(), values.profile),
    overload: !values['no-overload'],
  };
}

export function helpText(): string {
  return words(
    `npm run bench -- orders [options]
  --seconds N       of the main phase (60); others are shorter in proportion
  --rate N          arrivals a second in the main phase; without it the most that is served in time is looked for
  --runs N          train runs on sale, the first draws 30 % of the demand (200)
  --processes HOW   ${PROCESS_LAYOUTS.join(', ')}: which services share a process (grouped)
  --no-overload     leaves out the phase of five times the rate
  --profile DIR     writes CPU profiles of the services there`,
    `npm run bench -- orders [选项]
  --seconds N       主阶段时长，秒（60）；其他阶段按比例缩短
  --rate N          主阶段每秒到达数；不指定则寻找能及时服务的最大值
  --runs N          在售车次数，第一个车次占三成需求（200）
  --processes 方式  ${PROCESS_LAYOUTS.join('、')}：服务如何合并进程（grouped）
  --no-overload     不测五倍到达率的阶段
  --profile 目录    把各服务的 CPU 剖析写到该目录`,
  );
}

function whole(name: string, text: string, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most) throw new Told(`${name} takes 1 to ${most}, not ${text}`, `${name} 取 1 到 ${most}，不能是 ${text}`);
  return number;
}

function layoutOf(text: string): ProcessLayout {
  const layout = PROCESS_LAYOUTS.find((one) => one === text);
  if (layout === undefined) throw new Told(`--processes takes ${PROCESS_LAYOUTS.join(', ')}, not ${text}`, `--processes 取 ${PROCESS_LAYOUTS.join('、')}，不能是 ${text}`);
  return layout;
}
